from datetime import datetime, timezone
from functools import cache

from sqlalchemy import DateTime, Engine, Integer, String, Text, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from worker.settings import settings


class Base(DeclarativeBase):
    pass


class Document(Base):
    __tablename__ = "documents"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(120))
    words: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    processed: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@cache
def engine() -> Engine:
    """Made at first use: a connection must not be shared with a forked child."""
    made = create_engine(settings.database_url)
    Base.metadata.create_all(made)
    return made


def remember(digest: str, media_type: str, text: str) -> None:
    with Session(engine()) as session, session.begin():
        session.merge(
            Document(
                digest=digest,
                media_type=media_type,
                words=len(text.split()),
                text=text,
                processed=datetime.now(timezone.utc),
            )
        )

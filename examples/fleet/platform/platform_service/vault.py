"""Encrypted settings and hashed access keys, in any database SQLAlchemy can reach."""

import secrets
from datetime import datetime, timezone

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from cryptography.fernet import Fernet
from sqlalchemy import DateTime, LargeBinary, String, create_engine, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class Setting(Base):
    __tablename__ = "settings"

    service: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    changed: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AccessKey(Base):
    __tablename__ = "access_keys"

    service: Mapped[str] = mapped_column(String(60), primary_key=True)
    digest: Mapped[str] = mapped_column(String(200))


class Vault:
    def __init__(self, url: str, encryption_key: bytes):
        # A database in memory lives in one connection, which all threads must then share.
        options = {}
        if url == "sqlite://":
            options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        self._engine = create_engine(url, **options)
        self._cipher = Fernet(encryption_key)
        self._hasher = PasswordHasher()
        Base.metadata.create_all(self._engine)

    def issue_key(self, service: str) -> str:
        """A new access key for a service; the one it had stops working."""
        key = secrets.token_urlsafe(32)
        with Session(self._engine) as session, session.begin():
            session.merge(AccessKey(service=service, digest=self._hasher.hash(key)))
        return key

    def accepts(self, service: str, key: str) -> bool:
        with Session(self._engine) as session:
            known = session.get(AccessKey, service)
        if known is None:
            return False
        try:
            return self._hasher.verify(known.digest, key)
        except VerificationError:
            return False

    def put(self, service: str, key: str, value: str) -> None:
        row = Setting(
            service=service,
            key=key,
            secret=self._cipher.encrypt(value.encode()),
            changed=datetime.now(timezone.utc),
        )
        with Session(self._engine) as session, session.begin():
            session.merge(row)

    def all(self, service: str) -> dict[str, str]:
        with Session(self._engine) as session:
            rows = session.scalars(select(Setting).where(Setting.service == service)).all()
        return {row.key: self._cipher.decrypt(row.secret).decode() for row in rows}

    def drop(self, service: str, key: str) -> bool:
        statement = delete(Setting).where(Setting.service == service, Setting.key == key)
        with Session(self._engine) as session, session.begin():
            return session.execute(statement).rowcount > 0

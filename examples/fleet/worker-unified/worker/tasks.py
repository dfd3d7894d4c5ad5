import hashlib

import structlog
from celery import shared_task
from sqlalchemy.exc import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from worker import readers, store
from worker.settings import settings

log = structlog.get_logger()

# A database that restarts is back within seconds; a task should not be lost to it.
remember = retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_attempt(5),
    wait=wait_exponential(max=10),
    reraise=True,
)(store.remember)


@shared_task(name="documents.process")
def process(name: str) -> dict:
    """Read one file of the inbox, remember its text and say what it was."""
    file = (settings.inbox / name).resolve()
    if not file.is_relative_to(settings.inbox.resolve()):
        raise ValueError(f"{name} is outside the inbox")
    if file.stat().st_size > settings.max_bytes:
        raise ValueError(f"{name} is larger than {settings.max_bytes} bytes")
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    media_type, text = readers.read(data)
    remember(digest, media_type, text)
    log.info("processed", file=name, media_type=media_type, characters=len(text))
    return {"digest": digest, "media_type": media_type, "words": len(text.split())}


@shared_task(name="documents.kinds")
def kinds() -> list[str]:
    return sorted(readers.readers())

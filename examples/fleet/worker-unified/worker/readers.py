"""Turns a document into text with whichever plugin knows its media type."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points

import magic

Reader = Callable[[bytes], str]


class Unreadable(Exception):
    """No installed plugin reads this kind of document."""


@cache
def readers() -> dict[str, Reader]:
    found = {entry.name: entry.load() for entry in entry_points(group="fleet_worker.readers")}
    return {"text/plain": lambda data: data.decode("utf-8", errors="replace"), **found}


def read(data: bytes) -> tuple[str, str]:
    media_type = magic.from_buffer(data, mime=True)
    reader = readers().get(media_type)
    if reader is None:
        raise Unreadable(media_type)
    return media_type, reader(data)

"""Following a file that grows, is cut or is replaced, by whole lines."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import awatch


class Tail:
    """Reads what a file gained since the last call. A line without its end waits for it."""

    def __init__(self, path: Path):
        self._path = path
        self._inode = 0
        self._offset = 0
        self._rest = b""

    def lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._inode, self._offset, self._rest = status.st_ino, 0, b""
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line for line in whole if line.strip()]


async def batches(path: Path, stop: asyncio.Event) -> AsyncIterator[list[bytes]]:
    """New lines of `path`, until `stop`; what is already there comes first."""
    tail = Tail(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if lines := tail.lines():
        yield lines
    async for _ in awatch(path.parent, stop_event=stop, rust_timeout=1000, yield_on_timeout=True):
        if lines := tail.lines():
            yield lines

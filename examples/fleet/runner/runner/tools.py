"""The tools that may be run, and running one: never more than its time and its output."""

import asyncio
import os
import signal
import tempfile
import time
import tomllib
from pathlib import Path

from pydantic import BaseModel, Field

OUTPUT_LIMIT = 1024 * 1024


class Tool(BaseModel):
    command: list[str] = Field(min_length=1)
    seconds: float = Field(gt=0, le=600)


class Outcome(BaseModel):
    status: int | None
    timed_out: bool
    seconds: float
    output: str


def load(file: Path) -> dict[str, Tool]:
    tables = tomllib.loads(file.read_text())["tools"]
    return {name: Tool.model_validate(table) for name, table in tables.items()}


async def run(tool: Tool, data: bytes) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "input"
        source.write_bytes(data)
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(part.replace("{}", str(source)) for part in tool.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            # A group of its own, so that what the tool starts ends with it.
            start_new_session=True,
        )
        output, timed_out = b"", False
        try:
            async with asyncio.timeout(tool.seconds):
                while len(output) < OUTPUT_LIMIT and (block := await process.stdout.read(65536)):
                    output += block
                if len(output) < OUTPUT_LIMIT:
                    await process.wait()
        except TimeoutError:
            timed_out = True
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return Outcome(
            status=None if timed_out else process.returncode,
            timed_out=timed_out,
            seconds=round(time.monotonic() - started, 3),
            output=output[:OUTPUT_LIMIT].decode(errors="replace"),
        )

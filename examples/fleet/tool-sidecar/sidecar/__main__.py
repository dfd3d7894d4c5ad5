import asyncio
import os
import signal
from pathlib import Path

import structlog

from sidecar import follow, sinks
from sidecar.message import parse

log = structlog.get_logger()


async def main() -> None:
    path = Path(os.environ.get("LOG_FILE", "/tmp/tool/output.log"))
    sink = sinks.choose(os.environ.get("SINK", ""), os.environ.get("STREAM", "tool"))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.info("following", file=str(path), sink=type(sink).__name__)
    async for lines in follow.batches(path, stop):
        messages = [parse(line) for line in lines]
        await sink.send(messages)
        if any(message.kind == "result" for message in messages):
            log.info("the tool has finished")
            return


if __name__ == "__main__":
    asyncio.run(main())

import asyncio
import os
import uuid
from collections import OrderedDict
from pathlib import Path

import orjson
import psutil
import structlog
from aiohttp import web

from runner import tools

log = structlog.get_logger()
KEPT_RUNS = 200
TOOLS = web.AppKey("tools", dict)
RUNS = web.AppKey("runs", OrderedDict)
SLOTS = web.AppKey("slots", asyncio.Semaphore)


def reply(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


async def health(_request: web.Request) -> web.Response:
    return reply({"status": "ok", "free_memory": psutil.virtual_memory().available})


async def list_tools(request: web.Request) -> web.Response:
    return reply({name: tool.model_dump() for name, tool in request.app[TOOLS].items()})


async def start(request: web.Request) -> web.Response:
    name = request.match_info["tool"]
    tool = request.app[TOOLS].get(name)
    if tool is None:
        return reply({"error": f"no tool {name}"}, 404)
    data = await request.read()
    async with request.app[SLOTS]:
        outcome = await tools.run(tool, data)
    run_id = uuid.uuid4().hex
    runs = request.app[RUNS]
    runs[run_id] = {"id": run_id, "tool": name, **outcome.model_dump()}
    while len(runs) > KEPT_RUNS:
        runs.popitem(last=False)
    log.info("ran", tool=name, status=outcome.status, seconds=outcome.seconds)
    return reply(runs[run_id], 201)


async def read(request: web.Request) -> web.Response:
    run = request.app[RUNS].get(request.match_info["id"])
    return reply(run) if run else reply({"error": "no such run"}, 404)


def make_app(known: dict[str, tools.Tool]) -> web.Application:
    middlewares = []
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.instrumentation.aiohttp_server import middleware

        middlewares.append(middleware)
    app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=middlewares)
    app[TOOLS] = known
    app[RUNS] = OrderedDict()
    app[SLOTS] = asyncio.Semaphore(os.cpu_count() or 1)
    app.router.add_get("/health", health)
    app.router.add_get("/tools", list_tools)
    app.router.add_post("/tools/{tool}/runs", start)
    app.router.add_get("/runs/{id}", read)
    return app


if __name__ == "__main__":
    file = Path(os.environ.get("TOOLS_FILE", Path(__file__).parent.parent / "tools.toml"))
    web.run_app(make_app(tools.load(file)), port=int(os.environ.get("PORT", 5002)))

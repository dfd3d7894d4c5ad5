"""Where messages go: a Redis stream, a web address, or standard output."""

import sys
from typing import Protocol

import httpx
import redis.asyncio as redis
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from sidecar.message import Message

again = retry(
    retry=retry_if_exception_type((httpx.TransportError, redis.ConnectionError)),
    stop=stop_after_attempt(6),
    wait=wait_random_exponential(max=20),
    reraise=True,
)


class Sink(Protocol):
    async def send(self, messages: list[Message]) -> None: ...


class StandardOutput:
    async def send(self, messages: list[Message]) -> None:
        for message in messages:
            sys.stdout.write(message.model_dump_json(by_alias=True) + "\n")
        sys.stdout.flush()


class Web:
    def __init__(self, url: str):
        self._url = url
        self._client = httpx.AsyncClient(timeout=10)

    @again
    async def send(self, messages: list[Message]) -> None:
        body = [message.model_dump(mode="json", by_alias=True) for message in messages]
        (await self._client.post(self._url, json=body)).raise_for_status()


class Stream:
    def __init__(self, url: str, name: str):
        self._redis = redis.from_url(url)
        self._name = name

    @again
    async def send(self, messages: list[Message]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for message in messages:
                entry = {"message": message.model_dump_json(by_alias=True)}
                pipeline.xadd(self._name, entry, maxlen=10_000)
            await pipeline.execute()


def choose(url: str, name: str) -> Sink:
    if not url:
        return StandardOutput()
    return Stream(url, name) if url.startswith(("redis://", "rediss://")) else Web(url)

from datetime import datetime, timezone
from typing import Literal

import orjson
from pydantic import AwareDatetime, BaseModel, Field, ValidationError


class Message(BaseModel):
    """What a tool says. Lines that are no such object are its plain log."""

    kind: Literal["log", "progress", "result"] = Field("log", alias="type")
    text: str = ""
    done: float | None = Field(None, ge=0, le=1)
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(timezone.utc))


def parse(line: bytes) -> Message:
    try:
        return Message.model_validate(orjson.loads(line))
    except (orjson.JSONDecodeError, ValidationError):
        return Message(text=line.decode(errors="replace"))

"""The API's channels: messages from outside, let in by their signature instead of a key."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from core.deliver.deliverer import Deliverer
from core.deliver.signature import HEADER, is_signed
from core.errors import DataError
from kits.support.assistant.talk import Message
from kits.support.channel.send import read_secret
from kits.support.channel.slack import is_from_slack, read_event
from kits.support.channel.tell import tell_turn
from kits.support.config import Channel
from kits.support.serve.chat import answer
from kits.support.serve.front import At, Front
from kits.support.serve.inbox import Inbox
from kits.support.store.channel import Incoming, name_conversation, take_in

router = APIRouter(tags=["channels"])
Printable = r"^[^\x00-\x1f\x7f]+$"


class Brought(BaseModel):
    """A message that a webhook channel brings."""

    model_config = ConfigDict(extra="forbid")

    conversation: str = Field(pattern=r"^[\w.@-]{1,40}$", title="Its name; a new one begins a conversation")
    message: str = Field(pattern=Printable, max_length=128, title="Its own name; sent again, it is not answered again")
    user: str = Field(pattern=Printable, max_length=128, title="Whose the conversation is")
    text: str = Field(min_length=1, max_length=20_000, title="What the customer wrote")
    customer: Literal["private", "business"] = "private"


@dataclass(frozen=True)
class Channels:
    """The channels of a server.

    Attributes:
        settings: By name.
        secrets: Keys of their signatures, by name.
        deliverer: Sends what is said in them.
        inbox: Answers what was taken in.
    """

    settings: Mapping[str, Channel]
    secrets: Mapping[str, bytes]
    deliverer: Deliverer
    inbox: Inbox


def read_secrets(channels: Mapping[str, Channel]) -> dict[str, bytes]:
    """The keys of signatures, by the names of the channels.

    Raises:
        ConfigError: A variable that holds one is not set.
    """
    return {name: read_secret(channel).encode() for name, channel in channels.items()}


def name_path(channel: str) -> str:
    """Where a channel's messages are sent to.

    >>> name_path("shop")
    '/channels/shop'
    """
    return f"/channels/{channel}"


_DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Brought.model_json_schema()}},
        "description": "What a channel of the kind webhook sends; one of the kind slack takes Slack's events.",
    },
    "parameters": [
        {
            "name": HEADER, "in": "header", "required": False, "schema": {"type": "string"},
            "description": "t=SECONDS,v1=HEX: HMAC-SHA256 of SECONDS, a full stop and the body. It stands for a key.",
        }
    ],
}  # fmt: skip


@router.post("/channels/{name}", response_model=None, openapi_extra=_DOCUMENTED)
async def take(
    front: At, request: Request, name: Annotated[str, Path(max_length=20)]
) -> Mapping[str, Any] | Response:
    """Take a message that a channel brings; needs no key, but the channel's signature, at most five minutes old."""
    channels: Channels = request.app.state.channels
    channel = channels.settings.get(name)
    if channel is None:
        raise HTTPException(404, "no such channel")
    body = await request.body()
    if channel.kind == "slack":
        return await _take_event(front, channels, channel, request, body)
    if not is_signed(channels.secrets[name], body, request.headers.get(HEADER, ""), time.time()):
        raise HTTPException(401, f"the signature in {HEADER} is missing, wrong or too old")
    try:
        brought = Brought.model_validate_json(body)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise HTTPException(422, f"the message is not as expected: {faults[:500]}") from error
    return await _take_message(front, request, channel, brought)


async def _take_message(
    front: Front, request: Request, channel: Channel, brought: Brought
) -> Mapping[str, Any] | Response:
    """Answer a message once, however often it is sent."""
    store = front.assistant.store
    id = name_conversation(channel.name, brought.conversation)
    is_kept, reply = await run_in_threadpool(store.find_reply, id, brought.message)
    if not is_kept:
        message = Message(id, brought.text, brought.user, brought.customer, channel.name, id=brought.message)
        answered = await answer(front, request, message)
        if isinstance(answered, Response):
            return answered
        _, reply = await run_in_threadpool(store.find_reply, id, brought.message)
    told = None if reply is None else tell_turn(reply)
    return {"conversation": brought.conversation, "message": brought.message, "reply": told}


async def _take_event(
    front: Front, channels: Channels, channel: Channel, request: Request, body: bytes
) -> Mapping[str, Any] | Response:
    """Take in what Slack tells, and say so at once: it waits three seconds, and then asks again."""
    if not is_from_slack(channels.secrets[channel.name], body, request.headers, time.time()):
        raise HTTPException(401, "the signature is missing, wrong or too old")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "the body is no JSON") from error
    if not isinstance(value, dict):
        raise HTTPException(422, "the body is no JSON object")
    if value.get("type") == "url_verification":
        return JSONResponse({"challenge": str(value.get("challenge", ""))})
    spoken = read_event(value)
    if spoken is not None:
        id = name_conversation(channel.name, spoken.place)
        user = f"{channel.name}:{spoken.user}"
        incoming = Incoming(channel.name, id, spoken.stamp, user, spoken.text, datetime.now(UTC))
        notice = _refuse(front, incoming)
        store = front.assistant.store
        await run_in_threadpool(take_in, store.engine, store.tenant, incoming, notice)
        channels.inbox.wake()
        if notice is not None:
            channels.deliverer.wake()
    return {}


def _refuse(front: Front, incoming: Incoming) -> str | None:
    """What is said instead of an answer to what is no message."""
    try:
        front.assistant.check(Message(incoming.conversation, incoming.text))
    except DataError:
        return "too_long"  # nothing else can be wrong with it: Slack's names are short, and it has words
    return None

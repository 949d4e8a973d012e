"""The API's conversations: send a message, read what was said, watch what comes, say what one thinks of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import Field
from pydantic.dataclasses import dataclass
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from core.errors import DataError
from core.serve.auth import caller_of, needs
from core.serve.batcher import Overloaded
from core.serve.events import Event, event_response
from core.serve.problem import busy
from core.store.database import reading
from kits.support.assistant.talk import Message
from kits.support.serve.front import At, Front
from kits.support.store.schema import conversations

router = APIRouter(tags=["conversations"])
EVENTS = "/events"
HEARTBEAT_SECONDS = 15.0
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[\w.:@-]+$")]
Number = Annotated[int, Path(ge=1, lt=2**62)]


@dataclass(frozen=True)
class Written:
    """A customer's message."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    user: Annotated[str, Field(max_length=128)] = ""
    customer: Literal["private", "business"] = "private"
    channel: Annotated[str, Field(max_length=32)] = "api"


@dataclass(frozen=True)
class Judged:
    """What someone thinks of a reply; an agent may say which intent was meant."""

    verdict: Literal["up", "down"]
    comment: Annotated[str, Field(max_length=2_000)] = ""
    intent: Annotated[str | None, Field(max_length=200)] = None


@router.post("/conversations/{id}/messages", response_model=None)
async def send(front: At, request: Request, id: Name, written: Written) -> Response:
    """Send a customer's message; the reply comes when it is kept. A new name begins a conversation."""
    message = Message(
        id, written.text, written.user or caller_of(request).name, written.customer, written.channel
    )
    answered = await answer(front, request, message)
    # It is plain already: to look for what is not costs as much as to send it.
    return answered if isinstance(answered, Response) else JSONResponse(answered)


async def answer(front: Front, request: Request, message: Message) -> Mapping[str, Any] | Response:
    """The reply to a message, or why there is none."""
    try:
        front.assistant.check(message)
        (reply,) = await front.batcher.submit([message])
    except DataError as error:
        raise HTTPException(422, str(error)) from error
    except Overloaded as error:
        return busy(request.scope, error.what, error.retry_seconds)
    return reply.to_json()


@router.get("/conversations/{id}")
def show(front: At, id: Name, after: int = 0) -> Mapping[str, Any]:
    """A conversation with its turns behind a number."""
    store = front.assistant.store
    found = store.read([id]).get(id)
    if found is None:
        raise HTTPException(404, "no such conversation")
    with reading(store.engine) as connection:
        said = store.read_turns(connection, id, min(max(after, 0), 2**62))
    return {
        "id": id, "user": found.user, "customer": found.customer, "owner": found.owner,
        "turns": [show_turn(turn) for turn in said],
    }  # fmt: skip


@router.post("/turns/{number}/feedback", status_code=204)
def judge(front: At, request: Request, number: Number, judged: Judged) -> None:
    """Say what one thinks of a reply; kept to learn from."""
    try:
        comment = judged.comment.replace("\0", "")
        front.assistant.store.judge(
            number, judged.verdict, caller_of(request).name, datetime.now(UTC), comment, judged.intent
        )
    except DataError as error:
        raise HTTPException(404, "no such reply") from error


@router.delete("/users/{user}")
@needs("admin")
def forget(front: At, user: Annotated[str, Path(max_length=128)]) -> Mapping[str, int]:
    """Delete everything that a user has said and was told."""
    return {"deleted": front.assistant.store.delete_user(user)}


@router.get(EVENTS, response_class=Response)
def events(front: At, request: Request, conversation: str = "", last: str = "") -> Response:
    """Server-sent events: ``turn`` for each new turn of a conversation, ``change`` when anything has changed."""
    begun = request.headers.get("last-event-id") or last
    return event_response(_tell(front, request, conversation[:64], begun))


def show_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn as programs and pages get it."""
    said = turn["said"] or {}
    return {
        "number": turn["number"], "speaker": turn["speaker"], "text": turn["text"], "at": turn["at"].isoformat(),
        "by": turn["by"], "action": turn["action"], "intent": turn["intent"], "confidence": turn["confidence"],
        "reason": turn["reason"], "verdict": turn["verdict"],
        **{name: said.get(name, []) for name in ("parts", "citations", "options")},
    }  # fmt: skip


async def _tell(front: Front, request: Request, conversation: str, last: str) -> AsyncIterator[Event | None]:
    told = int(last) if last.isdecimal() and len(last) < 19 else 0
    async for is_changed in front.pulse.changes(HEARTBEAT_SECONDS):
        if not await request.app.state.sign_in.is_known(request):
            return  # signed out, revoked or expired while it watched
        if not is_changed:
            yield None
            continue
        owner, found = await run_in_threadpool(_read, front, conversation, told)
        for turn in found:
            told = turn["number"]
            yield Event("turn", turn, str(told))
        yield Event("change", {"owner": owner})


def _read(front: Front, conversation: str, after: int) -> tuple[str, list[dict[str, Any]]]:
    store = front.assistant.store
    if not conversation:
        return "", []
    with reading(store.engine) as connection:
        owner = connection.execute(
            conversations.select().where(conversations.c.tenant == store.tenant, conversations.c.id == conversation)
        ).first()
        turns = store.read_turns(connection, conversation, after)
    return (owner.owner if owner else "assistant"), [show_turn(turn) for turn in turns]

"""The API's hand-over: who waits for a person, taking over, replying, giving the conversation back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field
from pydantic.dataclasses import dataclass

from core.errors import DataError
from core.serve.auth import caller_of
from kits.support.serve.chat import Name
from kits.support.serve.front import At, Front
from kits.support.store.desk import list_waiting, reply_as, resolve, take_over

router = APIRouter(tags=["people"])


@dataclass(frozen=True)
class Said:
    """What a person writes to a customer."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]


@router.get("/handovers")
def waiting(front: At) -> list[Mapping[str, Any]]:
    """The conversations that people own: those that wait first, the longest waiting on top."""
    return [asdict(one) for one in list_waiting(front.assistant.store)]


@router.post("/conversations/{id}/take", status_code=204)
def take(front: At, request: Request, id: Name) -> None:
    """Take care of a conversation; the assistant is silent in it from now on."""
    with refusing():
        take_over(front.assistant.store, id, caller_of(request).name, datetime.now(UTC))


@router.post("/conversations/{id}/reply")
def write(front: At, request: Request, id: Name, said: Said) -> Mapping[str, int]:
    """Write to the customer."""
    return {"turn": write_as(front, request, id, said.text)}


@router.post("/conversations/{id}/resolve", status_code=204)
def give_back(front: At, request: Request, id: Name) -> None:
    """Give the conversation back to the assistant."""
    with refusing():
        resolve(front.assistant.store, id, caller_of(request).name, datetime.now(UTC))


def write_as(front: Front, request: Request, id: str, text: str) -> int:
    """Keep what a person writes.

    Raises:
        HTTPException: 404 or 409, as ``refusing`` says; 422, there are no words.
    """
    words = text.replace("\0", "").strip()
    if not words:
        raise HTTPException(422, "an empty message")
    with refusing():
        number = reply_as(front.assistant.store, id, caller_of(request).name, words, datetime.now(UTC))
    front.wake()
    return number


@contextmanager
def refusing() -> Iterator[None]:
    """Errors of the desk as answers: 404 where there is no such conversation, 409 where it is somebody else's."""
    try:
        yield
    except DataError as error:
        status = 404 if error.what == "no such conversation" else 409
        raise HTTPException(status, error.what if error.got is None else f"{error.what}: {error.got}") from error

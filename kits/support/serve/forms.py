"""What the pages' forms send: the same as the API's, and back to where the reader was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from core.serve.auth import caller_of
from core.serve.signin import read_form
from kits.support.serve.chat import Name
from kits.support.serve.front import At
from kits.support.serve.people import refusing, write_as
from kits.support.serve.shelves import Faq, drop, put_entry
from kits.support.source.faq import AUDIENCES
from kits.support.store.desk import resolve, take_over

router = APIRouter(include_in_schema=False)


@router.post("/page/desk/{id}/take")
async def take(front: At, request: Request, id: Name) -> RedirectResponse:
    """Take care of a conversation."""
    with refusing():
        await run_in_threadpool(take_over, front.assistant.store, id, caller_of(request).name, datetime.now(UTC))
    return RedirectResponse(f"/page/desk/{id}", 303)


@router.post("/page/desk/{id}/reply")
async def reply(front: At, request: Request, id: Name) -> RedirectResponse:
    """Write to the customer."""
    fields = await read_form(request)
    await run_in_threadpool(write_as, front, request, id, fields.get("text", "")[:20_000])
    return RedirectResponse(f"/page/desk/{id}", 303)


@router.post("/page/desk/{id}/resolve")
async def give_back(front: At, request: Request, id: Name) -> RedirectResponse:
    """Give the conversation back to the assistant."""
    with refusing():
        await run_in_threadpool(resolve, front.assistant.store, id, caller_of(request).name, datetime.now(UTC))
    return RedirectResponse("/page/desk", 303)


@router.post("/page/knowledge/{language}")
async def save(front: At, request: Request, language: str) -> RedirectResponse:
    """Put an entry of the FAQ."""
    fields = await read_form(request)
    name = fields.get("id", "").strip().removeprefix("faq:")
    if not name or len(name) > 200 or not name.isprintable():
        raise HTTPException(400, "an entry needs a name")
    if fields.get("audience", "any") not in AUDIENCES:
        raise HTTPException(400, "for whom?")
    question, text = (" ".join(fields.get(key, "").split()) for key in ("question", "answer"))
    if not question or not text:
        raise HTTPException(400, "an entry needs a question and an answer")
    audience = cast("Any", fields.get("audience", "any"))
    days = [_day(fields.get(key, "")) for key in ("valid_from", "valid_until")]
    faq = Faq(question[:1_000], text[:20_000], fields.get("intent") or None, audience, *days)
    await run_in_threadpool(put_entry, front, caller_of(request).name, language, name, faq)
    return RedirectResponse(f"/page/knowledge?language={quote(language)}", 303)


@router.post("/page/knowledge/{language}/delete")
async def delete(front: At, request: Request, language: str) -> RedirectResponse:
    """Delete a document."""
    fields = await read_form(request)
    await run_in_threadpool(drop, front, caller_of(request).name, language, fields.get("id", ""))
    return RedirectResponse(f"/page/knowledge?language={quote(language)}", 303)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise HTTPException(400, "a day is written as 2026-10-05") from None

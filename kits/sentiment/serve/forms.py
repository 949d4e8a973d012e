"""What the page's forms send: the same decisions as the API's, and back to where the reader was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from core.serve.auth import caller_of, needs
from core.serve.signin import read_form, safe_path
from kits.sentiment.data import SENTIMENTS
from kits.sentiment.serve import act
from kits.sentiment.serve.desk import At, Number

router = APIRouter(include_in_schema=False)
MOST_COMMENT_CHARACTERS = 2_000


@router.post("/page/alerts/{id}/acknowledge")
async def acknowledge(desk: At, request: Request, id: str) -> RedirectResponse:
    """Say that someone takes care of an alert."""
    fields = await read_form(request)
    await run_in_threadpool(act.acknowledge, desk, caller_of(request), id, _comment(fields))
    return _back(fields)


@router.post("/page/alerts/{id}/silence")
async def silence(desk: At, request: Request, id: str) -> RedirectResponse:
    """Let nobody be told of an alert's series for a while."""
    fields = await read_form(request)
    try:
        hours = float(fields.get("hours", ""))
    except ValueError:
        raise HTTPException(400, "for how many hours?") from None
    await run_in_threadpool(act.silence, desk, caller_of(request), id, hours, _comment(fields))
    return _back(fields)


@router.post("/page/alerts/{id}/verdict")
async def judge(desk: At, request: Request, id: str) -> RedirectResponse:
    """Say whether an alarm was true."""
    fields = await read_form(request)
    verdict = fields.get("verdict")
    if verdict not in ("true", "false"):
        raise HTTPException(400, "true or false?")
    given = cast("act.Verdict", verdict)
    await run_in_threadpool(act.judge, desk, caller_of(request), id, given, _comment(fields))
    return _back(fields)


@router.post("/page/silences/{number}/end")
async def end_silence(desk: At, request: Request, number: Number) -> RedirectResponse:
    """Let people be told again."""
    fields = await read_form(request)
    await run_in_threadpool(act.end_silence, desk, caller_of(request), number)
    return _back(fields)


@router.post("/page/items/{key}/feedback")
async def correct(desk: At, request: Request, key: str) -> RedirectResponse:
    """Say which sentiment an item really has."""
    fields = await read_form(request)
    sentiment = fields.get("sentiment")
    if sentiment not in SENTIMENTS:
        raise HTTPException(400, "negative, neutral or positive?")
    given = cast("act.Sentiment", sentiment)
    await run_in_threadpool(act.correct, desk, caller_of(request), key, given, _comment(fields))
    return _back(fields)


@router.post("/page/models")
@needs("admin")
async def change_model(desk: At, request: Request) -> RedirectResponse:
    """Ask the monitor to go over to another model."""
    fields = await read_form(request)
    folder = fields.get("folder", "").strip()
    if not folder or len(folder) > 1_000:
        raise HTTPException(400, "which folder?")
    await run_in_threadpool(desk.store.request_model, folder, caller_of(request).name, datetime.now(UTC))
    return _back(fields)


def _comment(fields: dict[str, str]) -> str:
    return fields.get("comment", "")[:MOST_COMMENT_CHARACTERS]


def _back(fields: dict[str, str]) -> RedirectResponse:
    return RedirectResponse(safe_path(fields.get("back", "/")), 303)

"""The API's writing half: items in, decisions on alerts, corrections, another model; and scores on request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field
from pydantic.dataclasses import dataclass
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from core.serve.auth import caller_of, needs
from core.serve.batcher import Overloaded
from core.serve.problem import busy, problem
from core.store.database import reading
from kits.sentiment.feed import Record, make_item
from kits.sentiment.item import DeadLetter
from kits.sentiment.serve import act
from kits.sentiment.serve.desk import At, Desk, Number
from kits.sentiment.serve.scoring import Scored, Scoring, Words
from kits.sentiment.store.schema import inbox
from kits.sentiment.view.alerts import AlertView
from kits.sentiment.view.stories import item_text

router = APIRouter(tags=["writing"])
MOST_RECORDS = 5_000
MOST_INBOX = 200_000
MOST_TEXTS = 1_000
MOST_CHARACTERS = 20_000
FULL_SECONDS = 30.0
Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
Comment = Annotated[str, Field(max_length=2_000)]
Pattern = Annotated[str, Field(min_length=1, max_length=200, pattern="^[^\\x00]*$")]


@dataclass(frozen=True)
class Records:
    """News to be taken in, with the columns of a source file: title, body, url and so on."""

    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_RECORDS)]


@dataclass(frozen=True)
class Refused:
    """A record that cannot become an item."""

    index: int
    reason: str


@dataclass(frozen=True)
class Accepted:
    """How many records are safely kept, to be taken in by the monitor; and those that are not."""

    accepted: int
    refused: list[Refused]


@dataclass(frozen=True)
class Texts:
    """Texts to be scored, each by itself or towards a company."""

    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
    entities: list[str | None] | None = None


@dataclass(frozen=True)
class Said:
    """What someone adds to a decision."""

    comment: Comment = ""


@dataclass(frozen=True)
class Judged:
    """Whether an alarm was true."""

    verdict: Literal["true", "false"]
    comment: Comment = ""


@dataclass(frozen=True)
class Silenced:
    """For how long nobody is told of an alert's series."""

    hours: float
    comment: Comment = ""


@dataclass(frozen=True)
class Matching:
    """Of which alerts nobody is told, and for how long: patterns for series, severity and kind that must all match."""

    matchers: Annotated[dict[str, Pattern], Field(min_length=1, max_length=3)]
    hours: float
    comment: Comment = ""


@dataclass(frozen=True)
class Numbered:
    """The number of a silence."""

    number: int


@dataclass(frozen=True)
class Corrected:
    """The right sentiment of an item."""

    sentiment: act.Sentiment
    comment: Comment = ""


@dataclass(frozen=True)
class Wanted:
    """The folder of another model, as the monitor sees it."""

    folder: Annotated[str, Field(min_length=1, max_length=1_000)]


@router.post("/items", status_code=202, response_model=Accepted)
def post_items(desk: At, request: Request, records: Records) -> Accepted | Response:
    """Keep records for the monitor. The answer comes when they are safe; one bad record stops no other."""
    with reading(desk.store.engine) as connection:
        first, last = connection.execute(select(func.min(inbox.c.number), func.max(inbox.c.number))).one()
    if first is not None and last - first >= MOST_INBOX:
        return busy(request.scope, "the monitor does not keep up with what is posted", FULL_SECONDS)
    at, kept, refused = datetime.now(UTC), [], []
    for index, record in enumerate(records.items):
        reason = _fault(record, desk, at)
        if reason:
            refused.append(Refused(index, reason))
        else:
            kept.append(record)
    if not kept:
        errors = [{"where": f"items.{fault.index}", "what": fault.reason} for fault in refused]
        return problem(request.scope, 422, "no record can become an item", errors=errors)
    desk.store.put_inbox(kept, at)
    return Accepted(len(kept), refused)


@router.post("/score", response_model=list[Scored])
@needs("read")
async def score(desk: At, request: Request, texts: Texts) -> list[Scored] | Response:
    """Read texts with the model that is loaded here; nothing is kept."""
    entities = [None] * len(texts.texts) if texts.entities is None else texts.entities
    if len(entities) != len(texts.texts):
        raise HTTPException(422, f"{len(texts.texts)} texts, but {len(entities)} entities")
    try:
        return await _scoring(desk).score(list(zip(texts.texts, entities, strict=True)))
    except Overloaded as error:
        return busy(request.scope, error.what, error.retry_seconds)


@router.get("/items/{key}/words", response_model=Words)
async def words(desk: At, request: Request, key: str) -> Words | Response:
    """Which words of an item speak for ``negative``, and which against it."""
    found = await run_in_threadpool(_read_text, desk, key)
    if found is None:
        raise HTTPException(404, "no such item")
    try:
        return await _scoring(desk).explain(*found)
    except Overloaded as error:
        return busy(request.scope, error.what, error.retry_seconds)


@router.post("/items/{key}/feedback", status_code=204)
def correct(desk: At, request: Request, key: str, corrected: Corrected) -> None:
    """Say which sentiment an item really has."""
    act.correct(desk, caller_of(request), key, corrected.sentiment, corrected.comment)


@router.post("/alerts/{id}/acknowledge")
def acknowledge(desk: At, request: Request, id: str, said: Said) -> AlertView:
    """Say that someone takes care of an alert."""
    return act.acknowledge(desk, caller_of(request), id, said.comment)


@router.post("/alerts/{id}/verdict")
def judge(desk: At, request: Request, id: str, judged: Judged) -> AlertView:
    """Say whether an alarm was true."""
    return act.judge(desk, caller_of(request), id, judged.verdict, judged.comment)


@router.post("/alerts/{id}/silence", status_code=201)
def silence(desk: At, request: Request, id: str, silenced: Silenced) -> Numbered:
    """Let nobody be told of an alert's series for a while."""
    return Numbered(act.silence(desk, caller_of(request), id, silenced.hours, silenced.comment))


@router.post("/silences", status_code=201)
def silence_matching(desk: At, request: Request, matching: Matching) -> Numbered:
    """Let nobody be told of some alerts for a while."""
    caller = caller_of(request)
    return Numbered(act.silence_matching(desk, caller, matching.matchers, matching.hours, matching.comment))


@router.post("/silences/{number}/end", status_code=204)
def end_silence(desk: At, request: Request, number: Number) -> None:
    """Let people be told again."""
    act.end_silence(desk, caller_of(request), number)


@router.post("/models", status_code=202)
@needs("admin")
def change_model(desk: At, request: Request, wanted: Wanted) -> None:
    """Ask the monitor to go over to another model; ``GET /models`` shows what came of it."""
    desk.store.request_model(wanted.folder, caller_of(request).name, datetime.now(UTC))


def _fault(record: dict[str, Any], desk: Desk, at: datetime) -> str:
    """Why a record cannot become an item, ``""`` if it can: the same check as at its taking in."""
    try:
        text = json.dumps(record, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        return "holds a number that is none, half a character, or is nested too deeply"
    if "\\u0000" in text:
        return "holds a NUL character, which no database keeps"
    made = make_item(Record(record, "posted"), "inbox", desk.settings.data, at)
    return made.reason if isinstance(made, DeadLetter) else ""


def _read_text(desk: Desk, key: str) -> tuple[str, str] | None:
    with reading(desk.store.engine) as connection:
        return item_text(connection, key)


def _scoring(desk: Desk) -> Scoring:
    if desk.scoring is None:
        raise HTTPException(503, "no model is loaded here; start serve with --model")
    return desk.scoring

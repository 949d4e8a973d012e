"""The API's writing half: events, items, erasure, another model. What is answered with success is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import Field
from pydantic.dataclasses import dataclass
from starlette.responses import Response

from core.serve.auth import caller_of, needs
from core.serve.problem import problem
from kits.recommender.serve.desk import At
from kits.recommender.serve.intake import read_events, read_item

router = APIRouter(tags=["writing"])
MOST_EVENTS, MOST_ITEMS = 5_000, 1_000
Id = Annotated[str, Path(min_length=1, max_length=128)]


@dataclass(frozen=True)
class Events:
    """What users did: user_id, item_id, event; and at, event_id, impression_id, position, value, propensity."""

    events: Annotated[list[Any], Field(min_length=1)]


@dataclass(frozen=True)
class Items:
    """Items, with the columns of a file of items."""

    items: Annotated[list[Any], Field(min_length=1)]


@dataclass(frozen=True)
class Fault:
    """What of a request cannot be kept, and why."""

    index: int
    reason: str


@dataclass(frozen=True)
class Accepted:
    """How much is kept; what came again under a known ``event_id``; and what cannot be kept."""

    accepted: int
    repeated: int
    refused: list[Fault]


@dataclass(frozen=True)
class Gone:
    """How many rows went with a user."""

    events: int
    impressions: int


@dataclass(frozen=True)
class Wanted:
    """The folder of another model, as the server sees it."""

    folder: Annotated[str, Field(min_length=1, max_length=1_000)]


@router.post("/events", status_code=201, response_model=Accepted)
def post_events(desk: At, request: Request, sent: Events) -> Accepted | Response:
    """Take events in: kept when the answer comes, and known to the next list. A bad one stops no other."""
    if too_many := _too_many(request, "events", len(sent.events), MOST_EVENTS):
        return too_many
    now = datetime.now(UTC)
    read = read_events(sent.events, desk.living.has_item, now)
    faults = [Fault(one.index, one.reason) for one in read.refused]
    if not read.events:
        return _refuse(request, "no event can be taken in", "events", faults)
    kept = desk.living.put_events(read.events, read.keys, now)
    return Accepted(kept, len(read.events) - kept, faults)


@router.put("/items/{item_id}", status_code=204)
def put_item(desk: At, item_id: Id, record: dict[str, Any]) -> None:
    """Add an item or replace it; the next list may hold it."""
    try:
        item = read_item(record, item_id)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    desk.living.put_items([item])


@router.post("/items", status_code=201, response_model=Accepted)
def post_items(desk: At, request: Request, sent: Items) -> Accepted | Response:
    """Add or replace many items at once. A bad one stops no other; of two with one id the later counts."""
    if too_many := _too_many(request, "items", len(sent.items), MOST_ITEMS):
        return too_many
    items, faults = {}, []
    for index, record in enumerate(sent.items):
        try:
            item = read_item(record)
        except ValueError as error:
            faults.append(Fault(index, str(error)))
        else:
            items[item.item_id] = item
    if not items:
        return _refuse(request, "no item can be taken in", "items", faults)
    desk.living.put_items(list(items.values()))
    return Accepted(len(items), len(sent.items) - len(faults) - len(items), faults)


@router.delete("/items/{item_id}", status_code=204)
def delete_item(desk: At, item_id: Id) -> None:
    """Never recommend an item again; histories and training may still hold it."""
    if not desk.living.has_item(item_id):
        raise HTTPException(404, "no such item")
    desk.living.withdraw(item_id)


@router.delete("/users/{user_id}")
def erase_user(desk: At, user_id: Id) -> Gone:
    """Forget a user: all rows go, and a model that was trained before forgets when it is loaded."""
    desk.keeper.forget(user_id)
    gone, was_known = desk.living.erase(user_id, datetime.now(UTC))
    if not was_known and not gone.events and not gone.impressions:
        raise HTTPException(404, "nothing is known of this user")
    return Gone(gone.events, gone.impressions)


@router.post("/models", status_code=202)
@needs("admin")
def change_model(desk: At, request: Request, wanted: Wanted) -> None:
    """Ask to go over to another model without a restart; ``GET /models`` shows what came of it."""
    desk.living.store.want_model(wanted.folder, caller_of(request).name, datetime.now(UTC))


@router.get("/models")
def models(desk: At) -> list[dict[str, Any]]:
    """The model that serves, those before it, and wishes that came to nothing."""
    return [dict(row._mapping) for row in desk.living.store.list_models()]


def _too_many(request: Request, name: str, count: int, most: int) -> Response | None:
    if count <= most:
        return None
    detail = f"{count:,} {name} in one call, expected at most {most:,}; send them in parts. None was kept"
    return problem(request.scope, 413, detail)


def _refuse(request: Request, what: str, name: str, faults: list[Fault]) -> Response:
    errors = [{"where": f"{name}.{fault.index}", "what": fault.reason} for fault in faults]
    return problem(request.scope, 422, what, errors=errors)

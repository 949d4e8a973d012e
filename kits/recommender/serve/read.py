"""The API's reading half: lists, items near to an item, what is known of a user, and how buckets do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass
from starlette.responses import Response

from core.serve.auth import needs
from kits.recommender.event import Item
from kits.recommender.listing.bucket import Difference, Outcome, choose_bucket
from kits.recommender.listing.explain import Reasons
from kits.recommender.listing.make import Listed
from kits.recommender.serve.counts import read_buckets
from kits.recommender.serve.desk import Answer, At, Question, choose_variety, known_items

router = APIRouter(tags=["reading"])
LONGEST_LIST, SHOWN_EVENTS = 200, 100
Id = Annotated[str, Path(min_length=1, max_length=128)]
Length = Annotated[int, Query(ge=1, le=LONGEST_LIST)]
Method = Literal["mmr", "calibrated"]
Share = Annotated[float, Query(ge=0, le=1)]


@dataclass(frozen=True)
class ItemView:
    """An item."""

    item_id: str
    title: str
    description: str
    tags: list[str]
    category: str
    author: str
    published_at: datetime | None
    available: bool


@dataclass(frozen=True)
class InsteadView:
    """An item that was left out for variety's sake, and why; ``beside``: what it is most like on the list."""

    item_id: str
    title: str
    reason: str
    beside: str


@dataclass(frozen=True)
class Place:
    """An item on a list; ``rank``: its place by score alone."""

    position: int
    item: ItemView
    score: float
    rank: int
    sources: list[str]
    propensity: float
    explored: bool
    instead_of: InsteadView | None
    reasons: Reasons | None


@dataclass(frozen=True)
class ListView:
    """A list; send its ``impression_id`` with the events that come of it."""

    user_id: str | None
    impression_id: str | None
    bucket: str
    model_version: str
    items: list[Place]


_LISTS = TypeAdapter(ListView)


@dataclass(frozen=True)
class Near:
    """An item near to another: the cosine of their texts."""

    item: ItemView
    score: float


@dataclass(frozen=True)
class Happened:
    """An event of a user."""

    item_id: str
    title: str
    weight: float
    at: datetime


@dataclass(frozen=True)
class UserView:
    """What is known of a user: the latest events, the newest first."""

    user_id: str
    bucket: str
    events: list[Happened]


@dataclass(frozen=True)
class Buckets:
    """What came of each bucket of the comparison that runs."""

    experiment: str
    outcomes: list[Outcome]
    differences: list[Difference]


@dataclass(frozen=True)
class Stranger:
    """Someone that the log does not know, by what he or she likes."""

    history: Annotated[list[str], Field(max_length=200)] = Field(default_factory=list)
    interests: Annotated[str, Field(max_length=2_000)] = ""
    k: Annotated[int, Field(ge=1, le=LONGEST_LIST)] = 10
    trade_off: Annotated[float, Field(ge=0, le=1)] | None = None
    method: Method | None = None
    explain: bool = False


@router.get("/users/{user_id}/recommendations", response_model=ListView)
async def recommendations(
    desk: At,
    user_id: Id,
    k: Length = 10,
    trade_off: Share | None = None,
    method: Method | None = None,
    category: Annotated[list[str], Query()] = [],  # noqa: B006
    blocked: Annotated[list[str], Query()] = [],  # noqa: B006
    max_age_days: Annotated[float, Query(gt=0)] | None = None,
    repeat: bool | None = None,
    explain: bool = False,
    log: bool = True,
) -> Response:
    """The list of a user; with ``log=false`` it is not counted as shown, and nothing on it is drawn."""
    variety = choose_variety(desk.settings.diversify, trade_off, method)
    question = Question(
        user_id, k=k, variety=variety, categories=tuple(category), blocked=tuple(blocked),
        max_age_days=max_age_days, repeat=repeat, explain=explain, is_kept=log,
    )  # fmt: skip
    return await desk.work(lambda: _send(view_list(user_id, desk.answer(question))))


@router.post("/recommendations", response_model=ListView)
@needs("read")
def recommend_stranger(desk: At, stranger: Stranger) -> Response:
    """The list of someone new, by items or interests in words; nothing is kept of it."""
    known = known_items(desk.living, stranger.history)
    if unknown := [item_id for item_id in stranger.history if item_id not in known]:
        raise HTTPException(422, f"history: no item {unknown[0]!r}")
    question = Question(
        None, history=known, interests=stranger.interests, k=stranger.k, explain=stranger.explain,
        variety=choose_variety(desk.settings.diversify, stranger.trade_off, stranger.method),
    )  # fmt: skip
    return desk.take_turn(lambda: _send(view_list(None, desk.answer(question))))


@router.get("/items/{item_id}")
def item(desk: At, item_id: Id) -> ItemView:
    """An item as it is known here."""
    return view_item(find_item(desk, item_id))


@router.get("/items/{item_id}/similar")
def similar(desk: At, item_id: Id, k: Length = 10) -> list[Near]:
    """The items nearest to an item by their texts."""
    find_item(desk, item_id)
    return [Near(view_item(near.item), round(near.score, 6)) for near in desk.living.similar(item_id, k)]


@router.get("/users/{user_id}")
def user(desk: At, user_id: Id) -> UserView:
    """What is known of a user."""
    events = history_of(desk, user_id)
    if not events:
        raise HTTPException(404, "nothing is known of this user")
    return UserView(user_id, choose_bucket(user_id, desk.settings.experiment), events)


@router.get("/buckets")
def buckets(desk: At) -> Buckets:
    """What came of each bucket, out of the log, and the differences between them."""
    outcomes, differences = read_buckets(desk.living.store, desk.settings.experiment.name)
    return Buckets(desk.settings.experiment.name, outcomes, differences)


def find_item(desk: At, item_id: str) -> Item:
    """An item.

    Raises:
        HTTPException: 404, there is none of this id.
    """
    if not desk.living.has_item(item_id):
        raise HTTPException(404, "no such item")
    return desk.living.ask(lambda one: one.catalog.items[one.catalog.number(item_id)])


def history_of(desk: At, user_id: str | None, limit: int = SHOWN_EVENTS) -> list[Happened]:
    """The latest events of a user, the newest first."""
    from kits.recommender.serve.counts import recent_events

    return [
        Happened(item.item_id, item.title or item.item_id, weight, at)
        for item, weight, at in desk.living.ask(lambda one: recent_events(one, user_id, limit))
    ]


def view_item(item: Item) -> ItemView:
    """An item as it is shown."""
    return ItemView(
        item.item_id, item.title, item.description, list(item.tags), item.category, item.author,
        item.published_at, item.is_available,
    )  # fmt: skip


def view_list(user_id: str | None, answer: Answer) -> ListView:
    """A list as it is shown."""
    places = [_view_place(position, one) for position, one in enumerate(answer.listed, start=1)]
    return ListView(user_id, answer.impression_id, answer.bucket, answer.model_version, places)


def _send(view: ListView) -> Response:
    """The answer, written here: the framework would check it once more, in another thread."""
    return Response(_LISTS.dump_json(view), media_type="application/json")


def _view_place(position: int, one: Listed) -> Place:
    instead = one.instead
    return Place(
        position, view_item(one.item), round(one.score, 6), one.rank, list(one.sources), one.propensity,
        one.is_explored,
        None if instead is None
        else InsteadView(instead.item.item_id, instead.item.title, instead.reason, instead.beside.item_id),
        one.reasons,
    )  # fmt: skip

"""The page: a reader and the list, an item and its neighbours, what variety costs, and how it all runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from core.serve.clock import choose_zone, time_shower
from core.serve.page import choose_language
from kits.recommender.listing.make import Listed
from kits.recommender.serve import counts, words
from kits.recommender.serve.chart import draw_frontier
from kits.recommender.serve.desk import At, Desk, Question, choose_variety, known_items
from kits.recommender.serve.read import Id, Method, Share, find_item

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
LENGTH, HISTORY, USERS, SIMILAR, MOST_TRIED = 10, 12, 200, 12, 20
HELPERS: dict[str, Any] = {"words": words, "quote": quote}


@dataclass(frozen=True)
class Look:
    """What a page was asked for; every link keeps the rest of it.

    Attributes:
        user: Whose list; empty: an invented reader's.
        interests: Of the invented reader.
        trade_off: None: as it is set.
        method: Likewise.
        tried: Items that count as clicked for this look alone.
    """

    user: str = ""
    interests: str = ""
    trade_off: float | None = None
    method: str | None = None
    tried: tuple[str, ...] = ()

    def link(self, **changes: Any) -> str:
        """The address of the same look with something changed."""
        tried = changes.pop("tried", self.tried)
        values: dict[str, Any] = {"user": self.user, "interests": self.interests, "trade_off": self.trade_off}
        values["method"] = self.method
        kept = [(name, value) for name, value in (values | changes).items() if value not in (None, "", ())]
        kept += [("tried", item_id) for item_id in tried]
        return f"/?{urlencode(kept)}" if kept else "/"


@dataclass(frozen=True, slots=True)
class Row:
    """An item on the page's list; ``moved``: up by so many places since the last try, None: it is new."""

    place: int
    one: Listed
    moved: int | None


@router.get("/")
def list_page(
    desk: At,
    request: Request,
    user: Annotated[str, Query(max_length=128)] = "",
    interests: Annotated[str, Query(max_length=500)] = "",
    trade_off: Share | None = None,
    method: Method | None = None,
    tried: Annotated[list[str], Query(max_length=MOST_TRIED)] = [],  # noqa: B006
) -> HTMLResponse:
    """A reader, the history, and the list with its reasons."""
    people = desk.living.ask(lambda one: counts.active_users(one, USERS))
    if not user and not interests and not tried and people:
        user = people[0][0]
    look = Look(user, interests, trade_off, method, known_items(desk.living, tried))
    variety = choose_variety(desk.settings.diversify, trade_off, method) or desk.settings.diversify
    history = desk.living.ask(lambda one: counts.recent_events(one, user or None, HISTORY))
    rows = _rows(desk, look)
    return _render(
        desk, request, "list.html", "list",
        look=look, variety=variety, people=people, history=history, rows=rows,
        tried=[find_item(desk, item_id) for item_id in look.tried],
        is_known=any(name == user for name, _ in people) or bool(history),
    )  # fmt: skip


@router.get("/page/items/{item_id}")
def item_page(desk: At, request: Request, item_id: Id) -> HTMLResponse:
    """An item and those near to it."""
    found = find_item(desk, item_id)
    return _render(
        desk, request, "item.html", "list", item=found, near=desk.living.similar(item_id, SIMILAR), look=Look()
    )


@router.get("/page/frontier")
def frontier_page(desk: At, request: Request, method: Method | None = None) -> HTMLResponse:
    """What variety costs in score."""
    variety = choose_variety(desk.settings.diversify, None, method) or desk.settings.diversify
    points = desk.frontier(variety, LENGTH)
    chart = draw_frontier(points, variety) if points else None
    return _render(desk, request, "frontier.html", "frontier", points=points, chart=chart, variety=variety, k=LENGTH)


@router.get("/page/running")
def running_page(desk: At, request: Request) -> HTMLResponse:
    """What is kept, which model serves, and how the buckets do."""
    outcomes, differences = counts.read_buckets(desk.living.store, desk.settings.experiment.name)
    return _render(
        desk, request, "running.html", "running",
        counted=desk.living.store.count(), models=desk.living.store.list_models(), outcomes=outcomes,
        differences=differences, experiment=desk.settings.experiment, version=desk.living.version,
        users=desk.living.ask(lambda one: len(one.users)), items=desk.living.ask(lambda one: len(one.catalog)),
    )  # fmt: skip


def _rows(desk: Desk, look: Look) -> list[Row]:
    listed = _ask(desk, look, look.tried)
    if not look.tried:
        return [Row(place, one, 0) for place, one in enumerate(listed, start=1)]
    before = {one.item.item_id: place for place, one in enumerate(_ask(desk, look, look.tried[:-1]), start=1)}
    return [
        Row(place, one, before[one.item.item_id] - place if one.item.item_id in before else None)
        for place, one in enumerate(listed, start=1)
    ]


def _ask(desk: Desk, look: Look, tried: Sequence[str]) -> list[Listed]:
    question = Question(
        look.user or None, history=tuple(tried), interests=look.interests, k=LENGTH, explain=True,
        variety=choose_variety(desk.settings.diversify, look.trade_off, look.method),
    )  # fmt: skip
    return desk.take_turn(lambda: desk.answer(question).listed)


def _render(desk: Desk, request: Request, template: str, page: str, **values: Any) -> HTMLResponse:
    language, zone, now = choose_language(request), choose_zone(request), datetime.now(UTC)
    return desk.pages.render(request, template, page=page, now=now, when=time_shower(language, zone, now), **values)

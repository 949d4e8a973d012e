"""What all routes share: the living recommender, the settings, the pages, and how one list is made and kept."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from core.serve.page import Pages
from kits.recommender.config import DiversifyConfig, RecommenderConfig
from kits.recommender.listing.bucket import choose_bucket, settings_of
from kits.recommender.listing.frontier import Point
from kits.recommender.listing.make import Listed, Wish, make_list
from kits.recommender.live.living import Living
from kits.recommender.model.candidate import Filter
from kits.recommender.model.recommender import Recommender
from kits.recommender.serve.counts import measure_frontier
from kits.recommender.serve.keeper import Keeper
from kits.recommender.store.store import Shown

FRONTIER_SECONDS = 3600.0
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """What a list is asked for.

    Attributes:
        user_id: Whose; None: of nobody that is known.
        history: Ids of items that count as clicked, too, the newest last.
        interests: In words; commas part several.
        k: Length.
        variety: How the list is made; None: as the user's bucket has it.
        categories: Only of these; empty: all.
        blocked: Ids of items that must not be on it.
        max_age_days: Older items are left out.
        repeat: Also what the user has clicked.
        explain: Give reasons.
        is_kept: It is shown to the user: it is logged, and may hold items that were drawn.
    """

    user_id: str | None = None
    history: tuple[str, ...] = ()
    interests: str = ""
    k: int = 10
    variety: DiversifyConfig | None = None
    categories: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    max_age_days: float | None = None
    repeat: bool | None = None
    explain: bool = False
    is_kept: bool = False


@dataclass(frozen=True)
class Answer:
    """A list, and what is logged of it."""

    listed: list[Listed]
    impression_id: str | None
    bucket: str
    model_version: str


@dataclass(frozen=True)
class Desk:
    """Handed to every route.

    Attributes:
        living: The recommender and its store.
        settings: Of lists, buckets and the server.
        pages: Renders the page.
        keeper: Writes down what was shown.
        turns: So many lists are made at the same time, those asked for first before the others. More would all be
            finished later, and none sooner.
        cores: For this process; with one, the thread that answers makes the lists itself.
    """

    living: Living
    settings: RecommenderConfig
    pages: Pages
    keeper: Keeper
    turns: threading.Semaphore
    cores: int
    _frontiers: dict[tuple[object, ...], tuple[list[Point], float]] = field(default_factory=dict)

    def frontier(self, variety: DiversifyConfig, k: int) -> list[Point]:
        """What variety costs now; measured anew when the model or the settings change, or an hour has passed."""
        key = (self.living.version, variety.model_copy(update={"trade_off": 0.0}), k)
        points, until = self._frontiers.get(key, ([], 0.0))
        if not points or time.monotonic() > until:
            points = self.living.ask(lambda recommender: measure_frontier(recommender, variety, k))
            self._frontiers.clear()
            self._frontiers[key] = (points, time.monotonic() + FRONTIER_SECONDS)
        return points

    async def work(self, make: Callable[[], T]) -> T:
        """Make a list and what is sent of it, in a turn.

        With one core it is made by the thread that answers: another one could not work beside it, but the two
        would take the interpreter from each other time and again, and each wait for it when it is done.
        """
        return make() if self.cores == 1 else await run_in_threadpool(self.take_turn, make)

    def take_turn(self, make: Callable[[], T]) -> T:
        """Make a list and what is sent of it; the turn ends with both, or the next would keep it from being sent."""
        with self.turns:
            return make()

    def answer(self, question: Question) -> Answer:
        """Make a list; in a turn.

        Raises:
            DataError: An item of the history is not known.
        """
        experiment = self.settings.experiment
        bucket = "" if question.user_id is None else choose_bucket(question.user_id, experiment)
        variety = question.variety or settings_of(bucket, self.settings.diversify, experiment)
        now = datetime.now(UTC)

        def ask(recommender: Recommender) -> list[Listed]:
            candidate = recommender.config.candidate
            chosen = Filter(
                blocked=[recommender.catalog.number(item) for item in question.blocked if item in recommender.catalog],
                categories=question.categories,
                max_age_days=question.max_age_days or candidate.max_age_days,
                repeat=candidate.repeat if question.repeat is None else question.repeat,
            )
            wish = Wish(
                user=recommender.user(question.user_id, question.history),
                k=question.k,
                settings=variety,
                wishes=recommender.wishes(question.interests) if question.interests else None,
                chosen=chosen,
                at=now,
                explain=question.explain,
                random=Random(secrets.randbits(64)) if question.is_kept else None,
            )
            return make_list(recommender, wish)

        listed, version = self.living.ask(ask), self.living.version
        if not question.is_kept or question.user_id is None or not listed:
            return Answer(listed, None, bucket, version)
        impression_id = secrets.token_urlsafe(12)
        self.keeper.keep(
            Shown(
                impression_id, question.user_id, now, experiment.name if bucket else "", bucket, version,
                tuple(one.item.item_id for one in listed), tuple(one.propensity for one in listed),
                sum(one.is_explored for one in listed),
            )
        )  # fmt: skip
        return Answer(listed, impression_id, bucket, version)


def choose_variety(settings: DiversifyConfig, trade_off: float | None, method: str | None) -> DiversifyConfig | None:
    """The settings with what a caller asks for; None where nothing is asked for."""
    asked: dict[str, Any] = {}
    if trade_off is not None:
        asked["trade_off"] = trade_off
    if method is not None:
        asked["method"] = method
    return settings.model_copy(update=asked) if asked else None


def known_items(living: Living, item_ids: Sequence[str]) -> tuple[str, ...]:
    """Those of the ids that there are items of, in their order and each once."""
    return tuple(item_id for item_id in dict.fromkeys(item_ids) if living.has_item(item_id))


async def _desk_of(request: Request) -> Any:  # a plain function would cost every request a thread
    return request.app.state.desk


At = Annotated[Desk, Depends(_desk_of)]

"""What may get on a user's list: near items of each interest, and what is popular, new or clicked together."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kits.recommender.config import CandidateConfig
from kits.recommender.event import CLICK_WEIGHT
from kits.recommender.model.tower import Floats, interests
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.shelf import Shelf
from kits.recommender.state.tally import DAY, Tally
from kits.recommender.state.user import User

OWN_CATEGORIES = 3
REFRESH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Filter:
    """What is left out beside withdrawn items.

    Attributes:
        blocked: Numbers of items.
        categories: Only items of these, by name; empty: all.
        max_age_days: Older items.
        repeat: Leave in what the user has clicked or disliked.
    """

    blocked: Collection[int] = ()
    categories: Collection[str] = ()
    max_age_days: float | None = None
    repeat: bool = False

    def allowed(self, catalog: Catalog, user: User, at: float) -> NDArray[np.bool_]:
        """Which items may be recommended ``(items,)``: published, available and not left out."""
        mask = catalog.available & (catalog.published <= at)
        if self.max_age_days is not None:
            mask &= ~(catalog.published < at - self.max_age_days * DAY) | np.isneginf(catalog.published)
        if self.categories:
            codes = [catalog.categories[name] for name in self.categories if name in catalog.categories]
            mask &= np.isin(catalog.category, codes)
        gone = list(self.blocked) if self.repeat else [*self.blocked, *user.seen]
        mask[[number for number in gone if number < len(mask)]] = False
        return mask


@dataclass(frozen=True, slots=True)
class Order:
    """Items in order of popularity and of newness, as of one moment.

    Attributes:
        made_at: Epoch seconds.
        state: Of the catalog at that moment.
        popular: Numbers, the most popular first ``(items,)``.
        place: Of each item among the popular ``(items,)``.
        newest: Numbers, the newest first ``(items,)``.
        inside: By code of the category its items, the most popular first.
    """

    made_at: float
    state: tuple[int, int]
    popular: NDArray[np.int64]
    place: NDArray[np.int64]
    newest: NDArray[np.int64]
    inside: list[NDArray[np.int64]]


@dataclass(slots=True)
class Orders:
    """Keeps an order until it is too old, as sorting is dear; may be asked by several threads."""

    _order: Order | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, catalog: Catalog, tally: Tally, at: float) -> Order:
        """The order of a moment; sorted again, if items came or moved, or a minute lies between."""
        with self._lock:  # who comes while another sorts waits for that, and does not sort, too
            order = self._order
            if order is None or order.state != catalog.state or abs(at - order.made_at) >= REFRESH_SECONDS:
                self._order = order = _sort(catalog, tally, at)
            return order


def _sort(catalog: Catalog, tally: Tally, at: float) -> Order:
    tally.grow(len(catalog))
    every = np.arange(len(catalog))
    popular = np.argsort(-tally.recent(every, at), kind="stable")
    place = np.empty_like(popular)
    place[popular] = every
    codes = catalog.category[popular]
    ends = np.cumsum(np.bincount(codes, minlength=len(catalog.categories)))
    inside = np.split(popular[np.argsort(codes, kind="stable")], ends[:-1])
    return Order(at, catalog.state, popular, place, np.argsort(-catalog.published, kind="stable"), inside)


def find_candidates(
    catalog: Catalog,
    tally: Tally,
    shelf: Shelf,
    orders: Orders,
    user: User,
    at: float,
    *,
    query: Floats,
    history: int,
    config: CandidateConfig,
    chosen: Filter,
    wishes: Floats | None = None,
) -> dict[int, tuple[str, ...]]:
    """Candidates by number, each with the sources that brought it.

    Args:
        catalog: The items.
        tally: Their counters.
        shelf: Their vectors.
        orders: By popularity and newness.
        user: Whose list it is.
        at: Epoch seconds.
        query: Of the user ``(dimension,)``.
        history: How many of the latest events are read.
        config: How many of each source.
        chosen: What is left out.
        wishes: Item vectors of texts that count as clicks.

    Returns:
        Sources are ``interest popular recent category together``.
    """
    order = orders.at(catalog, tally, at)
    mask = chosen.allowed(catalog, user, at)
    found: dict[int, tuple[str, ...]] = {}

    def add(source: str, numbers: list[int]) -> None:
        alone = (source,)
        for number in numbers:
            sources = found.get(number)
            if sources is None:
                found[number] = alone
            elif sources[-1] != source:  # one source comes after the other, so it can only be the last
                found[number] = sources + alone

    items, weights, _ = user.recent(history)
    vectors = shelf.rows[items]
    if wishes is not None:
        vectors = np.concatenate([vectors, wishes])
        weights = np.concatenate([weights, np.ones(len(wishes), dtype=np.float32)])
    themes = interests(vectors, weights.tolist(), config.interests)
    for numbers, _ in shelf.search(np.concatenate([query[None], themes]), config.per_interest, mask):
        add("interest", numbers.tolist())
    add("popular", _first(order.popular, mask, config.popular))
    add("recent", _first(order.newest, mask, config.recent))
    own = _own_categories(catalog, items[weights[: len(items)] > 0])
    best = [number for code in own.tolist() for number in _first(order.inside[code], mask, config.category)]
    add("category", sorted(best, key=order.place.item)[: config.category])
    add("together", _together(tally, items[weights[: len(items)] >= CLICK_WEIGHT], mask, config.clicked_together))
    return found


def _first(order: NDArray[np.int64], mask: NDArray[np.bool_], most: int) -> list[int]:
    """The first so many numbers of an order that a mask leaves."""
    kept: list[int] = []
    for start in range(0, len(order), 4096):
        if len(kept) >= most:
            break
        part = order[start : start + 4096]
        kept += part[mask[part]][: most - len(kept)].tolist()
    return kept


def _own_categories(catalog: Catalog, liked: NDArray[np.int64]) -> NDArray[np.int64]:
    counts = np.bincount(catalog.category[liked], minlength=len(catalog.categories))
    order = np.argsort(-counts, kind="stable")[:OWN_CATEGORIES]
    return order[counts[order] > 0]


def _together(tally: Tally, clicked: NDArray[np.int64], mask: NDArray[np.bool_], most: int) -> list[int]:
    if not len(clicked):
        return []
    numbers, scores = tally.neighbours(clicked.tolist())
    numbers, scores = numbers[mask[numbers]], scores[mask[numbers]]
    best: list[int] = numbers[np.argsort(-scores, kind="stable")[:most]].tolist()
    return best

"""What may get on a user's list: near items of each interest, and what is popular, new or clicked together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kits.recommender.catalog import Catalog
from kits.recommender.config import CandidateConfig
from kits.recommender.event import CLICK_WEIGHT
from kits.recommender.shelf import Shelf
from kits.recommender.tally import DAY, Tally
from kits.recommender.tower import Floats, Tower, interests
from kits.recommender.user import User

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


@dataclass(slots=True)
class Orders:
    """Items in order of popularity and of newness; made anew when they are too old, as sorting is dear."""

    made_at: float = -np.inf
    items: int = 0
    popular: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    newest: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def refresh(self, catalog: Catalog, tally: Tally, at: float) -> None:
        """Sort again, if items came or a minute has passed."""
        if self.items == len(catalog) and self.made_at <= at < self.made_at + REFRESH_SECONDS:
            return
        tally.grow(len(catalog))
        every = np.arange(len(catalog))
        self.popular = np.argsort(-tally.recent(every, at), kind="stable")
        self.newest = np.argsort(-catalog.published, kind="stable")
        self.made_at, self.items = at, len(catalog)


def find_candidates(
    catalog: Catalog,
    tally: Tally,
    shelf: Shelf,
    tower: Tower,
    orders: Orders,
    user: User,
    at: float,
    *,
    config: CandidateConfig,
    chosen: Filter,
    wishes: Floats | None = None,
) -> dict[int, tuple[str, ...]]:
    """Candidates by number, each with the sources that brought it.

    Args:
        catalog: The items.
        tally: Their counters.
        shelf: Their vectors.
        tower: Makes queries.
        orders: By popularity and newness.
        user: Whose list it is.
        at: Epoch seconds.
        config: How many of each source.
        chosen: What is left out.
        wishes: Item vectors of texts that count as clicks.

    Returns:
        Sources are ``interest popular recent category together``.
    """
    orders.refresh(catalog, tally, at)
    mask = chosen.allowed(catalog, user, at)
    found: dict[int, tuple[str, ...]] = {}

    def add(source: str, numbers: list[int]) -> None:
        for number in numbers:
            if source not in found.get(number, ()):
                found[number] = (*found.get(number, ()), source)

    items, weights, _ = user.recent(tower.history)
    vectors = shelf.rows[items]
    if wishes is not None:
        vectors = np.concatenate([vectors, wishes])
        weights = np.concatenate([weights, np.ones(len(wishes), dtype=np.float32)])
    query = tower.query(user, shelf.rows, wishes)
    themes = interests(vectors, weights.tolist(), config.interests)
    for hits in shelf.search(np.concatenate([query[None], themes]), config.per_interest, mask):
        add("interest", [number for number, _ in hits])
    add("popular", _first(orders.popular, mask, config.popular))
    add("recent", _first(orders.newest, mask, config.recent))
    own = _own_categories(catalog, items[weights[: len(items)] > 0])
    if config.category and len(own):
        inside = mask & np.isin(catalog.category, own)
        add("category", _first(orders.popular, inside, config.category))
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
    return [int(number) for number in numbers[np.argsort(-scores, kind="stable")[:most]]]

"""Makes a list out of ranked candidates that is not the same thing ten times.

Two ways, both greedy, with one trade-off from 0 (by score alone) to 1 (by variety alone):

- ``mmr``: an item counts its score less its likeness to the nearest item that is on the list already;
- ``calibrated``: the shares of the categories on the list are drawn to those of the user's history.

Caps on categories and authors hold in both. ``explore`` puts items that were drawn at random into
the list, and says with what probability each item came to its place.

Source: Carbonell and Goldstein 1998, The use of MMR (scores are scaled to 0..1 within the candidates);
Steck 2018, Calibrated recommendations, equations 5 to 7 (all places of a list weigh the same).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from kits.recommender.config import DiversifyConfig

SMOOTHING = 0.01  # Steck's alpha: how far the shares of the list are drawn to the wanted ones, so that none is 0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """Candidates of one list, the best first.

    Attributes:
        scores: ``(candidates,)``, falling.
        vectors: Of length one ``(candidates, dimension)``.
        categories: ``(candidates,)``.
        authors: ``(candidates,)``; empty where not known, which no cap counts.
        wanted: Share of each category in what the user likes; empty where nothing is known of it.
    """

    scores: Floats
    vectors: NDArray[np.float32]
    categories: Sequence[str]
    authors: Sequence[str]
    wanted: Mapping[str, float]

    def __post_init__(self) -> None:
        rows = {len(self.scores), len(self.vectors), len(self.categories), len(self.authors)}
        if len(rows) != 1:
            raise DataError("scores, vectors, categories and authors are not of the same items", got=sorted(rows))


@dataclass(frozen=True, slots=True)
class Displaced:
    """A candidate that the list by score alone would have held.

    Attributes:
        place: Of the candidate in the pool.
        by: Place of the item that stands there instead.
        reason: ``category`` or ``author`` (the cap is reached), ``alike`` (to an item on the list), ``share``
            (the list has more of its category than the user's history).
        beside: Place of the item on the list that it is most like.
    """

    place: int
    by: int
    reason: str
    beside: int


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A list: places of the pool in its order, and what is not on it for variety's sake."""

    places: tuple[int, ...]
    displaced: tuple[Displaced, ...]


def arrange(pool: Pool, k: int, settings: DiversifyConfig) -> Arrangement:
    """Choose up to ``k`` candidates one by one.

    Args:
        pool: The candidates.
        k: Length of the list; caps may make it shorter.
        settings: Method, trade-off and caps.
    """
    count, weight = len(pool.scores), settings.trade_off
    is_calibrated = settings.method == "calibrated" and bool(pool.wanted)
    relevance, shares = scale_scores(pool.scores), _Shares(pool) if is_calibrated else None
    likeness = np.zeros(count)
    per_category: dict[str, int] = {}
    per_author: dict[str, int] = {}
    free = np.ones(count, dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(k, count) and free.any():
        penalty = likeness if shares is None else shares.divergence(chosen)
        gain = np.where(free, (1.0 - weight) * relevance - weight * penalty, -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        free[best] = False
        likeness = np.maximum(likeness, pool.vectors @ pool.vectors[best])
        for names, counts, cap in (
            (pool.categories, per_category, settings.per_category),
            (pool.authors, per_author, settings.per_author),
        ):
            name = names[best]
            counts[name] = counts.get(name, 0) + 1
            if cap is not None and name and counts[name] >= cap:
                free &= np.array([other != name for other in names])
    return Arrangement(tuple(chosen), _displaced(pool, chosen, settings, per_category, per_author))


def scale_scores(scores: Floats) -> Floats:
    """Scores from 0 to 1 within the candidates ``(candidates,)``.

    >>> scale_scores(np.array([3.0, 2.0, -1.0])).tolist()
    [1.0, 0.75, 0.0]
    """
    if not len(scores):
        return np.zeros(0)
    low, high = float(scores.min()), float(scores.max())
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))


def find_wanted(categories: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Share of each category in a history.

    Args:
        categories: Of its items.
        weights: Of its events; what was disliked (below 0) is left out.

    >>> find_wanted(["sea", "sea", "sky", "war"], [1, 2, 1, -1])
    {'sea': 0.75, 'sky': 0.25}
    """
    sums: dict[str, float] = {}
    for category, weight in zip(categories, weights, strict=True):
        if weight > 0:
            sums[category] = sums.get(category, 0.0) + float(weight)
    total = sum(sums.values())
    return {category: amount / total for category, amount in sums.items()}


def miscalibration(listed: Sequence[str], wanted: Mapping[str, float]) -> float:
    """Kullback-Leibler divergence of the list's categories from the wanted ones, in nats; 0 is perfect.

    >>> round(miscalibration(["sea", "sky"], {"sea": 0.5, "sky": 0.5}), 3)
    0.0
    """
    total = 0.0
    for category, share in wanted.items():
        there = sum(name == category for name in listed) / max(1, len(listed))
        total += share * float(np.log(share / ((1 - SMOOTHING) * there + SMOOTHING * share)))
    return total


def spread(vectors: NDArray[np.float32]) -> float:
    """Intra-list diversity: mean of one less the cosine over all pairs; 0 for fewer than two items."""
    count = len(vectors)
    if count < 2:
        return 0.0
    cosines = vectors @ vectors.T
    return float(1.0 - (cosines.sum() - np.trace(cosines)) / (count * (count - 1)))


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of a list as it is served.

    Attributes:
        place: Of the item in the pool.
        propensity: Probability with which this item came to this place.
        is_explored: It was drawn.
    """

    place: int
    propensity: float
    is_explored: bool


def explore(places: Sequence[int], pool_size: int, slots: int, random: Random) -> list[Slot]:
    """Put drawn items into a list.

    ``slots`` places of the list are drawn evenly, and as many items evenly from those of the pool
    that are not on it. So an item of the list keeps its place with probability ``1 - slots / k``,
    and an item beside it comes to a given place with ``slots / k / others``.

    Args:
        places: The list, as places of the pool.
        pool_size: Candidates in the pool.
        slots: How many places.
        random: Draws them.
    """
    on_list = set(places)
    others = [place for place in range(pool_size) if place not in on_list]
    slots = min(slots, len(places), len(others))
    if not slots:
        return [Slot(place, 1.0, False) for place in places]
    drawn = dict(zip(random.sample(range(len(places)), slots), random.sample(others, slots), strict=True))
    share = slots / len(places)
    return [
        Slot(drawn[number], share / len(others), True) if number in drawn else Slot(place, 1.0 - share, False)
        for number, place in enumerate(places)
    ]


class _Shares:
    """The divergence from the wanted shares for each candidate that might come next."""

    def __init__(self, pool: Pool) -> None:
        self._names = tuple(pool.wanted)
        code = {name: number for number, name in enumerate(self._names)}
        self._wanted = np.array([pool.wanted[name] for name in self._names])
        self._codes = np.array([code.get(name, len(code)) for name in pool.categories], dtype=np.int64)

    def divergence(self, chosen: Sequence[int]) -> Floats:
        """Of the list with one candidate more ``(candidates,)``."""
        counts = np.bincount(self._codes[list(chosen)], minlength=len(self._names) + 1).astype(np.float64)
        after = (counts + np.eye(len(counts)))[:, : len(self._names)] / (len(chosen) + 1)
        mixed = (1 - SMOOTHING) * after + SMOOTHING * self._wanted
        by_code = (self._wanted * np.log(self._wanted / mixed)).sum(axis=1)
        return np.asarray(by_code[self._codes])


def _displaced(
    pool: Pool,
    chosen: Sequence[int],
    settings: DiversifyConfig,
    per_category: Mapping[str, int],
    per_author: Mapping[str, int],
) -> tuple[Displaced, ...]:
    """Pair what the scores alone would have listed with what stands there instead, both the best first."""
    plain = set(range(min(len(chosen), len(pool.scores))))
    lost, won = sorted(plain - set(chosen)), sorted(set(chosen) - plain)
    rows = list(chosen)
    found = []
    for place, by in zip(lost, won, strict=True):
        category, author = pool.categories[place], pool.authors[place]
        beside = rows[int(np.argmax(pool.vectors[rows] @ pool.vectors[place]))]
        if settings.per_category is not None and category and per_category.get(category, 0) >= settings.per_category:
            reason = "category"
        elif settings.per_author is not None and author and per_author.get(author, 0) >= settings.per_author:
            reason = "author"
        else:
            reason = "share" if settings.method == "calibrated" and pool.wanted else "alike"
        found.append(Displaced(place, by, reason, beside))
    return tuple(found)

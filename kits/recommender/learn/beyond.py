"""What lists are like beside being right: how many items they reach, how little known and how unlike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.runtime import derive_seed
from kits.recommender.model.candidate import Filter
from kits.recommender.model.recommender import Recommender

LENGTH = 10
MOST_USERS = 200


@dataclass(frozen=True, slots=True)
class Character:
    """Of the lists of one ranking.

    Attributes:
        coverage: Share of the available items that stand on any of the lists.
        novelty: Mean over the items of the bits that it takes to name one by its share of the clicks.
        diversity: Mean over the lists of one less the cosine of two items' texts.
    """

    coverage: float
    novelty: float
    diversity: float


def characterise(recommender: Recommender, seed: int = 0) -> dict[str, Character]:
    """The lists that users would get at the end of the log, beside the most popular and random items.

    Source: Castells, Hurley and Vargas 2015 for the measures.
    """
    names = sorted(recommender.users)
    if not names:
        return {}
    random = np.random.default_rng(derive_seed(seed, "characterise"))
    users = [names[place] for place in random.permutation(len(names))[:MOST_USERS]]
    at = datetime.fromtimestamp(recommender.tally.clock + 1, UTC)
    lists: dict[str, list[NDArray[np.int64]]] = {"model": [], "popularity_recent": [], "random": []}
    every = np.arange(len(recommender.catalog))
    clicks = recommender.tally.recent(every, at.timestamp())
    for name in users:
        user = recommender.user(name)
        found = recommender.shortlist(user, k=LENGTH, at=at)
        lists["model"].append(recommender.catalog.numbers([own.item_id for own in found]))
        free = np.flatnonzero(Filter().allowed(recommender.catalog, user, at.timestamp()))
        lists["popularity_recent"].append(free[np.argsort(-clicks[free], kind="stable")[:LENGTH]])
        lists["random"].append(random.permutation(free)[:LENGTH])
    return {name: _describe(own, recommender) for name, own in lists.items()}


def as_document(found: Mapping[str, Character]) -> dict[str, dict[str, float]]:
    """As plain data."""
    return {
        name: {key: round(getattr(own, key), 4) for key in ("coverage", "novelty", "diversity")}
        for name, own in found.items()
    }


def _describe(lists: Sequence[NDArray[np.int64]], recommender: Recommender) -> Character:
    shown = np.concatenate(lists)
    if not len(shown):
        return Character(0.0, 0.0, 0.0)
    clicks = recommender.tally.clicks(np.arange(len(recommender.catalog))) + 1.0
    bits = -np.log2(clicks / clicks.sum())
    unlike = []
    for own in lists:
        if len(own) > 1:
            cosines = recommender.texts[own] @ recommender.texts[own].T
            unlike.append(1 - (cosines.sum() - np.trace(cosines)) / (len(own) * (len(own) - 1)))
    available = max(1, int(recommender.catalog.available.sum()))
    diversity = float(np.mean(unlike)) if unlike else 0.0
    return Character(len(np.unique(shown)) / available, float(bits[shown].mean()), diversity)

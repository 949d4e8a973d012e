"""Why an item is on a list: what of the history is near it, what lifted it, and what it displaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kits.recommender.model.feature import FEATURES
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.shortlist import Recommendation
from kits.recommender.state.user import User

NEAREST, LEAST_COSINE = 2, 0.25
LIFTED, LEAST_LIFT = 3, 0.02
HISTORY = 50


@dataclass(frozen=True, slots=True)
class Near:
    """An item of the history, and how near its text is: the cosine."""

    item_id: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Lift:
    """A feature that lifted an item above the other candidates.

    Attributes:
        feature: By its name in ``feature.FEATURES``.
        amount: By how much of the ranker's score, beside the mean of the candidates.
        value: Of the feature itself; None where it is not known.
    """

    feature: str
    amount: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why an item is on a list."""

    near: tuple[Near, ...]
    lifted: tuple[Lift, ...]


def explain_items(
    recommender: Recommender, user: User, listed: Sequence[Recommendation], others: Sequence[Recommendation]
) -> list[Reasons]:
    """The reasons of each item of a list.

    Args:
        recommender: That ranked it.
        user: Whose list it is.
        listed: The items on it.
        others: All candidates; what lifted an item is what sets it apart from them.
    """
    if not listed:
        return []
    near = _nearest(recommender, user, [one.item_id for one in listed])
    mine, every = _features(listed), _features(others)
    lifts = recommender.contributions(mine) - recommender.contributions(every).mean(axis=0)
    return [Reasons(found, _lifted(row, values)) for found, row, values in zip(near, lifts, mine, strict=True)]


def _features(listed: Sequence[Recommendation]) -> NDArray[np.float32]:
    return np.array([[one.features[name] for name in FEATURES] for one in listed], dtype=np.float32)


def _lifted(row: NDArray[np.float64], values: NDArray[np.float32]) -> tuple[Lift, ...]:
    best = np.argsort(-row, kind="stable")[:LIFTED]
    return tuple(
        Lift(FEATURES[at], round(float(row[at]), 4), None if np.isnan(values[at]) else round(float(values[at]), 4))
        for at in best
        if row[at] >= LEAST_LIFT
    )


def _nearest(recommender: Recommender, user: User, item_ids: Sequence[str]) -> list[tuple[Near, ...]]:
    numbers, weights, _ = user.recent(HISTORY)
    liked = np.array(list(dict.fromkeys(numbers[weights > 0][::-1].tolist())), dtype=np.int64)
    if not len(liked):
        return [() for _ in item_ids]
    cosines = recommender.vectors(item_ids) @ recommender.texts[liked].T
    found = []
    for row in cosines:
        best = np.argsort(-row, kind="stable")[:NEAREST]
        items = [recommender.catalog.items[liked[at]] for at in best]
        found.append(
            tuple(
                Near(item.item_id, item.title, round(float(row[at]), 4))
                for at, item in zip(best, items, strict=True)
                if row[at] >= LEAST_COSINE
            )
        )
    return found

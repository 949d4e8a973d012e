"""How well lists are ordered: scores per list, means over users, and intervals by resampling users.

A user's lists are alike, so they are no independent witnesses: the mean is taken over users, each
counting the same, and users are what is resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Difference, Interval

METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10", "hit@10")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One ranking's scores.

    Attributes:
        lists: Metric to a value per list ``(lists,)``.
        users: Metric to a value per user ``(users,)``: the mean over the user's lists.
    """

    lists: Mapping[str, Floats]
    users: Mapping[str, Floats]

    def mean(self, metric: str) -> float:
        """Over users."""
        return float(self.users[metric].mean())


def places_in_lists(scores: Floats, sizes: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """The place of each row in its list from 0, by falling score ``(rows,)``; equal scores are drawn.

    >>> places_in_lists(np.array([0.1, 0.9, 0.5, 0.7]), np.array([2, 2])).tolist()
    [1, 0, 1, 0]
    """
    lists = np.repeat(np.arange(len(sizes)), sizes)
    chance = np.random.default_rng(seed).random(len(scores))
    order = np.lexsort((chance, -scores, lists))
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = np.empty(len(scores), dtype=np.int64)
    places[order] = np.arange(len(scores)) - starts
    return places


def judge_lists(
    scores: Floats, clicks: NDArray[np.bool_], sizes: NDArray[np.int64], users: Sequence[str], seed: int = 0
) -> Judged:
    """All metrics of one ranking.

    Args:
        scores: Of each row, list after list ``(rows,)``.
        clicks: Which rows were clicked ``(rows,)``; a list without a click or without others is no list to judge.
        sizes: Rows of each list ``(lists,)``.
        users: Of each list.
        seed: Of the order of equal scores. In ``auc`` they count half instead.

    Source: Wu et al. 2020, MIND, for the metrics; there means are taken over lists.
    """
    places = places_in_lists(scores, sizes, seed)
    starts = np.cumsum(sizes) - sizes
    hits = clicks.astype(np.float64)

    def per_list(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, starts)) if len(starts) else np.zeros(0)

    positives = per_list(hits)
    found = {"auc": list_auc(scores, clicks, sizes), "mrr": per_list(hits / (places + 1)) / positives}
    discounts = 1 / np.log2(np.arange(2, max(12, int(sizes.max(initial=0)) + 2)))
    for k in (5, 10):
        ideal = np.cumsum(discounts)[np.minimum(positives, k).astype(np.int64) - 1]
        found[f"ndcg@{k}"] = per_list(np.where(places < k, hits * discounts[places], 0.0)) / ideal
    found["hit@10"] = np.minimum(per_list(hits * (places < 10)), 1.0)
    return Judged(found, {name: mean_by_user(values, users) for name, values in found.items()})


def list_auc(scores: Floats, clicks: NDArray[np.bool_], sizes: NDArray[np.int64]) -> Floats:
    """Of each list the chance that a clicked row has a higher score than another one ``(lists,)``.

    >>> list_auc(np.array([0.2, 0.2, 0.1]), np.array([True, False, False]), np.array([3])).tolist()
    [0.75]
    """
    lists = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((scores, lists))
    ordered, own = scores[order], lists[order]
    is_new = np.ones(len(scores), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]) | (own[1:] != own[:-1])
    group = np.cumsum(is_new) - 1
    first = np.flatnonzero(is_new)
    counts = np.diff(np.append(first, len(scores)))
    middle = first + (counts - 1) / 2  # equal scores share the mean of their places
    ranks = np.empty(len(scores))
    ranks[order] = middle[group] - np.repeat(np.cumsum(sizes) - sizes, sizes)[order] + 1
    starts = np.cumsum(sizes) - sizes
    positives = np.add.reduceat(clicks.astype(np.float64), starts)
    sums = np.add.reduceat(np.where(clicks, ranks, 0.0), starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((sums - positives * (positives + 1) / 2) / (positives * (sizes - positives)))


def mean_by_user(values: Floats, users: Sequence[str]) -> Floats:
    """The mean of each user's values, in the order in which users first come ``(users,)``."""
    number: dict[str, int] = {}
    owner = np.array([number.setdefault(user, len(number)) for user in users], dtype=np.int64)
    counts = np.bincount(owner, minlength=len(number))
    return np.asarray(np.bincount(owner, weights=values, minlength=len(number)) / counts)


def interval(values: Floats, samples: int = 1000, seed: int = 0) -> Interval:
    """The 95 % interval of a mean over users ``(users,)``, by the percentiles of resamples."""
    low, high = np.quantile(_resampled(values, samples, seed), [0.025, 0.975])
    return Interval(float(low), float(high))


def lead(a: Floats, b: Floats, samples: int = 1000, seed: int = 0) -> Difference:
    """By how much the mean of ``a`` leads that of ``b`` over the same users ``(users,)``."""
    drawn = _resampled(a - b, samples, seed)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(float((a - b).mean()), float(drawn.std(ddof=1)), float(low), float(high))


def _resampled(values: Floats, samples: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    users = len(values)
    blocks = []
    size = max(1, 4_000_000 // users)
    for start in range(0, samples, size):
        picks = random.integers(users, size=(min(size, samples - start), users))
        blocks.append(values[picks].mean(axis=1))
    return np.concatenate(blocks)

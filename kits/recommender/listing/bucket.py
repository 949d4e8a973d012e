"""Deals users out to the buckets of a comparison, always in the same way, and compares what came of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kits.recommender.config import DiversifyConfig, ExperimentConfig

ROUNDS = 1_000


def choose_bucket(user_id: str, experiment: ExperimentConfig) -> str:
    """The bucket of a user, ``""`` where nothing is compared; it follows from the names alone.

    >>> experiment = ExperimentConfig(name="variety", buckets={"old": 0.5, "new": 0.5})
    >>> [choose_bucket(user, experiment) for user in ("u1", "u2", "u3")]
    ['old', 'new', 'new']
    """
    if not experiment.buckets:
        return ""
    digest = hashlib.sha256(f"{experiment.name}\0{user_id}".encode()).digest()
    share, reached = int.from_bytes(digest[:8], "big") / 2**64, 0.0
    for name, width in experiment.buckets.items():
        reached += width
        if share < reached:
            return name
    return list(experiment.buckets)[-1]


def settings_of(bucket: str, diversify: DiversifyConfig, experiment: ExperimentConfig) -> DiversifyConfig:
    """How lists are made in a bucket."""
    if bucket not in experiment.trade_off:
        return diversify
    return diversify.model_copy(update={"trade_off": experiment.trade_off[bucket]})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a bucket: clicks for each item shown, with its 95 % interval over users."""

    bucket: str
    users: int
    shown: int
    clicks: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Of the click rates of two buckets, the second less the first, with its 95 % interval over users."""

    first: str
    second: str
    difference: float
    low: float
    high: float


def compare_buckets(
    counts: Mapping[str, Sequence[tuple[int, int]]], seed: int = 0
) -> tuple[list[Outcome], list[Difference]]:
    """Compare buckets; users are drawn anew, because what one user does hangs together.

    Args:
        counts: By bucket for each user how many items were shown and how many of them were clicked.
        seed: Of the draws.
    """
    drawn, outcomes = {}, []
    for number, (bucket, rows) in enumerate(sorted(counts.items())):
        table = np.array(rows, dtype=np.float64).reshape(-1, 2)
        random = np.random.default_rng((seed, number))
        rounds = random.multinomial(len(table), np.full(len(table), 1 / len(table)), size=ROUNDS) @ table
        drawn[bucket] = rounds[:, 1] / np.maximum(rounds[:, 0], 1)
        shown, clicks = (int(total) for total in table.sum(axis=0))
        low, high = np.quantile(drawn[bucket], (0.025, 0.975))
        outcomes.append(Outcome(bucket, len(table), shown, clicks, clicks / max(1, shown), float(low), float(high)))
    differences = []
    for first, second in pairwise(outcomes):
        gaps = drawn[second.bucket] - drawn[first.bucket]
        low, high = np.quantile(gaps, (0.025, 0.975))
        gap = second.rate - first.rate
        differences.append(Difference(first.bucket, second.bucket, gap, float(low), float(high)))
    return outcomes, differences

"""What the decisions are worth on rows with known intents: found, refused, calibrated, and at which cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Interval
from core.evaluate.risk import RiskPoint, mean_interval, mean_risk, risk_curve
from kits.support.reading import OUT_OF_SCOPE
from kits.support.scope.judge import Judged
from kits.support.scope.policy import Policy

BINS = 15


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model thinks of rows, as arrays.

    Attributes:
        order: ``(rows, intents)`` positions among the model's labels, the likeliest first.
        judged: Probabilities of the three events.
    """

    order: NDArray[np.int64]
    judged: Judged


@dataclass(frozen=True, slots=True)
class Measured:
    """The scores of one model.

    Attributes:
        metrics: Name to value.
        intervals: Name to 95 % interval.
        curve: Risk, coverage and cost over the threshold.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    curve: tuple[RiskPoint, ...]


def plain_opinion(labels: Sequence[str], chances: NDArray[np.float64]) -> Opinion:
    """How a classifier alone would be read: by its probabilities."""
    inside = np.array([label != OUT_OF_SCOPE for label in labels])
    order = np.argsort(-np.where(inside, chances, -1.0), axis=1, kind="stable")[:, : int(inside.sum())]
    ranked = np.take_along_axis(chances, order, axis=1)
    outside = chances[:, ~inside].sum(axis=1) if not inside.all() else 1.0 - ranked[:, 0]
    return Opinion(order, Judged(outside, ranked[:, 0], ranked[:, :2].sum(axis=1)))


def measure(
    opinion: Opinion, truth: NDArray[np.int64], is_outside: NDArray[np.bool_], policy: Policy, samples: int, seed: int
) -> Measured:
    """Score a model's opinions.

    Args:
        opinion: Of the rows.
        truth: ``(rows,)`` positions of the true labels.
        is_outside: ``(rows,)`` whether no intent is meant.
        policy: The costs.
        samples: Bootstrap resamples.
        seed: Of the resampling.
    """
    judged, inside = opinion.judged, ~is_outside
    is_first = inside & (opinion.order[:, 0] == truth)
    width = min(2, opinion.order.shape[1])
    is_either = inside & (opinion.order[:, :width] == truth[:, None]).any(axis=1)
    decisions = policy.decide_many(judged.first, judged.either, can_clarify=opinion.order.shape[1] > 1)
    costs = policy.charge(decisions, is_first, is_either)
    answered = decisions == "answer"
    values = {"cost": costs, "coverage": answered.astype(float), "clarified": (decisions == "clarify").astype(float)}
    metrics = {f"scope.{name}": float(v.mean()) for name, v in values.items()}
    intervals = {f"scope.{name}": mean_interval(v, samples, seed) for name, v in values.items()}
    if answered.any():
        metrics["scope.risk"] = float((~is_first)[answered].mean())
        intervals["scope.risk"] = mean_interval((~is_first)[answered], samples, seed)
    metrics["scope.ece"] = expected_error(judged.first, is_first)
    if inside.any():
        metrics["scope.accuracy_in_scope"] = float(is_first[inside].mean())
        intervals["scope.accuracy_in_scope"] = mean_interval(is_first[inside], samples, seed)
        within = judged.first[inside] / np.maximum(1.0 - judged.outside[inside], 1e-9)
        metrics["scope.ece_in_scope"] = expected_error(within, is_first[inside])
    if inside.any() and is_outside.any():
        metrics["scope.auroc_out_of_scope"] = area(judged.outside, is_outside)
        intervals["scope.auroc_out_of_scope"] = _area_interval(judged.outside, is_outside, samples, seed)
    curve = risk_curve(
        judged.first, is_first, cost_wrong=policy.cost_wrong, cost_abstain=policy.cost_handoff, samples=200, seed=seed
    )
    metrics["scope.mean_risk"] = mean_risk(curve)
    return Measured(metrics, intervals, curve)


def summarise(measured: Measured, baselines: Mapping[str, Measured], policy: Policy) -> dict[str, Any]:
    """In the shape of ``evaluate --json``; two baselines need no model: hand over all, answer nothing else."""
    return {
        "metrics": dict(measured.metrics),
        "baselines": {name: dict(b.metrics) for name, b in baselines.items()}
        | {"always_hand_over": {"scope.cost": policy.cost_handoff, "scope.coverage": 0.0}},
        "intervals": {name: [i.low, i.high] for name, i in measured.intervals.items()},
    }


def expected_error(stated: NDArray[Any], is_true: NDArray[np.bool_]) -> float:
    """Expected calibration error of a stated probability, in bins of equal width.

    >>> expected_error(np.array([0.9, 0.9]), np.array([True, True]))
    0.1
    """
    bins = np.minimum((np.asarray(stated) * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(is_true[bins == b].mean() - stated[bins == b].mean())) * (bins == b).sum() for b in np.unique(bins)
    ]
    return round(float(sum(gaps) / max(1, len(stated))), 12)


def area(scores: NDArray[Any], marks: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a marked row scores above another."""
    from scipy.stats import rankdata

    ranks, positive = rankdata(scores), int(marks.sum())
    negative = len(marks) - positive
    return float((ranks[marks].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _area_interval(scores: NDArray[Any], marks: NDArray[np.bool_], samples: int, seed: int) -> Interval:
    """By resampling marked and other rows apart."""
    random = np.random.default_rng(seed)
    inside, outside = scores[~marks], scores[marks]
    drawn = []
    for _ in range(min(samples, 300)):
        a, b = random.choice(outside, len(outside)), random.choice(inside, len(inside))
        drawn.append(area(np.concatenate([a, b]), np.arange(len(a) + len(b)) < len(a)))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(low), float(high))

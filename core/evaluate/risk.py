"""What answering only when sure enough is worth: how many are answered, how many of them wrong, at which cost.

Source: El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective Classification (risk and
coverage); costs as in Chow 1970, On Optimum Recognition Error and Reject Tradeoff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Interval

MOST_POINTS = 60
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What holds when all rows of at least a confidence are answered.

    Attributes:
        threshold: The least confidence that is answered.
        coverage: Share of the rows that are answered.
        risk: Share of the answered rows that are answered wrongly; 0 where none is.
        risk_interval: Of the risk.
        cost: Mean cost of a row.
        cost_interval: Of the cost.
    """

    threshold: float
    coverage: float
    risk: float
    risk_interval: Interval
    cost: float
    cost_interval: Interval


def risk_curve(
    confidence: NDArray[Any],
    is_right: NDArray[np.bool_],
    *,
    cost_wrong: float,
    cost_abstain: float,
    samples: int = 500,
    seed: int = 0,
) -> tuple[RiskPoint, ...]:
    """Risk, coverage and cost over the threshold, from answering everything to answering nothing.

    Args:
        confidence: ``(rows,)`` how sure the model is of its answer.
        is_right: ``(rows,)`` whether the answer would be right.
        cost_wrong: Of a wrong answer; a right one costs nothing.
        cost_abstain: Of not answering.
        samples: Bootstrap resamples behind each interval.
        seed: Of the resampling.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = np.asarray(confidence, dtype=np.float64)[order], ~np.asarray(is_right, dtype=bool)[order]
    rows = len(sure)
    if not rows:
        return ()
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) + 1  # rows of one confidence go together
    if len(ends) > MOST_POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS).round().astype(int))]
    answered = np.concatenate([[0], ends])
    draws = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=samples).astype(np.float32)
    weights = np.concatenate([np.ones((1, rows), dtype=np.float32), draws])
    counted = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)[:, answered]
    missed = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights * wrong, axis=1)], axis=1)[:, answered]
    risk = missed / np.maximum(counted, 1)
    cost = (missed * cost_wrong + (rows - counted) * cost_abstain) / rows
    return tuple(
        RiskPoint(
            float(sure[end - 1]) if end else 1.0,
            float(end / rows),
            float(risk[0, at]),
            _interval(risk[1:, at]),
            float(cost[0, at]),
            _interval(cost[1:, at]),
        )
        for at, end in enumerate(answered)
    )


def mean_interval(values: NDArray[Any], samples: int = 1000, seed: int = 0) -> Interval:
    """Where the mean of ``(rows,)`` values lies with 95 % confidence, by resampling rows."""
    rows = len(values)
    draws = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=samples)
    return _interval(draws @ np.asarray(values, dtype=np.float64) / rows)


def mean_risk(points: Sequence[RiskPoint]) -> float:
    """Area under the risk-coverage curve: mean risk over all coverages; lower is better."""
    coverage = np.array([point.coverage for point in points])
    return float(np.trapezoid([point.risk for point in points], coverage))


def _interval(values: NDArray[Any]) -> Interval:
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))

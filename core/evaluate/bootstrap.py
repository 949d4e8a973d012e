"""How far a score may be chance: intervals, and paired comparisons, by resampling rows.

A resample is a weight per row (how often it was drawn). All counting scores of all resamples
are then three matrix products, and means and ranking scores one more, so a thousand resamples
of five thousand rows and 77 labels take about a second on two cores.

The expected calibration error gets no interval: a resample is noisier than its sample, and this
error counts noise as miscalibration, so its bootstrap interval lies above the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Kind
from core.evaluate.outcome import (
    Floats,
    Outcome,
    Weights,
    count,
    counting_scores,
    divide,
    mean_over,
    outcome_of,
    row_losses,
)
from core.evaluate.ranking import macro_ranking

WEIGHTS_AT_ONCE = 8_000_000
COMPARED = ("accuracy", "macro_f1", "micro_f1", "log_loss")
RANKING = ("roc_auc", "average_precision")  # to first order, which may overshoot 1


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a score lies with the stated confidence."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much model ``a`` leads ``b``, and within which bounds that is certain.

    Attributes:
        value: Score of ``a`` minus score of ``b``; above zero, ``a`` is better.
        standard_error: Of the difference, over paired resamples.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    standard_error: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def bootstrap(
    probabilities: NDArray[Any],
    truth: NDArray[Any],
    kind: Kind,
    *,
    thresholds: NDArray[Any] | None = None,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    groups: NDArray[Any] | None = None,
) -> dict[str, Interval]:
    """Percentile intervals of the scores that ``single_metrics`` or ``multi_metrics`` give.

    Args:
        probabilities: ``(rows, labels)``.
        truth: ``(rows,)`` positions, or ``(rows, labels)`` zeros and ones.
        kind: ``single`` or ``multi``.
        thresholds: ``(labels,)`` of a multi-label task.
        samples: How many resamples.
        confidence: Share of resamples inside the interval.
        seed: Of the resampling.
        groups: ``(rows,)`` ids. Rows of one group (the turns of a dialogue, the copies of a
            story) are drawn together: taken as independent, they would feign certainty.

    Returns:
        An interval for every score but ``ece``; a score that is not defined is absent.
        ``roc_auc`` and ``average_precision`` are resampled to first order (see ``ranking``).
        Where every row is right, no resample can be wrong, so the share of right rows then has
        the exact interval of a proportion (Clopper and Pearson 1934); the other scores have
        intervals of no width, which say nothing.

    Source:
        Efron and Tibshirani 1993, chapter 13; groups: Davison and Hinkley 1997, section 3.8.
    """
    outcome = outcome_of(kind, probabilities, truth, thresholds)
    means = _row_scores(outcome)
    names = list(means)
    columns = np.stack(list(means.values()), axis=1)
    drawn: dict[str, list[Floats]] = {}
    for weights in _draw_weights(len(outcome.truth), samples, seed, groups):
        sums = (weights @ columns.astype(np.float32)) / weights.sum(axis=1, keepdims=True)
        resampled = dict(zip(names, sums.T, strict=True)) | counting_scores(outcome, weights)
        for name, values in resampled.items():
            bounded = np.minimum(values, 1.0) if name in RANKING else values
            drawn.setdefault(name, []).append(bounded.astype(np.float64))
    intervals = {name: _percentiles(np.concatenate(parts), confidence) for name, parts in drawn.items()}
    if outcome.right.all():
        units = len(outcome.right) if groups is None else len(np.unique(groups))
        whole = "accuracy" if kind == "single" else "subset_accuracy"
        intervals[whole] = Interval(float(((1.0 - confidence) / 2) ** (1 / units)), 1.0)
    return intervals


def compare(
    truth: NDArray[Any],
    probabilities_a: NDArray[Any],
    probabilities_b: NDArray[Any],
    kind: Kind,
    thresholds_a: NDArray[Any] | None = None,
    thresholds_b: NDArray[Any] | None = None,
    metric: str = "macro_f1",
    samples: int = 500,
    seed: int = 0,
    groups: NDArray[Any] | None = None,
) -> Difference:
    """Whether ``a`` really beats ``b`` on the same rows, by a paired bootstrap.

    Both models meet the same resamples, so what makes a row hard for both cancels out and the
    error bar is that of the difference, which is much smaller than that of either score.

    Args:
        truth: ``(rows,)`` positions, or ``(rows, labels)`` zeros and ones.
        probabilities_a: ``(rows, labels)`` of the one model.
        probabilities_b: ``(rows, labels)`` of the other.
        kind: ``single`` or ``multi``.
        thresholds_a: ``(labels,)`` of the one, in a multi-label task.
        thresholds_b: ``(labels,)`` of the other.
        metric: ``accuracy`` (the whole row is right), ``macro_f1``, ``micro_f1``, or ``log_loss``
            (by how much that of ``a`` is lower, so that here too more is better).
        samples: How many resamples.
        seed: Of the resampling.
        groups: ``(rows,)`` ids of rows that are drawn together.

    Raises:
        ValueError: If the metric is not one of the four.
    """
    if metric not in COMPARED:
        raise ValueError(f"metric must be one of {', '.join(COMPARED)}, got {metric!r}")
    a = outcome_of(kind, probabilities_a, truth, thresholds_a)
    b = outcome_of(kind, probabilities_b, truth, thresholds_b)
    once = np.ones((1, len(a.truth)), dtype=np.float32)
    value = float(_compared(a, once, metric)[0] - _compared(b, once, metric)[0])
    drawn = np.concatenate(
        [
            _compared(a, weights, metric) - _compared(b, weights, metric)
            for weights in _draw_weights(len(a.truth), samples, seed, groups)
        ]
    )
    bounds = _percentiles(drawn, 0.95)
    return Difference(value, float(drawn.std(ddof=1)) if samples > 1 else 0.0, bounds.low, bounds.high)


def _compared(outcome: Outcome, weights: Weights, metric: str) -> Floats:
    if metric == "accuracy":
        return np.asarray((weights @ outcome.right.astype(np.float64)) / weights.sum(axis=1))
    if metric == "log_loss":
        return -np.asarray((weights @ row_losses(outcome)["log_loss"]) / weights.sum(axis=1))
    hits, true, predicted = count(outcome, weights)
    if metric == "macro_f1":
        return mean_over(divide(2 * hits, true + predicted), true + predicted > 0)
    return divide(2 * hits.sum(axis=1), true.sum(axis=1) + predicted.sum(axis=1))


def _row_scores(outcome: Outcome) -> dict[str, Floats]:
    """Values per row whose weighted mean is the score: exact for means, first order for ranks."""
    ranked = macro_ranking(outcome.probabilities, outcome.truth)
    return row_losses(outcome) | {name: r.value + r.influence for name, r in ranked.items()}


def _draw_weights(rows: int, samples: int, seed: int, groups: NDArray[Any] | None) -> Iterator[Weights]:
    """Blocks of ``(some samples, rows)`` counts, small enough to fit in memory."""
    member = np.arange(rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = int(member.max()) + 1
    random = np.random.default_rng(seed)
    block = max(1, WEIGHTS_AT_ONCE // rows)
    for start in range(0, samples, block):
        size = min(block, samples - start)
        picks = random.integers(units, size=(size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(picks.ravel(), minlength=size * units).reshape(size, units)
        yield (counts if groups is None else counts[:, member]).astype(np.float32)


def _percentiles(values: Floats, confidence: float) -> Interval:
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(low), float(high))

"""Checked predictions and truth as three 0/1 tables, from which every counting score follows.

Single-label and multi-label tasks differ only in how a probability becomes a prediction
(the largest one, or all above their threshold). After that both are rows of labels that were
true, predicted, or both; accuracy and every kind of F1 are sums over these tables, and a
bootstrap is the same sums with weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Kind
from core.errors import DataError

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]
SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was true and what was predicted.

    Attributes:
        kind: ``single`` or ``multi``.
        probabilities: ``(rows, labels)`` float64.
        truth: ``(rows, labels)`` bool.
        predicted: ``(rows, labels)`` bool.
    """

    kind: Kind
    probabilities: Floats
    truth: NDArray[np.bool_]
    predicted: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """``(rows,)``: whether every label of the row is as it should be."""
        return np.asarray((self.truth == self.predicted).all(axis=1))


def single_outcome(probabilities: NDArray[Any], truth: NDArray[Any]) -> Outcome:
    """One label per row; the most probable one is predicted (the first of equals).

    Args:
        probabilities: ``(rows, labels)``.
        truth: ``(rows,)`` integer label positions.
    """
    scores = _checked(probabilities)
    positions = np.asarray(truth)
    if positions.shape != scores.shape[:1] or positions.dtype.kind not in "iu":
        raise ValueError(f"truth must be ({len(scores)},) integers, got {positions.dtype} {positions.shape}")
    labels = scores.shape[1]
    if positions.min() < 0 or positions.max() >= labels:
        raise ValueError(f"truth must lie in 0..{labels - 1}; leave out the rows whose label is not known")
    every = np.arange(labels)
    return Outcome("single", scores, positions[:, None] == every, scores.argmax(axis=1)[:, None] == every)


def multi_outcome(probabilities: NDArray[Any], truth: NDArray[Any], thresholds: NDArray[Any] | None = None) -> Outcome:
    """Any number of labels per row; those at or above their threshold are predicted.

    Args:
        probabilities: ``(rows, labels)``.
        truth: ``(rows, labels)`` zeros and ones.
        thresholds: ``(labels,)``; None means one half for all.
    """
    scores = _checked(probabilities)
    marks = np.asarray(truth)
    if marks.shape != scores.shape:
        raise ValueError(f"truth must be {scores.shape} zeros and ones, got {marks.shape}")
    cuts = np.full(scores.shape[1], 0.5) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    return Outcome("multi", scores, marks > 0.5, scores >= cuts)


def outcome_of(
    kind: Kind, probabilities: NDArray[Any], truth: NDArray[Any], thresholds: NDArray[Any] | None = None
) -> Outcome:
    """The outcome of a task of either kind; thresholds belong to multi-label tasks only."""
    if kind == "single":
        return single_outcome(probabilities, truth)
    return multi_outcome(probabilities, truth, thresholds)


def count(outcome: Outcome, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """Weighted numbers of hits, of true and of predicted labels, each ``(samples, labels)``.

    Args:
        outcome: Of ``rows`` rows.
        weights: ``(samples, rows)``; how often each row counts.
    """
    hits, true, predicted = (
        (weights @ table.astype(np.float32)).astype(np.float64)
        for table in (outcome.truth & outcome.predicted, outcome.truth, outcome.predicted)
    )
    return hits, true, predicted


def mean_over(values: Floats, which: NDArray[np.bool_]) -> Floats:
    """Row means of ``(samples, labels)`` over the labels that count; 0 where none does."""
    return np.asarray(np.where(which, values, 0.0).sum(axis=1) / np.maximum(which.sum(axis=1), 1))


def divide(part: Floats, whole: Floats) -> Floats:
    """A quotient that is 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def counting_scores(outcome: Outcome, weights: Weights) -> dict[str, Floats]:
    """Every score that follows from counts, each ``(samples,)``; see ``metrics`` for what they say."""
    hits, true, predicted = count(outcome, weights)
    f1 = divide(2 * hits, true + predicted)
    scores = {"macro_f1": mean_over(f1, true + predicted > 0)}
    if outcome.kind == "single":
        return scores | {"balanced_accuracy": mean_over(divide(hits, true), true > 0)}
    all_hits, all_true, all_predicted = hits.sum(axis=1), true.sum(axis=1), predicted.sum(axis=1)
    return scores | {
        "micro_f1": divide(2 * all_hits, all_true + all_predicted),
        "micro_precision": divide(all_hits, all_predicted),
        "micro_recall": divide(all_hits, all_true),
    }


def row_losses(outcome: Outcome) -> dict[str, Floats]:
    """The scores that are plain means over rows, as ``(rows,)`` values."""
    chance, truth = np.clip(outcome.probabilities, SMALLEST_PROBABILITY, 1.0), outcome.truth
    squared = np.square(outcome.probabilities - truth)
    if outcome.kind == "single":
        return {
            "accuracy": outcome.right.astype(np.float64),
            "log_loss": -np.log(chance[truth]),
            "brier": squared.sum(axis=1),
        }
    against = np.clip(1.0 - outcome.probabilities, SMALLEST_PROBABILITY, 1.0)
    return {
        "subset_accuracy": outcome.right.astype(np.float64),
        "hamming": (outcome.truth != outcome.predicted).mean(axis=1),
        "log_loss": -np.log(np.where(truth, chance, against)).mean(axis=1),
        "brier": squared.mean(axis=1),
    }


def _checked(probabilities: NDArray[Any]) -> Floats:
    scores = np.asarray(probabilities, dtype=np.float64)
    if scores.ndim != 2:
        raise ValueError(f"probabilities must be (rows, labels), got {scores.shape}")
    if not scores.size:
        raise DataError(
            "no row to evaluate",
            got=f"{scores.shape[0]} rows and {scores.shape[1]} labels",
            expected="at least one row whose label is known",
            fix="give evaluation data that carries this task's labels",
        )
    if not np.isfinite(scores).all():
        raise ValueError("probabilities hold NaN or infinity: the model has diverged")
    return scores

"""Scores of one set of predictions, for all labels and per label.

A score that the rows cannot define is absent from the result rather than NaN: the ROC area of a
label that no row carries has no value, and NaN is not JSON. The intervals and the comparison of
two models come from ``bootstrap`` and can be had here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Kind
from core.evaluate.bootstrap import Difference, Interval, bootstrap, compare
from core.evaluate.calibration import expected_calibration_error
from core.evaluate.outcome import (
    Outcome,
    count,
    counting_scores,
    divide,
    multi_outcome,
    outcome_of,
    row_losses,
    single_outcome,
)
from core.evaluate.ranking import average_precision, macro_ranking, roc_area

__all__ = [
    "Difference",
    "Interval",
    "LabelScores",
    "Scored",
    "bootstrap",
    "compare",
    "confusion",
    "measure",
    "multi_metrics",
    "per_label",
    "single_metrics",
]


ORDER = (
    "accuracy",
    "micro_f1",
    "macro_f1",
    "balanced_accuracy",
    "micro_precision",
    "micro_recall",
    "subset_accuracy",
    "hamming",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One row of a comparison: a model or a baseline with its scores.

    Attributes:
        name: As shown, such as ``model`` or ``TF-IDF linear``.
        metrics: Score by name.
        intervals: 95 % interval by name, where there is one.
    """

    name: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelScores:
    """How well one label is told from the rest.

    Attributes:
        precision: Of the rows predicted so, the share that are (0 if none is predicted).
        recall: Of the rows that are so, the share predicted (0 if there is none).
        f1: Their harmonic mean.
        support: Rows that carry the label.
        roc_auc: None unless some rows carry the label and some do not.
        average_precision: None unless some rows carry the label.
    """

    precision: float
    recall: float
    f1: float
    support: int
    roc_auc: float | None
    average_precision: float | None


def single_metrics(probabilities: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """Scores of a task with exactly one label per row.

    Args:
        probabilities: ``(rows, labels)``, each row summing to one.
        truth: ``(rows,)`` integer label positions; leave out rows whose label is not known.

    Returns:
        ``accuracy`` (which equals micro-F1 here); ``macro_f1``, the unweighted mean over the
        labels present in the truth or the prediction; ``balanced_accuracy``, mean recall over the
        labels present in the truth; ``log_loss``; ``brier``, summed over labels, so 0 to 2;
        ``ece``; ``roc_auc`` and ``average_precision``, one label against the rest, the mean over
        labels present in the truth.

    >>> scores = single_metrics(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]))
    >>> round(scores["accuracy"], 3), round(scores["macro_f1"], 3)
    (0.667, 0.667)
    """
    return _metrics(single_outcome(probabilities, truth), truth)


def multi_metrics(
    probabilities: NDArray[Any], truth: NDArray[Any], thresholds: NDArray[Any] | None = None
) -> dict[str, float]:
    """Scores of a task with any number of labels per row.

    Args:
        probabilities: ``(rows, labels)``, each on its own.
        truth: ``(rows, labels)`` zeros and ones.
        thresholds: ``(labels,)``; a label is predicted at or above its own. None: one half.

    Returns:
        ``micro_f1``, ``micro_precision``, ``micro_recall`` over all decisions; ``macro_f1``, the
        mean over the labels present in the truth or the prediction; ``subset_accuracy``, rows
        with every label right; ``hamming``, the share of wrong decisions (lower is better);
        ``log_loss``, ``brier`` and ``ece`` over all row-label decisions; ``roc_auc`` and
        ``average_precision``, the mean over labels that have positives.
    """
    return _metrics(multi_outcome(probabilities, truth, thresholds), truth)


def measure(
    name: str,
    probabilities: NDArray[Any],
    truth: NDArray[Any],
    kind: Kind,
    *,
    thresholds: NDArray[Any] | None = None,
    samples: int = 1000,
    seed: int = 0,
    groups: NDArray[Any] | None = None,
) -> Scored:
    """All scores of one model with their 95 % intervals; arguments as in ``bootstrap``."""
    intervals = bootstrap(probabilities, truth, kind, thresholds=thresholds, samples=samples, seed=seed, groups=groups)
    return Scored(name, _metrics(outcome_of(kind, probabilities, truth, thresholds), truth), intervals)


def per_label(
    probabilities: NDArray[Any],
    truth: NDArray[Any],
    kind: Kind,
    *,
    thresholds: NDArray[Any] | None = None,
) -> list[LabelScores]:
    """The scores of every label, in label order; arguments as in ``bootstrap``."""
    outcome = outcome_of(kind, probabilities, truth, thresholds)
    hits, true, predicted = (counts[0] for counts in count(outcome, _once(outcome)))
    precision, recall, f1 = divide(hits, predicted), divide(hits, true), divide(2 * hits, true + predicted)
    rows = []
    for label in range(len(hits)):
        scores, present = outcome.probabilities[:, label], outcome.truth[:, label]
        area, mean_precision = roc_area(scores, present), average_precision(scores, present)
        rows.append(
            LabelScores(
                precision=float(precision[label]),
                recall=float(recall[label]),
                f1=float(f1[label]),
                support=int(true[label]),
                roc_auc=area.value if area else None,
                average_precision=mean_precision.value if mean_precision else None,
            )
        )
    return rows


def confusion(probabilities: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.int64]:
    """How often each true label was taken for each other one, in a single-label task.

    Args:
        probabilities: ``(rows, labels)``.
        truth: ``(rows,)`` integer label positions.

    Returns:
        ``(labels, labels)``: rows are the truth, columns the prediction.

    >>> confusion(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1])).tolist()
    [[1, 0], [1, 1]]
    """
    outcome = single_outcome(probabilities, truth)
    labels = outcome.truth.shape[1]
    cells = outcome.truth.argmax(axis=1) * labels + outcome.predicted.argmax(axis=1)
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels).astype(np.int64)


def _metrics(outcome: Outcome, truth: NDArray[Any]) -> dict[str, float]:
    scores = {name: float(values.mean()) for name, values in row_losses(outcome).items()}
    scores |= {name: float(v[0]) for name, v in counting_scores(outcome, _once(outcome)).items()}
    scores |= {name: r.value for name, r in macro_ranking(outcome.probabilities, outcome.truth).items()}
    scores["ece"] = expected_calibration_error(outcome.probabilities, truth)
    return {name: scores[name] for name in ORDER if name in scores}


def _once(outcome: Outcome) -> NDArray[np.float32]:
    """Every row counted once, as a batch of one sample."""
    return np.ones((1, len(outcome.truth)), dtype=np.float32)

"""ROC, precision-recall and learning curves as points that a plot or a table can show.

A curve over five thousand rows has five thousand corners, which no eye can tell from two hundred.
The area is that of the full curve; only the drawn points are thinned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Interval
from core.evaluate.ranking import average_precision, roc_area

MOST_POINTS = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line with the area under it.

    Attributes:
        name: The label it belongs to; empty for all labels together.
        x: False-positive rate, or recall.
        y: True-positive rate, or precision.
        area: ROC area, or average precision.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """What a model trained on so many rows scored: shows whether more data would help."""

    rows: int
    score: float
    interval: Interval | None = None


def roc_curve_points(scores: NDArray[Any], truth: NDArray[Any], name: str = "") -> Curve | None:
    """True-positive rate over false-positive rate; None where one of the two sides is empty.

    Args:
        scores: ``(rows,)``.
        truth: ``(rows,)`` zeros and ones.
        name: Of the curve.
    """
    values, marks = _column(scores, truth)
    area = roc_area(values, marks)
    if area is None:
        return None
    hits, reached = _steps(values, marks)
    return Curve(name, *_thin((reached - hits) / (~marks).sum(), hits / marks.sum()), area.value)


def precision_recall_points(scores: NDArray[Any], truth: NDArray[Any], name: str = "") -> Curve | None:
    """Precision over recall; None where no row is positive.

    Args:
        scores: ``(rows,)``.
        truth: ``(rows,)`` zeros and ones.
        name: Of the curve.
    """
    values, marks = _column(scores, truth)
    area = average_precision(values, marks)
    if area is None:
        return None
    hits, reached = _steps(values, marks)
    precision = np.divide(hits, reached, out=np.ones_like(hits), where=reached > 0)
    precision[0] = precision[1]
    return Curve(name, *_thin(hits / marks.sum(), precision), area.value)


def _column(scores: NDArray[Any], truth: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.asarray(scores, dtype=np.float64), np.asarray(truth) > 0.5


def _steps(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positives and rows at or above each distinct score, from none to all."""
    unique, place = np.unique(-scores, return_inverse=True)
    hits = np.cumsum(np.bincount(place, weights=truth, minlength=len(unique)))
    reached = np.cumsum(np.bincount(place, minlength=len(unique)))
    return np.append(0.0, hits), np.append(0.0, reached)


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """At most ``MOST_POINTS`` corners, evenly spaced along the drawn line, both ends included."""
    walked = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    wanted = np.linspace(0.0, walked[-1], MOST_POINTS)
    keep = np.unique(np.append(np.searchsorted(walked, wanted)[:-1], len(x) - 1))
    return tuple(np.round(x[keep], 5).tolist()), tuple(np.round(y[keep], 5).tolist())

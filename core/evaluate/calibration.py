"""Whether a stated 90 % is right 90 % of the time, and the two repairs: temperature and thresholds.

A fine-tuned encoder is nearly always too sure of itself. One number, the temperature, mends most
of that without changing any decision. A multi-label task decides by a threshold per label, since
half is the wrong place to cut for a topic that one row in fifty carries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]

TEMPERATURES = (0.05, 20.0)
FEWEST_ROWS = 20
EXTREMES = (0.01, 0.99)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The predictions whose confidence lies in one bin.

    Attributes:
        confidence: Mean stated confidence.
        accuracy: Share that was right.
        count: How many there are.
    """

    confidence: float
    accuracy: float
    count: int


def softmax(logits: NDArray[Any]) -> Floats:
    """Probabilities that sum to one over the last axis, without overflow.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    scores = np.asarray(logits, dtype=np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[Any]) -> Floats:
    """A probability for each number on its own, without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    scores = np.asarray(logits, dtype=np.float64)
    shrunk = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1.0, shrunk) / (1.0 + shrunk))


def fit_temperature(logits: NDArray[Any], truth: NDArray[Any]) -> float:
    """The temperature that makes ``softmax(logits / temperature)`` honest on held-out rows.

    Args:
        logits: ``(rows, labels)`` of rows the model was not trained on.
        truth: ``(rows,)`` integer label positions.

    Returns:
        Above 1 where the model was too sure; 1.0 when there are fewer than 20 rows.

    Source:
        Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. We add the
        weak prior that log temperature is about 0 +- 1: on a set where every prediction is right,
        the likelihood alone would drive the temperature to zero and every confidence to 100 %.
    """
    scores = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(scores))

    def loss(temperature: float) -> float:
        scaled = scores / temperature
        top = scaled.max(axis=1)
        return float((top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[rows, truth]).sum())

    return _best_temperature(scores, loss)


def fit_temperature_multi(logits: NDArray[Any], truth: NDArray[Any]) -> float:
    """As ``fit_temperature``, for ``sigmoid(logits / temperature)`` and ``(rows, labels)`` truth."""
    scores, marks = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=np.float64)

    def loss(temperature: float) -> float:
        scaled = scores / temperature
        return float((np.logaddexp(0.0, scaled) - marks * scaled).sum())

    return _best_temperature(scores, loss)


def reliability_curve(probabilities: NDArray[Any], truth: NDArray[Any], bins: int = 15) -> list[ReliabilityBin]:
    """Stated confidence against what came true, in equally wide bins; empty bins are left out.

    Equal widths, as in the literature, so that the numbers can be compared with other people's.

    Args:
        probabilities: ``(rows, labels)``.
        truth: ``(rows,)`` integers: the confidence is that of the predicted label and it is right
            or wrong. ``(rows, labels)`` zeros and ones: every single probability is judged, and
            "right" means that the label is there; as most labels are absent from most rows, most
            of these lie near zero.
        bins: How many bins share the range 0 to 1.
    """
    scores, marks = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)
    if marks.ndim == 1:
        right = scores.argmax(axis=1) == marks
        confidence = scores.max(axis=1)
    else:
        right, confidence = marks.ravel() > 0.5, scores.ravel()
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    stated = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    return [
        ReliabilityBin(float(stated[i] / count[i]), float(hits[i] / count[i]), int(count[i]))
        for i in np.flatnonzero(count)
    ]


def expected_calibration_error(probabilities: NDArray[Any], truth: NDArray[Any], bins: int = 15) -> float:
    """The mean gap between stated confidence and accuracy over equally wide bins, weighted by count.

    Args:
        probabilities: ``(rows, labels)``.
        truth: ``(rows,)`` integers or ``(rows, labels)`` zeros and ones; see ``reliability_curve``.
        bins: How many bins.

    Source:
        Naeini et al. 2015; Guo et al. 2017, equation 3.
    """
    return calibration_error(reliability_curve(probabilities, truth, bins))


def calibration_error(curve: list[ReliabilityBin]) -> float:
    """The expected calibration error of a reliability curve.

    >>> round(calibration_error([ReliabilityBin(0.9, 0.8, 1), ReliabilityBin(0.5, 0.5, 1)]), 3)
    0.05
    """
    total = sum(b.count for b in curve)
    return sum(b.count * abs(b.accuracy - b.confidence) for b in curve) / max(total, 1)


def fit_thresholds(probabilities: NDArray[Any], truth: NDArray[Any], *, minimum_positives: int = 50) -> Floats:
    """For each label the threshold with the best F1 on held-out rows, careful with rare labels.

    The best cut for a label with three positives is mostly luck. So a label with fewer than
    ``minimum_positives`` moves towards the pooled threshold (the best cut for all labels at once,
    by micro-F1), in proportion to what it lacks; a label with none takes the pooled one.

    Args:
        probabilities: ``(rows, labels)`` of rows the model was not trained on.
        truth: ``(rows, labels)`` zeros and ones.
        minimum_positives: From how many positives on a label is trusted on its own.

    Returns:
        ``(labels,)``, each between 0.01 and 0.99, to be used as ``probability >= threshold``.
    """
    scores, marks = np.asarray(probabilities, dtype=np.float64), np.asarray(truth) > 0.5
    if not marks.any():
        return np.full(scores.shape[1], 0.5)
    pooled = _best_cut(scores.ravel(), marks.ravel())
    positives = marks.sum(axis=0)
    trust = np.minimum(1.0, positives / max(minimum_positives, 1))
    own = [
        _best_cut(scores[:, label], marks[:, label]) if positives[label] else pooled for label in range(scores.shape[1])
    ]
    return np.asarray(np.clip(trust * np.array(own) + (1.0 - trust) * pooled, *EXTREMES))


def _best_temperature(scores: Floats, loss: Callable[[float], float]) -> float:
    if len(scores) < FEWEST_ROWS:
        return 1.0
    if not np.isfinite(scores).all():
        raise ValueError("logits hold NaN or infinity: the model has diverged")
    found = minimize_scalar(
        lambda log_t: loss(float(np.exp(log_t))) + log_t**2 / 2,
        bounds=tuple(np.log(TEMPERATURES)),
        method="bounded",
    )
    return float(np.exp(found.x))


def _best_cut(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """The cut with the largest F1, midway between the scores on its two sides."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(ordered[:-1] > ordered[1:], True)  # a cut cannot part equal scores
    hits = np.cumsum(truth[order])
    f1 = np.where(last, 2 * hits / (np.arange(1, len(scores) + 1) + truth.sum()), -1.0)
    best = int(f1.argmax())
    lower = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    middle = (ordered[best] + lower) / 2
    return float(middle if middle > lower else ordered[best])

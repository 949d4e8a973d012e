"""How well scores order rows: ROC area and average precision, with each row's influence.

Both judge the order only, whatever the threshold. The influence of a row is how much the value
moves when that row counts a little more; a weighted mean of influences gives the value on a
bootstrap sample to first order, at the price of one matrix product instead of a thousand sorts.
(For the ROC area these are the structural components of DeLong, DeLong and Clarke-Pearson 1988.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking score of one label, or its mean over labels.

    Attributes:
        value: The score.
        influence: ``(rows,)`` with mean zero: what one more count of the row adds, times rows.
    """

    value: float
    influence: Floats


def roc_area(scores: Floats, truth: NDArray[np.bool_]) -> Ranked | None:
    """The chance that a random positive scores above a random negative; ties count half.

    Args:
        scores: ``(rows,)``.
        truth: ``(rows,)``.

    Returns:
        None where positives or negatives are absent: the area is then not defined.

    >>> roc_area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).value
    0.75
    """
    positives, rows = int(truth.sum()), len(truth)
    negatives = rows - positives
    if not positives or not negatives:
        return None
    others = np.where(truth, 0.0, 1.0)
    below, tied = _mass_below(scores, others)
    beaten = (below + tied / 2) / negatives
    below, tied = _mass_below(scores, 1.0 - others)
    beating = 1.0 - (below + tied / 2) / positives
    area = float(beaten[truth].mean())
    influence = np.where(truth, (beaten - area) * rows / positives, (beating - area) * rows / negatives)
    return Ranked(area, influence)


def average_precision(scores: Floats, truth: NDArray[np.bool_]) -> Ranked | None:
    """The mean, over positives, of the precision among the rows that score at least as high.

    Args:
        scores: ``(rows,)``.
        truth: ``(rows,)``.

    Returns:
        None where no row is positive.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])).value, 4)
    0.8333
    """
    positives, rows = int(truth.sum()), len(truth)
    if not positives:
        return None
    unique, place = np.unique(-scores, return_inverse=True)
    tied = np.bincount(place, minlength=len(unique))
    tied_positives = np.bincount(place, weights=truth, minlength=len(unique))
    reached = np.cumsum(tied)
    precision = np.cumsum(tied_positives) / reached
    value = float((tied_positives * precision).sum() / positives)
    # A row enters the precision of every positive that scores no higher than it does.
    per_row = tied_positives / reached
    gain = np.cumsum(per_row[::-1])[::-1][place] * truth
    loss = np.cumsum((per_row * precision)[::-1])[::-1][place]
    influence = rows / positives * (truth * (precision[place] - value) + gain - loss)
    return Ranked(value, influence)


def mean_ranked(parts: list[Ranked]) -> Ranked | None:
    """The unweighted (macro) mean; None of no parts."""
    if not parts:
        return None
    return Ranked(float(np.mean([p.value for p in parts])), np.asarray(np.mean([p.influence for p in parts], axis=0)))


def macro_ranking(scores: Floats, truth: NDArray[np.bool_]) -> dict[str, Ranked]:
    """Both scores, one label against the rest, averaged over the labels that define them.

    Args:
        scores: ``(rows, labels)``.
        truth: ``(rows, labels)``.
    """
    columns = [(scores[:, label], truth[:, label]) for label in range(scores.shape[1])]
    found = {
        "roc_auc": mean_ranked([area for s, t in columns if (area := roc_area(s, t))]),
        "average_precision": mean_ranked([area for s, t in columns if (area := average_precision(s, t))]),
    }
    return {name: ranked for name, ranked in found.items() if ranked}


def _mass_below(scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """For each row the weight of rows that score lower, and of those that score the same."""
    unique, place = np.unique(scores, return_inverse=True)
    tied = np.bincount(place, weights=weights, minlength=len(unique)).astype(np.float64)
    return (np.cumsum(tied) - tied)[place], tied[place]

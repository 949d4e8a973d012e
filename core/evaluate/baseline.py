"""What a model is compared with: a score means little until one knows what guessing gets.

The trained baselines (TF-IDF) are models like any other and live in ``core.model``; here is the
one that needs no training, and the rows of a baseline table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Kind
from core.evaluate.metrics import Scored, measure

MAJORITY = "majority"


def majority_probabilities(train_truth: NDArray[Any], rows: int, labels: int, kind: Kind) -> NDArray[np.float64]:
    """Give every row the training frequencies: the best that is possible without reading the text.

    Args:
        train_truth: ``(train rows,)`` label positions, or ``(train rows, labels)`` zeros and ones.
        rows: How many rows to predict.
        labels: How many labels there are.
        kind: ``single`` or ``multi``.

    Returns:
        ``(rows, labels)``; in a single-label task the most frequent label wins.

    >>> majority_probabilities(np.array([0, 1, 1, 1]), 1, 2, "single").tolist()
    [[0.25, 0.75]]
    """
    truth = np.asarray(train_truth)
    if kind == "single":
        frequency = np.bincount(truth, minlength=labels) / max(len(truth), 1)
    else:
        frequency = truth.astype(np.float64).mean(axis=0) if len(truth) else np.zeros(labels)
    return np.tile(frequency, (rows, 1))


def baseline_rows(
    predictions: Mapping[str, NDArray[Any]],
    truth: NDArray[Any],
    kind: Kind,
    *,
    thresholds: Mapping[str, NDArray[Any]] | None = None,
    samples: int = 1000,
    seed: int = 0,
    groups: NDArray[Any] | None = None,
) -> tuple[Scored, ...]:
    """Score every baseline on the model's own rows.

    Args:
        predictions: Name to ``(rows, labels)`` probabilities, in the order of the table.
        truth: ``(rows,)`` positions, or ``(rows, labels)`` zeros and ones.
        kind: ``single`` or ``multi``.
        thresholds: Name to ``(labels,)`` of a multi-label baseline; one half where absent.
        samples: Bootstrap resamples.
        seed: Of the resampling.
        groups: ``(rows,)`` ids of rows that are drawn together.
    """
    cuts = thresholds or {}
    return tuple(
        measure(
            name,
            probabilities,
            truth,
            kind,
            thresholds=cuts.get(name),
            samples=samples,
            seed=seed,
            groups=groups,
        )
        for name, probabilities in predictions.items()
    )

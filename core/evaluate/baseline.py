"""What a model is compared with: a score means little until one knows what guessing gets.

The trained baselines (TF-IDF) are models like any other and live in ``core.model``; here is the
one that needs no training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Kind

MAJORITY = "majority"


def label_frequencies(truth: NDArray[Any], labels: int, kind: Kind) -> NDArray[np.float64]:
    """How frequent each label is: said of every row, the best that is possible without reading the text.

    Args:
        truth: ``(rows,)`` label positions, or ``(rows, labels)`` zeros and ones.
        labels: How many labels there are.
        kind: ``single`` or ``multi``.

    Returns:
        ``(labels,)``; zeros without rows. In a single-label task the most frequent label wins.

    >>> label_frequencies(np.array([0, 1, 1, 1]), 2, "single").tolist()
    [0.25, 0.75]
    """
    marks = np.asarray(truth)
    counts = np.bincount(marks, minlength=labels) if kind == "single" else marks.sum(axis=0)
    return np.asarray(counts / max(1, len(marks)), dtype=np.float64)

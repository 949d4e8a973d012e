"""The vectors of the last texts, and which of them are near to a new one.

Vectors are kept as whole numbers so small that every product of two is exact in float32. So the
same is found whatever the batch, the machine and the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from core.index.dense import searching_alone

SCALE = 4_000.0  # squared, with what rounding adds in thousands of dimensions, it is below 2**24

faiss.cvar.distance_compute_blas_threshold = 20  # multiply matrices from so many queries on: three times as fast

Vectors = NDArray[np.float32]
Near = list[tuple[int, float]]


def to_whole(vectors: NDArray[np.floating]) -> Vectors:
    """Vectors as whole numbers, from what is left of them in float16, as which they are stored.

    Args:
        vectors: ``(rows, dimensions)``, of any length.

    Returns:
        ``(rows, dimensions)`` float32, of length ``SCALE`` but for rounding.
    """
    kept = vectors.astype(np.float16).astype(np.float64)
    lengths = np.sqrt((kept * kept).sum(axis=1, keepdims=True))
    whole: Vectors = np.rint(kept / np.maximum(lengths, 1e-6) * SCALE).astype(np.float32)
    return whole


def find_within(vectors: Vectors, least: float) -> list[Near]:
    """For each row the earlier rows that are near, and their cosine."""
    products = vectors @ vectors.T
    rows, others = np.nonzero(products >= _to_product(least))
    rows, others = rows[others < rows], others[others < rows]
    found: list[Near] = [[] for _ in vectors]
    for row, other, cosine in zip(rows.tolist(), others.tolist(), _cosines(products[rows, others]), strict=True):
        found[row].append((other, cosine))
    return found


class Nearby:
    """The last vectors that were added.

    Args:
        dimensions: Of a vector.
        limit: How many are kept at least; at most a quarter more.
    """

    def __init__(self, dimensions: int, limit: int) -> None:
        self.dimensions, self._limit = dimensions, limit
        self._index = faiss.IndexFlatIP(dimensions)
        self._numbers: list[int] = []

    def add(self, vectors: Vectors, numbers: Sequence[int]) -> None:
        """Keep vectors, made by ``to_whole``, each under a number."""
        self._index.add(vectors)
        self._numbers.extend(numbers)
        surplus = len(self._numbers) - self._limit
        if surplus > self._limit // 4:
            kept = self._index.reconstruct_n(surplus, self._limit)
            self._index.reset()
            self._index.add(kept)
            del self._numbers[:surplus]

    def find(self, vectors: Vectors, least: float) -> list[Near]:
        """For each row the numbers of the near vectors, and their cosine."""
        with searching_alone():  # for so few vectors a second thread costs more than it does
            ends, products, places = self._index.range_search(vectors, _to_product(least) - 1)  # finds what is above
        numbers = [self._numbers[place] for place in places.tolist()]
        pairs = list(zip(numbers, _cosines(products), strict=True))
        return [pairs[start:end] for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def _to_product(cosine: float) -> int:
    return math.ceil(cosine * SCALE * SCALE)


def _cosines(products: NDArray[np.float32]) -> list[float]:
    cosines: list[float] = (products.astype(np.float64) / (SCALE * SCALE)).tolist()
    return cosines

"""Item vectors that are searched, and change while they are: FAISS for what stood, exact for what is new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.index.dense import DensePart, Vectors, build_vectors, search_dense, searching_alone
from kits.recommender.state.catalog import enlarge

REBUILD_ROWS = 20_000
Floats = NDArray[np.float32]


class Shelf:
    """The vectors of the items by number.

    Args:
        vectors: ``(items, dimension)`` float32.
    """

    def __init__(self, vectors: Floats) -> None:
        self._rows = np.array(vectors, dtype=np.float32, order="C")
        self.size = len(vectors)
        self._build()

    @property
    def rows(self) -> Floats:
        """All vectors ``(items, dimension)``."""
        return self._rows[: self.size]

    @property
    def is_rebuild_due(self) -> bool:
        """Whether so many rows are new that ``rebuild`` would make searches faster."""
        return len(self._fresh) >= REBUILD_ROWS

    def put(self, number: int, vector: Floats) -> None:
        """Set the vector of an item; the next search sees it."""
        self._rows = enlarge(self._rows, number + 1)
        self.size = max(self.size, number + 1)
        self._rows[number] = vector
        self._fresh[number] = None

    def rebuild(self) -> None:
        """Bring the new rows into FAISS."""
        self._build()

    def search(self, queries: Floats, k: int, allowed: NDArray[np.bool_]) -> list[list[tuple[int, float]]]:
        """The items with the largest inner product with each query, the largest first.

        Args:
            queries: ``(queries, dimension)``.
            k: Most of each.
            allowed: Which items may be found ``(items,)``.

        Returns:
            For each query (number, inner product).
        """
        if not len(queries) or k <= 0:
            return [[] for _ in queries]
        fresh = np.array([n for n in self._fresh if allowed[n]], dtype=np.int64)
        found: list[list[tuple[int, float]]] = [[] for _ in queries]
        if self._main is not None:
            mask = allowed[: len(self._main)].copy()
            mask[[n for n in self._fresh if n < len(mask)]] = False
            parts = [DensePart(self._main, None if mask.all() else mask)]
            with searching_alone():
                answers = search_dense(parts, np.ascontiguousarray(queries, dtype=np.float32), k)
            found = [[(row, score) for _, row, score in hits] for hits in answers]
        if len(fresh):
            scores = queries @ self._rows[fresh].T
            for hits, own in zip(found, scores, strict=True):
                hits += list(zip(fresh.tolist(), own.tolist(), strict=True))
                hits.sort(key=lambda hit: (-hit[1], hit[0]))
                del hits[k:]
        return found

    def _build(self) -> None:
        self._main: Vectors | None = build_vectors(np.ascontiguousarray(self.rows)) if self.size else None
        self._fresh: dict[int, None] = {}

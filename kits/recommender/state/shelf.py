"""Item vectors that are searched, and change while they are: FAISS for what stood, exact for what is new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.index.dense import DensePart, Vectors, build_vectors, search_part, searching_alone
from kits.recommender.state.catalog import enlarge

Floats = NDArray[np.float32]


class Shelf:
    """The vectors of the items by number.

    Args:
        vectors: ``(items, dimension)`` float32.
    """

    def __init__(self, vectors: Floats) -> None:
        self._rows = np.array(vectors, dtype=np.float32, order="C")
        self.size = len(vectors)
        self._main = _build(self.rows)
        self._fresh: dict[int, None] = {}
        self._since: dict[int, None] = {}

    @property
    def rows(self) -> Floats:
        """All vectors ``(items, dimension)``."""
        return self._rows[: self.size]

    def put(self, number: int, vector: Floats) -> None:
        """Set the vector of an item; the next search sees it."""
        self._rows = enlarge(self._rows, number + 1)
        self.size = max(self.size, number + 1)
        self._rows[number] = vector
        self._fresh[number] = self._since[number] = None

    def prepare(self) -> Callable[[], None]:
        """Build anew what FAISS searches, while the shelf is searched and changed.

        Returns:
            Puts it in the place of what is searched now; to be called while nobody searches.
        """
        # In this order: what is put from here on may or may not be among the rows, and stays fresh.
        self._since = {}
        main = _build(self.rows)

        def adopt() -> None:
            self._main, self._fresh = main, dict(self._since)

        return adopt

    def search(
        self, queries: Floats, k: int, allowed: NDArray[np.bool_]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """The items with the largest inner product with each query, the largest first; of equal ones the older first.

        Args:
            queries: ``(queries, dimension)``.
            k: Most of each.
            allowed: Which items may be found ``(items,)``.

        Returns:
            For each query numbers and inner products, each ``(k,)`` or fewer.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        scores, rows = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        fresh = np.fromiter(self._fresh, np.int64, len(self._fresh))
        if self._main is not None and len(queries) and k > 0:
            mask = allowed[: len(self._main)].copy()
            mask[fresh[fresh < len(mask)]] = False
            with searching_alone():
                scores, rows = search_part(DensePart(self._main, None if mask.all() else mask), queries, k)
        fresh = fresh[allowed[fresh]]
        if len(fresh):
            scores = np.concatenate([scores, queries @ self._rows[fresh].T], axis=1)
            rows = np.concatenate([rows, np.broadcast_to(fresh, (len(queries), len(fresh)))], axis=1)
        scores = np.where(rows < 0, -np.inf, scores)
        order = np.lexsort((rows, -scores), axis=1)[:, : max(k, 0)]
        found = zip(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1), strict=True)
        return [(numbers[numbers >= 0], own[numbers >= 0]) for numbers, own in found]


def _build(rows: Floats) -> Vectors | None:
    return build_vectors(np.ascontiguousarray(rows)) if len(rows) else None

"""Reading an index: search, look up, follow what a writer does, and check that all agrees.

``refresh`` is never called by itself: between two calls a reader sees one state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.index.archive import State, advance_state, load_state
from core.index.check import find_faults
from core.index.column import Filter
from core.index.dense import take_vectors
from core.index.document import Document
from core.index.hybrid import Fusion, Hit, Query, Rerank, search_view
from core.index.lexical import LexicalPart, count_documents, weigh_rarity
from core.index.plan import advise_compaction

DEFAULT_FUSION = Fusion()


class Index:
    """One state of an index, in memory as far as it is not mapped from files. May be used by many threads.

    Args:
        folder: Where it lies.
        state: What was read of it.
    """

    def __init__(self, folder: Path, state: State) -> None:
        self.folder, self.state = folder, state

    def __len__(self) -> int:
        return len(self.state.view)

    @property
    def dimension(self) -> int:
        """Of the vectors; 0 for an index of texts only."""
        return self.state.manifest.dimension

    @property
    def encoder(self) -> str:
        """What made the vectors, in the words of who wrote them."""
        return self.state.manifest.encoder

    @property
    def version(self) -> tuple[int, int]:
        """Generation, and changes since: higher with every change, and equal only for the same state."""
        return self.state.manifest.generation, self.state.mark.records

    def search(
        self,
        query: Query,
        k: int = 10,
        *,
        where: Filter | None = None,
        fusion: Fusion = DEFAULT_FUSION,
        rerank: Rerank | None = None,
    ) -> list[Hit]:
        """The documents that answer a query best.

        Args:
            query: Words, a vector, or both, which are then fused.
            k: How many at most.
            where: Which documents may be found; None for all.
            fusion: How the rankings become one.
            rerank: Scores for a text and the documents found for it; the highest then come first.

        Raises:
            DataError: The vector has another dimension, is zero or not finite.
        """
        return self.search_many([query], k, where=where, fusion=fusion, rerank=rerank)[0]

    def search_many(
        self,
        queries: Sequence[Query],
        k: int = 10,
        *,
        where: Filter | None = None,
        fusion: Fusion = DEFAULT_FUSION,
        rerank: Rerank | None = None,
    ) -> list[list[Hit]]:
        """Like ``search`` for each of several queries, which takes less time for all vectors together."""
        state = self.state
        for query in queries:
            if query.vector is not None and np.shape(query.vector) != (state.manifest.dimension,):
                expected = f"({state.manifest.dimension},)" if state.manifest.dimension else "no vector"
                raise DataError("a query's vector has another shape", got=np.shape(query.vector), expected=expected)
        return search_view(state.view, queries, k, where, fusion, rerank)

    def rarity(self, terms: Sequence[str]) -> list[float]:
        """How much each term, as ``terms.cut_terms`` gives it, tells of a text: the rarer, the more."""
        view = self.state.view
        parts = [LexicalPart(part.segment.postings, part.alive, None, damping) for part, damping in
                 zip(view.parts, view.damping, strict=True)]  # fmt: skip
        return [weigh_rarity(count, len(view)) for count in count_documents(parts, terms)]

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The document of each id; None where there is none."""
        view = self.state.view
        documents: list[Document | None] = [None] * len(ids)
        for part, rows in zip(view.parts, view.locate(ids), strict=True):
            for position in np.flatnonzero(rows >= 0):
                documents[position] = part.segment.records.document(int(rows[position]))
        return documents

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The unit vector of each id ``(ids, dimension)``; NaN where there is none."""
        view = self.state.view
        found = np.full((len(ids), self.dimension), np.nan, dtype=np.float32)
        for part, rows in zip(view.parts, view.locate(ids), strict=True):
            if part.segment.vectors and (rows >= 0).any():
                found[rows >= 0] = take_vectors(part.segment.vectors, rows[rows >= 0])
        return found

    def documents(self, where: Filter | None = None) -> Iterator[Document]:
        """All documents, or those that a filter leaves, in the order in which they were last written."""
        view = self.state.view
        for part, mask in zip(view.parts, view.select(where), strict=True):
            rows = np.arange(len(part.segment)) if mask is None else np.flatnonzero(mask)
            for row in rows:
                yield part.segment.records.document(int(row))

    def refresh(self) -> bool:
        """Go over to what stands in the folder now; False where that is what was seen already.

        Raises:
            StoreError: It is damaged; the index goes on with what it has.
        """
        before = self.state
        self.state = advance_state(self.folder, before)
        return self.state is not before

    def describe(self) -> Mapping[str, object]:
        """What the index holds, how it is searched and why, and whether it should be compacted."""
        view = self.state.view
        segments = []
        for part in view.parts:
            vectors = part.segment.vectors.describe() if part.segment.vectors else "no vectors"
            place = part.name or "in the journal"
            segments.append({"name": place, "documents": part.documents, "dead": part.dead, "vectors": vectors})
        return {
            "documents": len(view),
            "dimension": self.dimension,
            "encoder": self.encoder,
            "version": list(self.version),
            "segments": segments,
            "compaction": advise_compaction(view.parts),
        }

    def check(self, sample_rows: int | None = 1_000) -> list[str]:
        """What is wrong with the index: nothing, where files, documents, words and vectors agree.

        Args:
            sample_rows: Of each segment so many rows are looked at one by one; None for all.
        """
        return find_faults(self.state.view, self.dimension, sample_rows)

    def verify(self) -> None:
        """Compare every byte on the disk with what was noted when it was written.

        Raises:
            StoreError: A file has changed or is missing.
        """
        load_state(self.folder)


def open_index(folder: Path) -> Index:
    """Open an index for reading; every byte of it is verified.

    Raises:
        StoreError: There is none, or it is damaged.
    """
    return Index(folder, load_state(folder))

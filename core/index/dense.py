"""Unit vectors in FAISS: compared with all of them while they are few, in inverted lists when they are many.

Inverted lists rather than HNSW. On 70,000 sentence vectors of 384 dimensions, one thread, HNSW answers
in 0.3 ms instead of 0.7 and finds 0.99 of the ten nearest instead of 0.97; but it is built in 39 s instead
of 10, and where a filter leaves 2 % of the rows it finds 0.73 of them instead of all. Filters (locale,
validity, rows that no longer hold) are the rule here. Lists are also the same on every run, which HNSW is
on a single thread only.

Source: Johnson, Douze and Jégou, "Billion-scale similarity search with GPUs" (2017).
"""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.index.record import Rows

EXACT_ROWS = 20_000  # so many are compared in 2 ms
LISTS_PER_ROOT = 4  # lists = 4 times the square root of the rows
TRAIN_ROWS_PER_LIST = 40
SAMPLE_ROWS = 200
SAMPLE_NEIGHBOURS = 10
WANTED_RECALL = 0.97
LEAST_PROBES = 8  # what is asked lies farther from the rows than they from each other
CHUNK_ROWS = 16_384
Matrix = NDArray[np.float32]
Mask = NDArray[np.bool_]
Found = list[tuple[int, int, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The vectors of a segment.

    Attributes:
        index: Holds them in the order of the rows.
        probes: Lists that a search reads; None where it reads all rows.
        recall: Share of the ten nearest others that so many lists held, for a sample of the rows.
    """

    index: faiss.Index
    probes: int | None = None
    recall: float | None = None

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def describe(self) -> str:
        """How they are searched, and why so."""
        if self.probes is None:
            return f"exact: {len(self):,} rows, at most {EXACT_ROWS:,} are compared one by one"
        lists = f"{self.probes} of {self.index.nlist:,} inverted lists"
        return f"{lists}: {len(self):,} rows are too many for all; recall@10 {self.recall:.3f} on a sample of them"


@dataclass(frozen=True, slots=True, eq=False)
class DensePart:
    """A segment as a search sees it; ``allowed`` says which rows may be found ``(rows,)``, None all."""

    vectors: Vectors
    allowed: Mask | None


def unit_vectors(vectors: NDArray[np.floating], dimension: int) -> Matrix:
    """Vectors of length 1, whose inner product is the cosine ``(rows, dimension)`` float32.

    Raises:
        DataError: They have another shape, or one is zero or not finite.
    """
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] != dimension or not np.issubdtype(array.dtype, np.number):
        shape = f"{array.shape} {array.dtype}"
        raise DataError("vectors of another shape", got=shape, expected=f"(rows, {dimension}) of numbers")
    array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", array, array, dtype=np.float64))
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(wrong):
        raise DataError("a vector that is zero or not finite has no direction", where=f"vector {wrong[0]}")
    return np.ascontiguousarray(array / lengths[:, None].astype(array.dtype), dtype=np.float32)


def build_vectors(vectors: Matrix) -> Vectors:
    """Vectors ready to be searched, in the way that suits their number."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    flat = Vectors(index)
    return flat if len(vectors) <= EXACT_ROWS else merge_vectors([(flat, np.arange(len(vectors)))])


def merge_vectors(parts: Sequence[tuple[Vectors, Rows]]) -> Vectors:
    """The vectors of chosen rows of several segments, one after the other."""
    rows = sum(len(chosen) for _, chosen in parts)
    dimension = parts[0][0].index.d
    if rows > EXACT_ROWS:
        return _build_lists(parts, rows, dimension)
    index = faiss.IndexFlatIP(dimension)
    for chunk in _read_chunks(parts):
        index.add(chunk)
    return Vectors(index)


def take_vectors(vectors: Vectors, rows: Rows) -> Matrix:
    """Some of the vectors ``(chosen, dimension)``."""
    taken: Matrix = vectors.index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
    return taken


def read_vectors(file: Path, probes: int | None, recall: float | None) -> Vectors:
    """Map a file that ``write_vectors`` wrote; its pages are read when a search needs them.

    Raises:
        FileNotFoundError: It is not there.
    """
    file.stat()  # says more when there is no such file than FAISS does
    index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
    if probes is not None:
        index.make_direct_map()
    return Vectors(index, probes, recall)


def write_vectors(vectors: Vectors, file: Path) -> None:
    """Write the FAISS file.

    Raises:
        OSError: It cannot be written.
    """
    try:
        faiss.write_index(vectors.index, str(file))
    except RuntimeError as error:
        raise OSError(errno.EIO, f"FAISS: {error}", str(file)) from error


def search_dense(parts: Sequence[DensePart], queries: Matrix, k: int) -> list[Found]:
    """The rows with the highest cosine to each query, the older one first where they are equal.

    Args:
        parts: What is searched.
        queries: Unit vectors ``(queries, dimension)``.
        k: How many of each.

    Returns:
        For each query at most ``k`` of (number of the part, row in it, cosine).
    """
    found: list[Found] = [[] for _ in queries]
    for number, part in enumerate(parts):
        scores, rows = search_part(part, queries, k)
        for query, hits in enumerate(found):
            kept = rows[query] >= 0
            hits += [
                (number, row, score)
                for row, score in zip(rows[query][kept].tolist(), scores[query][kept].tolist(), strict=True)
            ]
    return [sorted(hits, key=lambda hit: (-hit[2], hit[0], hit[1]))[:k] for hits in found]


@contextmanager
def searching_alone() -> Iterator[None]:
    """Search in the calling thread only: where many ask at once, FAISS's own threads wait for busy cores.

    FAISS keeps the number for each thread, so it is set where the search is made.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def search_part(part: DensePart, queries: Matrix, k: int) -> tuple[Matrix, Rows]:
    """The cosines and rows of the nearest of one segment, as FAISS gives them.

    Args:
        part: What is searched.
        queries: Unit vectors ``(queries, dimension)``.
        k: How many of each.

    Returns:
        Each ``(queries, k)`` or narrower, the nearest first; row -1 where fewer were found.
    """
    vectors, allowed = part.vectors, part.allowed
    count = len(vectors) if allowed is None else int(np.count_nonzero(allowed))
    wanted = min(k, count)
    if wanted == 0:
        return np.zeros((len(queries), 0), dtype=np.float32), np.zeros((len(queries), 0), dtype=np.int64)
    choice = {}
    if allowed is not None:
        choice["sel"] = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    if vectors.probes is None:
        scores, rows = vectors.index.search(queries, wanted, params=faiss.SearchParameters(**choice))
        return scores, rows
    # A filter leaves fewer rows in each list, so that more lists are read for the same work.
    lists = vectors.index.nlist
    probes = min(lists, math.ceil(vectors.probes * len(vectors) / count))
    params = faiss.SearchParametersIVF(nprobe=probes, **choice)
    scores, rows = vectors.index.search(queries, wanted, params=params)
    if rows.min() < 0:  # these lists do not hold so many
        params = faiss.SearchParametersIVF(nprobe=lists, **choice)
        scores, rows = vectors.index.search(queries, wanted, params=params)
    return scores, rows


def _build_lists(parts: Sequence[tuple[Vectors, Rows]], rows: int, dimension: int) -> Vectors:
    lists = round(LISTS_PER_ROOT * math.sqrt(rows))
    index = faiss.index_factory(dimension, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # say nothing of small samples: ours are chosen
    index.train(_sample(parts, rows, lists * TRAIN_ROWS_PER_LIST))
    for chunk in _read_chunks(parts):
        index.add(chunk)
    index.make_direct_map()
    return Vectors(index, *_choose_probes(index, parts, rows))


def _choose_probes(index: faiss.Index, parts: Sequence[tuple[Vectors, Rows]], rows: int) -> tuple[int, float]:
    """How many lists must be read for the wanted recall, and the recall that this gives.

    A row finds itself in any case, so it is the others that count.
    """
    queries = _sample(parts, rows, SAMPLE_ROWS)
    nearest = _find_nearest(parts, queries, SAMPLE_NEIGHBOURS + 1)[:, 1:]
    probes = LEAST_PROBES
    while probes < index.nlist:
        params = faiss.SearchParametersIVF(nprobe=probes)
        _, found = index.search(queries, SAMPLE_NEIGHBOURS + 1, params=params)
        hits = [len(np.intersect1d(one, other)) for one, other in zip(found, nearest, strict=True)]
        recall = float(np.mean(hits)) / SAMPLE_NEIGHBOURS
        if recall >= WANTED_RECALL:
            return probes, recall
        probes *= 2
    return int(index.nlist), 1.0


def _find_nearest(parts: Sequence[tuple[Vectors, Rows]], queries: Matrix, k: int) -> Rows:
    """The rows that are really nearest to each query, the nearest first ``(queries, k)``."""
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    before = 0
    for chunk in _read_chunks(parts):
        cosines = queries @ chunk.T
        size = min(k, len(chunk))
        best = np.argpartition(cosines, -size, axis=1)[:, -size:]
        heap.add_result(np.take_along_axis(cosines, best, axis=1), best + before)
        before += len(chunk)
    heap.finalize()
    nearest: Rows = heap.I
    return nearest


def _sample(parts: Sequence[tuple[Vectors, Rows]], rows: int, size: int) -> Matrix:
    """Vectors at even distances, no more than ``size`` of them."""
    places = np.unique(np.linspace(0, rows - 1, num=min(rows, size), dtype=np.int64))
    taken, before = [], 0
    for vectors, chosen in parts:
        inside = places[(places >= before) & (places < before + len(chosen))] - before
        taken.append(take_vectors(vectors, chosen[inside]))
        before += len(chosen)
    return np.concatenate(taken)


def _read_chunks(parts: Sequence[tuple[Vectors, Rows]]) -> Iterator[Matrix]:
    for vectors, chosen in parts:
        for start in range(0, len(chosen), CHUNK_ROWS):
            yield take_vectors(vectors, chosen[start : start + CHUNK_ROWS])

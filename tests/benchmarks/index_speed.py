"""Building and searching an index by size: ``python -m tests.benchmarks.index_speed --sizes 1000 100000``.

Passages are synthetic: words drawn by Zipf's law from 50,000, a part of them Chinese, and vectors of 384
dimensions in clusters of clusters. Each part runs in a process of its own, so that memory is its own,
on as many threads as ``OMP_NUM_THREADS`` says. Recall is measured against exact search. Beside it, on the
same data, what is usually put together by hand: a flat FAISS index and bm25s, which has to be built anew
for each added passage. ``--sizes 1000 100000 1000000`` takes about 20 minutes and 8 GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measuring import peak_megabytes

DIMENSION, VOCABULARY, QUERIES, K = 384, 50_000, 200, 10
BATCH_ROWS = 100_000
FILTERED = 20  # a filter leaves one row of so many
Matrix = NDArray[np.float32]


def main() -> None:
    """Measure all sizes and print one JSON object; with ``--only``, one part of it in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--only", choices=sorted(PARTS))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(PARTS[options.only](options.folder, options.sizes[0])))
        return
    results: dict[str, dict[str, Any]] = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            for part in PARTS:
                command = [sys.executable, "-m", "tests.benchmarks.index_speed", "--only", part]
                command += ["--folder", f"{name}/index", "--sizes", str(size)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                results.setdefault(str(size), {})[part] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"dimension": DIMENSION, "queries": QUERIES, "k": K, "passages": results}, indent=1))


def measure_build(folder: Path, rows: int) -> dict[str, Any]:
    """Put all passages, and compact."""
    from core.index.writer import open_writer

    seconds = 0.0
    with open_writer(folder, dimension=DIMENSION) as writer:
        for first in range(0, rows, BATCH_ROWS):
            documents, vectors = make_batch(first, min(rows, first + BATCH_ROWS), rows)
            begun = time.perf_counter()
            writer.put(documents, vectors)
            seconds += time.perf_counter() - begun
        begun = time.perf_counter()
        writer.compact()
        compacted = time.perf_counter() - begun
        vectors_of = writer.index.describe()["segments"]
    size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "put_seconds": seconds,
        "compact_seconds": compacted,
        "peak_mb": peak_megabytes(),
        "disk_mb": size_bytes / 1e6,
        "segments": vectors_of,
    }


def measure_search(folder: Path, rows: int) -> dict[str, Any]:
    """Open, search by words, vectors and both, with a filter and without."""
    from core.index.column import Filter
    from core.index.hybrid import Query
    from core.index.index import open_index

    texts, vectors, kept = make_queries(), make_vectors(QUERIES, seed=-1, rows=rows), Filter({"number": 0})
    begun = time.perf_counter()
    index = open_index(folder)
    opened = time.perf_counter() - begun
    queries = [Query(text, vector) for text, vector in zip(texts, vectors, strict=True)]
    speed = {
        "dense": _time(lambda at: index.search(Query(vector=vectors[at]), K)),
        "lexical": _time(lambda at: index.search(Query(texts[at]), K)),
        "hybrid": _time(lambda at: index.search(queries[at], K)),
        "hybrid_filtered": _time(lambda at: index.search(queries[at], K, where=kept)),
    }
    memory = _anonymous_megabytes()
    nearest = find_nearest(rows, vectors)
    found = [index.search_many([Query(vector=v) for v in vectors], K, where=where) for where in (None, kept)]
    return {
        "open_seconds": opened,
        "memory_mb": memory,
        "milliseconds": speed,
        "recall@10": _recall(found[0], nearest[0]),
        "recall@10_filtered": _recall(found[1], nearest[1]),
    }


def measure_change(folder: Path, rows: int) -> dict[str, Any]:
    """Add and delete one passage after the other, each of them kept when the call returns."""
    from core.index.writer import open_writer

    documents, vectors = make_batch(rows, rows + QUERIES, rows)
    with open_writer(folder, dimension=DIMENSION) as writer:
        added = _time(lambda at: writer.put([documents[at]], vectors[at : at + 1]))
        deleted = _time(lambda at: writer.delete([documents[at].id]))
    return {"add_one": added, "delete_one": deleted}


def measure_glue(_: Path, rows: int) -> dict[str, Any]:
    """A flat FAISS index and bm25s, as they are usually put side by side."""
    import bm25s
    import faiss

    texts, queries = make_queries(), make_vectors(QUERIES, seed=-1, rows=rows)
    batches = [make_batch(first, min(rows, first + BATCH_ROWS), rows) for first in range(0, rows, BATCH_ROWS)]
    corpus = [document.text for documents, _ in batches for document in documents]
    begun = time.perf_counter()
    flat = faiss.IndexFlatIP(DIMENSION)
    for _, vectors in batches:
        flat.add(vectors)
    words = bm25s.BM25()
    words.index(bm25s.tokenize(corpus, stopwords=None, show_progress=False), show_progress=False)
    seconds = time.perf_counter() - begun

    def search(at: int) -> None:
        tokens = bm25s.tokenize([texts[at]], stopwords=None, show_progress=False, return_ids=False)
        words.retrieve(tokens, k=min(rows, 100), show_progress=False)

    speed = {"dense": _time(lambda at: flat.search(queries[at : at + 1], 100)), "lexical": _time(search)}
    return {"build_seconds": seconds, "add_one_seconds": seconds, "peak_mb": peak_megabytes(), "milliseconds": speed}


def make_batch(first: int, last: int, rows: int) -> tuple[list[Any], Matrix]:
    """Passages ``first`` to ``last`` of a set of ``rows``, and their vectors."""
    from core.index.document import Document

    random = np.random.default_rng([1, first])
    lengths = random.integers(20, 60, size=last - first)
    drawn = np.minimum(random.zipf(1.2, size=int(lengths.sum())), VOCABULARY) - 1
    words, begin, documents = make_vocabulary(), 0, []
    for number, length in zip(range(first, last), lengths.tolist(), strict=True):
        text = " ".join([words[word] for word in drawn[begin : begin + length].tolist()])
        documents.append(Document(f"passage-{number}", text, {"number": number % FILTERED}))
        begin += length
    return documents, make_vectors(last - first, seed=first, rows=rows)


def make_queries() -> list[str]:
    """Texts of six words, common ones and rare ones."""
    random = np.random.default_rng(2)
    drawn = np.minimum(random.zipf(1.2, size=(QUERIES, 6)), VOCABULARY) - 1
    return [" ".join(make_vocabulary()[word] for word in words) for words in drawn.tolist()]


@cache
def make_vocabulary() -> list[str]:
    """Words of two to five syllables; every fifth is of two Chinese characters."""
    random = np.random.default_rng(3)
    syllables = [consonant + vowel for consonant in "bcdfghjklmnprstvz" for vowel in "aeiou"]
    words = ["".join(random.choice(syllables, size=random.integers(2, 6))) for _ in range(VOCABULARY)]
    characters = random.integers(0x4E00, 0x5600, size=(VOCABULARY, 2)).tolist()
    return ["".join(map(chr, characters[n])) if n % 5 == 0 else word for n, word in enumerate(words)]


def make_vectors(count: int, seed: int, rows: int) -> Matrix:
    """Unit vectors around the centres of clusters of about 100, which lie around those of about 5,000."""
    random = np.random.default_rng([4, seed + 1])
    centres = make_centres(rows)
    vectors = centres[random.integers(len(centres), size=count)]
    vectors += 0.9 * random.standard_normal((count, DIMENSION), dtype=np.float32) / np.sqrt(DIMENSION)
    unit: Matrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@cache
def make_centres(rows: int) -> Matrix:
    """The centres of a set of ``rows``."""
    random = np.random.default_rng(5)
    coarse = random.standard_normal((max(5, rows // 5_000), DIMENSION), dtype=np.float32)
    fine = random.standard_normal((max(10, rows // 100), DIMENSION), dtype=np.float32)
    fine += coarse[random.integers(len(coarse), size=len(fine))]
    centres: Matrix = fine / np.linalg.norm(fine, axis=1, keepdims=True)
    return centres


def find_nearest(rows: int, queries: Matrix) -> list[list[set[str]]]:
    """The ids of the passages really nearest to each query: of all, and of those that the filter leaves."""
    best: list[list[tuple[float, int]]] = [[] for _ in range(2 * len(queries))]
    for first, vectors in _vector_batches(rows):
        cosines = queries @ vectors.T
        for offset, step in ((0, 1), (len(queries), FILTERED)):
            begin = -first % step
            for query, row in enumerate(cosines[:, begin::step]):
                top = np.argpartition(row, -K)[-K:] if len(row) > K else np.arange(len(row))
                found = [(float(row[at]), first + begin + int(at) * step) for at in top]
                best[offset + query] = sorted(best[offset + query] + found, reverse=True)[:K]
    ids = [{f"passage-{number}" for _, number in hits} for hits in best]
    return [ids[: len(queries)], ids[len(queries) :]]


def _vector_batches(rows: int) -> Iterator[tuple[int, Matrix]]:
    for first in range(0, rows, BATCH_ROWS):
        yield first, make_vectors(min(BATCH_ROWS, rows - first), seed=first, rows=rows)


def _recall(found: list[list[Any]], nearest: list[set[str]]) -> float:
    hits = sum(len({hit.document.id for hit in own} & best) for own, best in zip(found, nearest, strict=True))
    return hits / sum(map(len, nearest))


def _time(run: Callable[[int], object]) -> dict[str, float]:
    """Median and 99th percentile of single calls in milliseconds, after a few that do not count."""
    seconds = []
    for at in [*range(10), *range(QUERIES)]:
        begun = time.perf_counter()
        run(at)
        seconds.append(time.perf_counter() - begun)
    return {"p50": 1e3 * float(np.median(seconds[10:])), "p99": 1e3 * float(np.quantile(seconds[10:], 0.99))}


def _anonymous_megabytes() -> float:
    """Memory that is not mapped from files, where the system tells it."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), float("nan"))


PARTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "build": measure_build,
    "search": measure_search,
    "change": measure_change,
    "glue": measure_glue,
}

if __name__ == "__main__":
    main()

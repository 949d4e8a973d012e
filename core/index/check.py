"""Whether the parts of an index agree: documents, ids, words, metadata and vectors of the same rows."""

from __future__ import annotations

import numpy as np

from core.index.dense import DensePart, search_dense, take_vectors
from core.index.lexical import build_postings
from core.index.record import Rows, digest_texts
from core.index.segment import Segment
from core.index.view import Part, View

LIMIT_FAULTS = 20
TOLERANCE = 1e-5


def find_faults(view: View, dimension: int, sample_rows: int | None) -> list[str]:
    """What is wrong, in words; an empty list where nothing is.

    Args:
        view: What is looked at.
        dimension: Of the vectors that every segment should have; 0 for none.
        sample_rows: Of each segment so many rows are looked at one by one; None for all.
    """
    faults = []
    for part in view.parts:
        place = part.name or "the journal"
        found = _compare_sizes(part, dimension)
        if not found:
            rows = _sample(part.rows(), sample_rows)
            found = _compare_documents(part.segment, rows) + _find_vectors(part, rows)
        faults += [f"{place}: {fault}" for fault in found[:LIMIT_FAULTS]]
    return faults + _find_twice(view)


def _compare_sizes(part: Part, dimension: int) -> list[str]:
    segment, rows = part.segment, len(part.segment)
    sizes = {
        "documents": len(segment.records.starts) - 1,
        "ids": len(segment.records.keys),
        "lengths": len(segment.postings.lengths),
        **{f"metadata {name!r}": len(column.codes) for name, column in segment.columns.items()},
    }
    if part.alive is not None:
        sizes["tombstones"] = len(part.alive)
    if dimension:
        sizes["vectors"] = len(segment.vectors) if segment.vectors else 0
    faults = [f"{name} of {size} rows instead of {rows}" for name, size in sizes.items() if size != rows]
    if segment.vectors and segment.vectors.index.d != dimension:
        faults.append(f"vectors of {segment.vectors.index.d} dimensions instead of {dimension}")
    if part.documents != len(part.rows()):
        faults.append(f"{len(part.rows())} rows hold instead of {part.documents}")
    return faults


def _compare_documents(segment: Segment, rows: Rows) -> list[str]:
    """Each document against its id, its terms and its metadata."""
    faults = []
    documents = [segment.records.document(int(row)) for row in rows]
    found = segment.records.find([d.id for d in documents], digest_texts([d.id for d in documents]))
    lengths = build_postings(document.text for document in documents).lengths
    for row, document, place, length in zip(rows, documents, found, lengths, strict=True):
        if place != row:
            faults.append(f"the id {document.id!r} of row {row} is found in row {place}")
        if segment.postings.lengths[row] != length:
            faults.append(f"row {row} has {segment.postings.lengths[row]} terms instead of {length}")
        kept = {name: column.value(row) for name, column in segment.columns.items()}
        if {name: value for name, value in kept.items() if value is not None} != {
            name: value for name, value in document.metadata.items() if value is not None
        }:
            faults.append(f"row {row} has other metadata than its document")
    return faults


def _find_vectors(part: Part, rows: Rows) -> list[str]:
    """Each vector must find itself, or another that is as near."""
    vectors = part.segment.vectors
    if vectors is None or not len(rows):
        return []
    queries = take_vectors(vectors, rows)
    lengths = np.linalg.norm(queries, axis=1)
    faults = [f"the vector of row {row} has not length 1" for row in rows[np.abs(lengths - 1) > TOLERANCE]]
    for row, hits in zip(rows, search_dense([DensePart(vectors, part.alive)], queries, 1), strict=True):
        if not hits or hits[0][2] < 1 - TOLERANCE:
            faults.append(f"the vector of row {row} does not find itself")
    return faults


def _find_twice(view: View) -> list[str]:
    """Ids that hold in more than one row; told apart by their digests, which are as good as never equal."""
    keys = []
    for part in view.parts:
        records = part.segment.records
        holds = np.ones(len(records), dtype=bool) if part.alive is None else part.alive
        keys.append(records.keys[holds[records.order]])
    _, counts = np.unique(np.concatenate(keys), return_counts=True) if keys else (None, np.zeros(0))
    twice = int((counts > 1).sum())
    return [f"{twice} ids hold in more than one row"] if twice else []


def _sample(rows: Rows, size: int | None) -> Rows:
    if size is None or len(rows) <= size:
        return rows
    return rows[np.linspace(0, len(rows) - 1, num=size, dtype=np.int64)]

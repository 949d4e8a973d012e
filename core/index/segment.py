"""An immutable set of documents that can be searched: made from documents, merged, written and mapped.

All its parts count the same rows. Nothing in it ever changes; that a row no longer holds is noted outside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.index.column import Column, build_columns, merge_columns
from core.index.dense import Vectors, build_vectors, merge_vectors, read_vectors, write_vectors
from core.index.document import Document, encode_document
from core.index.durable import Facts, measure_file, sync_folder, verify_file
from core.index.lexical import Postings, build_postings, merge_postings
from core.index.record import Records, Rows, build_records, merge_records

FACTS, DOCUMENTS, VECTORS = "segment.json", "documents.jsonl", "vectors.faiss"
RECORD_ARRAYS = ("starts", "keys", "order")
POSTING_ARRAYS = ("keys", "starts", "rows", "counts", "lengths")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Documents and all that finds them.

    Attributes:
        records: The documents, by row and by id.
        columns: Their metadata, by name.
        postings: Their terms.
        vectors: Their vectors; None in an index without.
    """

    records: Records
    columns: Mapping[str, Column]
    postings: Postings
    vectors: Vectors | None

    def __len__(self) -> int:
        return len(self.records)


def build_segment(documents: Sequence[Document], vectors: NDArray[np.float32]) -> Segment:
    """A segment of new documents.

    Args:
        documents: At least one; no id twice.
        vectors: Theirs ``(documents, dimension)``; dimension 0 for none.
    """
    return Segment(
        build_records([encode_document(document) for document in documents], [document.id for document in documents]),
        build_columns(documents),
        build_postings(document.text for document in documents),
        build_vectors(vectors) if vectors.shape[1] else None,
    )


def merge_segments(parts: Sequence[tuple[Segment, Rows]]) -> Segment:
    """One segment of chosen rows of several, in their order."""
    vectors = [(segment.vectors, rows) for segment, rows in parts if segment.vectors]
    return Segment(
        merge_records([(segment.records, rows) for segment, rows in parts]),
        merge_columns([(segment.columns, rows) for segment, rows in parts]),
        merge_postings([(segment.postings, rows) for segment, rows in parts]),
        merge_vectors(vectors) if vectors else None,
    )


def write_segment(segment: Segment, folder: Path) -> dict[str, Facts]:
    """Write a segment into a new folder and bring it to the disk; returns what each file must be."""
    folder.mkdir()
    segment.records.data.tofile(folder / DOCUMENTS)
    arrays: dict[str, NDArray[Any]] = {f"record-{name}": getattr(segment.records, name) for name in RECORD_ARRAYS}
    arrays |= {f"term-{name}": getattr(segment.postings, name) for name in POSTING_ARRAYS}
    for number, column in enumerate(segment.columns.values()):
        arrays[f"column-{number}"] = column.codes
        (folder / f"column-{number}.json").write_bytes(column.table)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    facts: dict[str, Any] = {"columns": list(segment.columns), "dimension": 0}
    if segment.vectors:
        write_vectors(segment.vectors, folder / VECTORS)
        probes, recall = segment.vectors.probes, segment.vectors.recall
        facts |= {"dimension": segment.vectors.index.d, "probes": probes, "recall": recall}
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    sync_folder(folder)
    return {file.name: measure_file(file) for file in sorted(folder.iterdir())}


def read_segment(folder: Path, files: Mapping[str, Facts]) -> Segment:
    """Map a segment, after every byte of it has been compared with what was noted.

    Raises:
        StoreError: A file has changed.
        FileNotFoundError: A file is not there.
    """
    for name, stated in files.items():
        verify_file(folder / name, stated)
    return map_segment(folder)


def map_segment(folder: Path) -> Segment:
    """Map a segment that is known to be whole.

    Raises:
        FileNotFoundError: A file is not there.
    """
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    records = {name: _map(folder / f"record-{name}.npy") for name in RECORD_ARRAYS}
    postings = {name: _map(folder / f"term-{name}.npy") for name in POSTING_ARRAYS}
    columns = {
        name: Column(_map(folder / f"column-{number}.npy"), (folder / f"column-{number}.json").read_bytes())
        for number, name in enumerate(facts["columns"])
    }
    has_vectors = facts["dimension"] > 0
    return Segment(
        Records(data=np.asarray(np.memmap(folder / DOCUMENTS, dtype=np.uint8, mode="r")), **records),
        columns,
        Postings(**postings),
        read_vectors(folder / VECTORS, facts["probes"], facts["recall"]) if has_vectors else None,
    )


def _map(file: Path) -> NDArray[Any]:
    """An array of a file, whose pages are read when they are needed."""
    return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))

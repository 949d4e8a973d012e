"""What is done to an index in one step, all of it or nothing: documents that come, ids that go."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.document import Document, decode_document, encode_document

Matrix = NDArray[np.float32]
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One step.

    Attributes:
        documents: Each takes the place of the one with its id, if there is one.
        vectors: Theirs, of length 1 ``(documents, dimension)`` float32; dimension 0 where the index has none.
        deleted: Ids that go before the documents come.
    """

    documents: Sequence[Document]
    vectors: Matrix
    deleted: Sequence[str] = ()


def encode_change(change: Change) -> bytes:
    """A change as bytes: the sizes and deleted ids as JSON, the documents as lines, the vectors."""
    lines = b"".join(map(encode_document, change.documents))
    head = {"deleted": list(change.deleted), "rows": len(change.documents), "bytes": len(lines)}
    encoded = json.dumps(head, ensure_ascii=False).encode()
    vectors = change.vectors.astype("<f4", copy=False).tobytes()
    return len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded + lines + vectors


def decode_change(data: bytes) -> Change:
    """The change that ``encode_change`` wrote."""
    begin = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    head = json.loads(data[_LENGTH_BYTES:begin])
    end = begin + head["bytes"]
    documents = [decode_document(line) for line in data[begin:end].split(b"\n")[:-1]]
    vectors = np.frombuffer(data[end:], dtype="<f4").astype(np.float32)
    return Change(documents, vectors.reshape(head["rows"], -1 if head["rows"] else 0), head["deleted"])


def combine_changes(changes: Iterable[Change]) -> Change:
    """One change that does what several do one after the other."""
    latest: dict[str, tuple[Document, NDArray[np.float32]]] = {}
    deleted: dict[str, None] = {}
    for change in changes:
        for name in (*change.deleted, *(document.id for document in change.documents)):
            latest.pop(name, None)
            deleted[name] = None
        latest.update({d.id: (d, vector) for d, vector in zip(change.documents, change.vectors, strict=True)})
    documents = [document for document, _ in latest.values()]
    vectors = np.array([vector for _, vector in latest.values()], dtype=np.float32)
    return Change(documents, vectors.reshape(len(documents), -1 if documents else 0), tuple(deleted))

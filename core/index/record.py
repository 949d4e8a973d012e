"""The documents of a segment as one block of lines, and the row in which an id stands.

Ids are found by a 64-bit digest in a sorted array, which needs no memory of its own when the file is
mapped; the id itself is compared afterwards, so two ids with the same digest are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from core.index.document import Document, decode_document, encode_id

Rows = NDArray[np.int64]
Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Documents by row and by id.

    Attributes:
        data: Their lines, one after the other; bytes, or a mapped file as an array of uint8.
        starts: Where each line begins, and the end ``(rows + 1,)`` int64.
        keys: Digests of the ids, sorted ``(rows,)`` uint64.
        order: The row of each digest ``(rows,)`` int32.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    keys: Keys
    order: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.order)

    def line(self, row: int) -> bytes:
        """The bytes of one document."""
        return self.data[self.starts[row] : self.starts[row + 1]].tobytes()

    def document(self, row: int) -> Document:
        """One document."""
        return decode_document(self.line(row))

    def find(self, ids: Sequence[str], keys: Keys) -> Rows:
        """The row of each id ``(ids,)``; -1 where it is none of this segment.

        Args:
            ids: What is looked for.
            keys: Their digests, from ``digest_texts``.
        """
        rows = np.full(len(ids), -1, dtype=np.int64)
        begins = np.searchsorted(self.keys, keys, side="left")
        ends = np.searchsorted(self.keys, keys, side="right")
        for position in np.flatnonzero(ends > begins).tolist():
            beginning = encode_id(ids[position])
            for candidate in range(begins[position], ends[position]):
                row = int(self.order[candidate])
                start = self.starts[row]
                if self.data[start : start + len(beginning)].tobytes() == beginning:
                    rows[position] = row
        return rows


def build_records(lines: Sequence[bytes], ids: Iterable[str]) -> Records:
    """Records of documents that are encoded already.

    Args:
        lines: One for each document, in the order of the rows.
        ids: Their ids.
    """
    starts = np.zeros(len(lines) + 1, dtype=np.int64)
    np.cumsum([len(line) for line in lines], out=starts[1:])
    return _index(np.frombuffer(b"".join(lines), dtype=np.uint8), starts, digest_texts(ids))


def merge_records(parts: Sequence[tuple[Records, Rows]]) -> Records:
    """The records of chosen rows of several segments, one after the other."""
    data, lengths, keys = [], [], []
    for records, rows in parts:
        sizes = np.diff(records.starts)
        kept = np.zeros(len(records), dtype=bool)
        kept[rows] = True
        data.append(records.data[np.repeat(kept, sizes)] if len(rows) < len(records) else records.data)
        lengths.append(sizes[rows])
        by_row = np.empty(len(records), dtype=np.uint64)
        by_row[records.order] = records.keys
        keys.append(by_row[rows])
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return _index(np.concatenate(data), starts, np.concatenate(keys))


def digest_texts(texts: Iterable[str]) -> Keys:
    """A 64-bit digest of each text, the same on every machine ``(texts,)``."""
    digests = b"".join(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _index(data: NDArray[np.uint8], starts: Rows, keys: Keys) -> Records:
    order = np.argsort(keys, kind="stable")
    return Records(data, starts, keys[order], order.astype(np.int32))

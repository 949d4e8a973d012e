from __future__ import annotations

import numpy as np
import pytest

from core.index import record
from core.index.document import Document, encode_document
from core.index.record import Records, build_records, digest_texts, merge_records

NAMES = [f"id {number} 退" for number in range(50)]


def make(names: list[str]) -> Records:
    return build_records([encode_document(Document(name, name * 2)) for name in names], names)


def find(records: Records, names: list[str]) -> list[int]:
    return records.find(names, digest_texts(names)).tolist()


def test_id_is_found_in_its_row_and_an_unknown_one_in_none() -> None:
    assert find(make(NAMES), [NAMES[7], "id", NAMES[0], ""]) == [7, -1, 0, -1]


def test_ids_with_the_same_digest_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def collide(texts: list[str]) -> np.ndarray:
        return np.array([len(text) for text in texts], dtype=np.uint64)

    monkeypatch.setattr(record, "digest_texts", collide)
    records = make(NAMES)
    names = [NAMES[7], "id 9 送", NAMES[49]]
    assert records.find(names, collide(names)).tolist() == [7, -1, 49]


def test_half_a_character_is_no_id_of_any_document() -> None:
    assert find(make(NAMES), ["\ud800"]) == [-1]


def test_merged_records_are_the_chosen_rows_in_their_order() -> None:
    halves = make(NAMES[:20]), make(NAMES[20:])
    rows = np.arange(0, 20, 3), np.arange(30)
    merged = merge_records(list(zip(halves, rows, strict=True)))
    expected = [*NAMES[:20:3], *NAMES[20:]]
    assert [merged.document(row) for row in range(len(merged))] == [Document(name, name * 2) for name in expected]
    assert find(merged, NAMES) == [expected.index(name) if name in expected else -1 for name in NAMES]

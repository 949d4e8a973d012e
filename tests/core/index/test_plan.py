from __future__ import annotations

import numpy as np
import pytest

from core.index import plan
from core.index.change import Change
from core.index.plan import advise_compaction, compact_parts, fold_parts
from core.index.segment import build_segment
from core.index.view import Part, View, make_part
from tests.core.index.oracle import make_documents


def make(rows: int, dead: int = 0, name: str | None = "segment-00000001-0") -> Part:
    segment = build_segment(make_documents(range(rows), 1), np.zeros((rows, 0), dtype=np.float32))
    return make_part(segment, np.arange(rows) >= dead if dead else None, name)


def sizes(parts: list[Part]) -> list[int]:
    return [part.documents for part in parts]


def test_what_is_in_memory_becomes_one_part() -> None:
    folded = fold_parts(View((make(100), make(20, name=None), make(5, name=None), make(1, name=None))))
    assert sizes(folded) == [100, 26]


def test_parts_join_until_the_older_one_is_more_than_twice_as_large() -> None:
    assert sizes(fold_parts(View((make(100), make(20), make(8), make(5, name=None))))) == [100, 33]


def test_joined_parts_stay_within_what_is_searched_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "EXACT_ROWS", 30)
    view = View((make(20), make(20, name=None)))
    assert fold_parts(view) == list(view.parts)


def test_worn_part_is_written_anew_and_an_empty_one_left_out() -> None:
    worn, [part] = make(100, dead=40), fold_parts(View((make(100, dead=40), make(9, dead=9))))
    assert (part.documents, part.dead, part.name) == (worn.documents, 0, None)
    kept = make(100, dead=20)
    assert fold_parts(View((kept,))) == [kept]


def test_compaction_makes_one_part_without_dead_rows() -> None:
    [part] = compact_parts(View((make(50, dead=3), make(9, dead=9), make(4, name=None))))
    assert (part.documents, part.dead) == (51, 0)
    assert compact_parts(View((make(9, dead=9),))) == compact_parts(View()) == []


def test_compaction_is_advised_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert advise_compaction([]) is None
    assert advise_compaction([make(100, dead=20)]) is None
    assert advise_compaction([make(100, dead=30)]) == "30 of 100 rows no longer hold"
    monkeypatch.setattr(plan, "EXACT_ROWS", 50)
    assert advise_compaction([make(100), make(40)]) is None
    assert advise_compaction([make(100), *[make(40)] * 3]) == "4 segments, 3 of them small"


def test_change_in_memory_keeps_few_parts() -> None:
    from core.index.view import apply_change

    view = View()
    for number in range(100):
        view = apply_change(view, Change(make_documents([number], 1), np.zeros((1, 0), dtype=np.float32)))
    assert len(view.parts) <= 8
    assert len(view) == 100

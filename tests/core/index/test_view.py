from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.change import Change
from core.index.column import Filter
from core.index.dense import unit_vectors
from core.index.hybrid import Fusion, Query, search_view
from core.index.view import View, apply_change
from tests.core.index.oracle import make_documents, make_vectors

NUMBERS = st.lists(st.integers(0, 9), max_size=5, unique=True)


def make_change(put: list[int], deleted: list[int], seed: int) -> Change:
    vectors = unit_vectors(make_vectors(len(put), seed), 8)
    return Change(make_documents(put, seed), vectors, [f"id {number} 号" for number in deleted])


def answers(view: View) -> list[object]:
    query = Query("refund late fee 退款", make_vectors(1, 0)[0])
    return [len(view), search_view(view, [query], 20, None, Fusion(), None)]


@settings(max_examples=50)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6))
def test_view_that_someone_holds_never_changes(steps: list[tuple[list[int], list[int]]]) -> None:
    views = [apply_change(View(), make_change(list(range(8)), [], 99))]
    before = [answers(views[0])]
    for seed, (put, deleted) in enumerate(steps):
        views.append(apply_change(views[-1], make_change(put, deleted, seed)))
        before.append(answers(views[-1]))
    assert [answers(view) for view in views] == before


@settings(max_examples=50)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6))
def test_id_holds_in_one_row_at_most_and_is_located_there(steps: list[tuple[list[int], list[int]]]) -> None:
    view, expected = View(), set()
    for seed, (put, deleted) in enumerate(steps):
        view = apply_change(view, make_change(put, deleted, seed))
        expected = expected - set(deleted) | set(put)
    located = view.locate([f"id {number} 号" for number in range(10)])
    found = [
        {part.segment.records.document(int(row)).id for part, rows in zip(view.parts, located, strict=True)
         for row in rows[number : number + 1] if row >= 0}
        for number in range(10)
    ]  # fmt: skip
    assert found == [{f"id {number} 号"} if number in expected else set() for number in range(10)]
    assert sum(int((rows >= 0).sum()) for rows in located) == len(expected) == len(view)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, {0, 1, 2, 3}),
        (Filter(), {0, 1, 2, 3}),
        (Filter(allowed=["id 1 号", "id 9 号"]), {1}),
        (Filter(forbidden=["id 1 号", "id 9 号"]), {0, 2, 3}),
        (Filter(allowed=["id 1 号", "id 2 号"], forbidden={"id 1 号"}), {2}),
        (Filter(allowed=()), set()),
    ],
)
def test_filter_selects_rows_that_hold(where: Filter | None, expected: set[int]) -> None:
    view = apply_change(View(), make_change([0, 1, 2, 3, 4], [], 1))
    view = apply_change(view, make_change([2], [4], 2))
    masks = view.select(where)
    rows = [
        part.segment.records.document(int(row)).id
        for part, mask in zip(view.parts, masks, strict=True)
        for row in (range(len(part.segment)) if mask is None else np.flatnonzero(mask))
    ]
    assert sorted(rows) == [f"id {number} 号" for number in sorted(expected)]

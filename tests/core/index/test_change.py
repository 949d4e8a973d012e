from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.change import Change, combine_changes, decode_change, encode_change
from core.index.document import Document
from tests.core.index.oracle import Oracle, make_documents, make_vectors

STEPS = st.lists(
    st.tuples(st.lists(st.integers(0, 5), unique=True, max_size=4), st.lists(st.integers(0, 5), max_size=3)), max_size=8
)


def make(numbers: list[int], deleted: list[int], seed: int, dimension: int = 4) -> Change:
    vectors = make_vectors(len(numbers), seed, dimension).astype(np.float32)
    return Change(make_documents(numbers, seed), vectors, [f"id {number} 号" for number in deleted])


@pytest.mark.parametrize("dimension", [0, 1, 4])
@pytest.mark.parametrize("numbers", [[], [3], [1, 2, 0]])
def test_change_comes_back_from_its_bytes(numbers: list[int], dimension: int) -> None:
    change = make(numbers, [7, 8], seed=1, dimension=dimension)
    back = decode_change(encode_change(change))
    assert (back.documents, back.deleted) == (change.documents, change.deleted)
    assert back.vectors.shape == (change.vectors.shape if numbers else (0, 0))
    assert (back.vectors == change.vectors).all() if numbers else True


def test_line_break_in_a_text_stays_in_it() -> None:
    document = Document("a\n", "one\ntwo\u2028three\r", {"k": "\n"})
    [back] = decode_change(encode_change(Change([document], np.zeros((1, 0), dtype=np.float32)))).documents
    assert back == document


@given(STEPS)
def test_combined_change_does_what_all_do_one_after_the_other(steps: list[tuple[list[int], list[int]]]) -> None:
    changes = [make(numbers, deleted, seed) for seed, (numbers, deleted) in enumerate(steps)]
    before = make([0, 1, 2, 3], [], seed=99)
    one, other = Oracle(), Oracle()
    for change in (before, *changes):
        one.change(change.documents, change.vectors, change.deleted)
    for change in (before, combine_changes(changes)):
        other.change(change.documents, change.vectors, change.deleted)
    assert list(one.documents.items()) == list(other.documents.items())
    assert all((one.vectors[name] == other.vectors[name]).all() for name in one.documents)

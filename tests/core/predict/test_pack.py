"""Texts one after the other, and the rows in which their tokens see each other: each token once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.data.batch import Tokens
from core.predict.pack import COARSE_STEP, MOST_TOKENS, ROW_TOKENS, cut_batches, pack, round_up, usual_numbers


@given(st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_every_token_lies_once_behind_those_of_its_text_and_sees_them(lengths: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    tokens = Tokens(ids, np.zeros(len(ids), np.uint8), offsets)
    packed = pack(tokens, np.arange(len(lengths)), pad_id=0)
    assert packed.ids.tolist() == ids.tolist() + [0] * (len(packed.ids) - len(ids))
    assert ((packed.owners == len(lengths)) == (packed.ids == 0)).all()
    assert packed.rows.shape[1] <= 2 * max(ROW_TOKENS, *lengths)
    for text, length in enumerate(lengths):
        own = np.flatnonzero(packed.owners == text)
        assert packed.positions[own].tolist() == list(range(length))
        rows, columns = np.nonzero(packed.seen == text)
        assert (len(rows), len(set(rows.tolist()))) == (length, 1)
        assert packed.rows[rows, columns].tolist() == own.tolist()
        assert packed.rows.flatten()[packed.places[own]].tolist() == own.tolist()


def test_batches_of_short_texts_have_few_numbers_of_tokens() -> None:
    usual = list(usual_numbers())
    assert usual == sorted(set(usual))
    assert {round_up(tokens) for tokens in range(1, MOST_TOKENS + 1)} == set(usual)
    assert round_up(MOST_TOKENS + 1) == MOST_TOKENS + COARSE_STEP


@given(st.lists(st.integers(1, 900), min_size=1, max_size=60), st.integers(1, 40), st.integers(1, 3))
def test_batches_hold_every_text_once(lengths: list[int], batch_size: int, threads: int) -> None:
    batches = list(cut_batches(np.array(lengths), batch_size, threads))
    assert sorted(text for batch in batches for text in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or (len(batch) <= batch_size and sum(lengths[i] for i in batch) <= MOST_TOKENS)

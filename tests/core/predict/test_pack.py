"""Texts in rows and batches: each token once, in the row of its text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.data.batch import Tokens
from core.predict.pack import MOST_TOKENS, ROW_TOKENS, WIDTH_STEP, cut_batches, pack


@given(st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_every_token_lies_once_in_the_row_of_its_text(lengths: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    tokens = Tokens(ids, np.zeros(len(ids), np.uint8), offsets)
    packed = pack(tokens, np.arange(len(lengths)), pad_id=0)
    assert sorted(packed.ids[packed.ids > 0].tolist()) == ids.tolist()
    assert packed.ids.shape[1] <= 2 * max(ROW_TOKENS, *lengths) + WIDTH_STEP
    for text, length in enumerate(lengths):
        rows, columns = np.nonzero(packed.owners == text)
        assert (len(rows), len(set(rows.tolist()))) == (length, 1)
        assert packed.ids[rows, columns].tolist() == ids[offsets[text] : offsets[text + 1]].tolist()
        assert packed.positions[rows, columns].tolist() == list(range(length))
    assert ((packed.owners == len(lengths)) == (packed.ids == 0)).all()


@given(st.lists(st.integers(1, 900), min_size=1, max_size=60), st.integers(1, 40), st.integers(1, 3))
def test_batches_hold_every_text_once(lengths: list[int], batch_size: int, threads: int) -> None:
    batches = list(cut_batches(np.array(lengths), batch_size, threads))
    assert sorted(text for batch in batches for text in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or (len(batch) <= batch_size and sum(lengths[i] for i in batch) <= MOST_TOKENS)

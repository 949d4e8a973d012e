"""Texts that share a row are read as if each were alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import KitConfig
from core.data.batch import WIDTH_STEP, Tokens, tokenize
from core.predict.engine import embed_tokens
from core.predict.match import frozen_matcher
from core.predict.pack import ROW_TOKENS, can_pack, embed_packed, pack

TEXTS = [("profit rises", None), ("a", None), ("shares fall", "b c d"), ("w " * 40, None), ("loss", None)] * 5


@given(st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_every_token_lies_once_in_the_row_of_its_text(lengths: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    packed = pack(Tokens(ids, np.zeros(len(ids), np.uint8), offsets), pad_id=0)
    assert sorted(packed.ids[packed.ids > 0].tolist()) == ids.tolist()
    assert packed.ids.shape[1] <= 2 * max(ROW_TOKENS, *lengths) + WIDTH_STEP
    for text, length in enumerate(lengths):
        rows, columns = np.nonzero(packed.owners == text)
        assert (len(rows), len(set(rows.tolist()))) == (length, 1)
        assert packed.ids[rows, columns].tolist() == ids[offsets[text] : offsets[text + 1]].tolist()
        assert packed.positions[rows, columns].tolist() == list(range(length))
    assert ((packed.owners == len(lengths)) == (packed.ids == 0)).all()


@pytest.mark.parametrize("count", [2, 7, 25])
def test_packed_states_are_those_of_padded_texts(tiny_backbone: Path, count: int) -> None:
    config = KitConfig.model_validate(
        {"model": {"backbone": str(tiny_backbone), "max_tokens": 48}, "predict": {"precision": "fp32"}}
    )
    encoder = frozen_matcher(config).encoder
    tokens = tokenize(encoder.tokenizer, TEXTS[:count], 48)
    assert can_pack(encoder.model, tokens)
    assert not can_pack(encoder.model, tokenize(encoder.tokenizer, TEXTS[:1], 48))  # alone, it has no padding
    packed, padded = embed_packed(encoder.model, tokens), embed_tokens(encoder.model, tokens, 8)
    np.testing.assert_allclose(packed, padded, atol=1e-5)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from core.data import batch
from core.data.batch import Tokens, collate, tokenize, tokenize_cached
from core.data.example import Text
from core.model.backbone import load_tokenizer

CLS, SEP = 2, 3


@pytest.fixture
def tokenizer(tiny_backbone: Path) -> Tokenizer:
    return load_tokenizer(tiny_backbone)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of each call that really tokenised."""
    calls: list[int] = []

    def counted(tokenizer: Tokenizer, texts: list[Text], max_tokens: int) -> Tokens:
        calls.append(len(texts))
        return tokenize(tokenizer, texts, max_tokens)

    monkeypatch.setattr(batch, "tokenize", counted)
    return calls


def test_pair_is_marked_and_long_rows_are_cut(tokenizer: Tokenizer) -> None:
    tokens = tokenize(tokenizer, [("profit rises", None), ("profit rises", "bank"), ("profit " * 50, "bank")], 8)
    assert tokens.lengths.tolist() == [4, 6, 8]
    assert tokens.ids[[0, 3]].tolist() == [CLS, SEP]
    assert tokens.types[4:10].tolist() == [0, 0, 0, 0, 1, 1]
    assert tokens.types[10:].sum() == 2  # the long text was cut, not its short pair


def test_rows_do_not_depend_on_how_many_are_tokenised_together(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[Text] = [("profit " * (1 + row % 5), "bank" if row % 3 else None) for row in range(17)]
    whole = tokenize(tokenizer, texts, 16)
    monkeypatch.setattr(batch, "CHUNK_ROWS", 4)
    parts = tokenize(tokenizer, texts, 16)
    assert all(np.array_equal(getattr(whole, name), getattr(parts, name)) for name in ("ids", "types", "offsets"))


def test_no_text_is_no_token(tokenizer: Tokenizer) -> None:
    tokens = tokenize(tokenizer, [], 8)
    assert (len(tokens), len(tokens.ids), tokens.lengths.tolist()) == (0, 0, [])


def test_same_texts_are_tokenised_once_whatever_the_tokenizer_did_before(
    tokenizer: Tokenizer, computed: list[int]
) -> None:
    texts: list[Text] = [("once and for all", None), ("bank", "oil")]
    first = tokenize_cached(tokenizer, texts, 8)
    tokenize(tokenizer, texts, 5)
    again = tokenize_cached(tokenizer, texts, 8)
    assert computed == [2]
    assert np.array_equal(first.ids, again.ids)


@pytest.mark.parametrize(
    "other",
    [
        [("steel falls", "None")],
        [("steel falls", "")],
        [("steel", "falls")],
        [("steel falls", None), ("", None)],
        [("steel fall", None)],
    ],
)
def test_other_texts_never_get_the_tokens_of_these(
    tokenizer: Tokenizer, computed: list[int], other: list[Text]
) -> None:
    tokenize_cached(tokenizer, [("steel falls", None)], 8)
    computed.clear()
    kept, fresh = tokenize_cached(tokenizer, other, 8), tokenize(tokenizer, other, 8)
    assert np.array_equal(kept.ids, fresh.ids)
    assert np.array_equal(kept.types, fresh.types)


def test_other_length_is_tokenised_anew(tokenizer: Tokenizer) -> None:
    texts: list[Text] = [("profit rises sharply on demand", None)]
    assert [len(tokenize_cached(tokenizer, texts, most).ids) for most in (8, 4)] == [7, 4]


@given(st.lists(st.lists(st.integers(1, 99), max_size=9), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_batch_holds_each_row_and_nothing_but_padding_beside(rows: list[list[int]], random: object) -> None:
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    ids = np.array([token for row in rows for token in row], dtype=np.int32)
    tokens = Tokens(ids, np.zeros(len(ids), dtype=np.uint8), offsets)
    order = np.arange(len(rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    padded = collate(tokens, order, pad_id=0)
    for position, row in enumerate(order):
        length = len(rows[row])
        assert padded["input_ids"][position, :length].tolist() == rows[row]
        assert padded["input_ids"][position, length:].sum() == 0
        assert padded["attention_mask"][position].sum() == length

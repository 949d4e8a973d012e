from __future__ import annotations

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.index import lexical
from core.index.lexical import (
    LexicalPart,
    Postings,
    build_postings,
    damp_lengths,
    merge_postings,
    search_lexical,
)
from core.index.terms import cut_terms
from tests.core.index.oracle import Oracle, assert_best, make_documents, make_vectors

Segments = list[tuple[Postings, NDArray[np.bool_] | None]]


def find(
    segments: Segments, query: str, k: int, allowed: NDArray[np.bool_] | None = None
) -> list[tuple[int, int, float]]:
    lengths = [postings.lengths if alive is None else postings.lengths[alive] for postings, alive in segments]
    documents = sum(map(len, lengths))
    average = sum(length.sum() for length in lengths) / max(1, documents)
    parts = [LexicalPart(postings, alive, allowed, damp_lengths(postings, average)) for postings, alive in segments]
    return search_lexical(parts, query, k, documents)[0]


def search(texts: list[str], query: str, k: int = 10) -> list[int]:
    return [row for _, row, _ in find([(build_postings(texts), None)], query, k)]


def test_scores_are_those_of_bm25s_on_a_static_corpus() -> None:
    texts = [document.text for document in make_documents(range(200), seed=1)]
    reference = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    reference.index([cut_terms(text) for text in texts], show_progress=False)
    for query in ("refund order", "运费 late late", "ab-12"):
        expected = {str(row): float(score) for row, score in enumerate(reference.get_scores(cut_terms(query)))}
        found = [(str(row), score) for _, row, score in find([(build_postings(texts), None)], query, 10)]
        assert_best(found, expected, 10)


def test_rare_word_counts_more_than_a_common_one() -> None:
    assert search(["late fee", "late card", "late order", "card"], "late fee")[0] == 0


def test_chinese_question_finds_its_answer() -> None:
    passages = ["七天内可以申请退款。", "运费由买家承担。", "会员积分有效期为一年。", "退货地址请联系客服。"]
    assert search(passages, "运费谁承担")[0] == 1
    assert search(passages, "积分多久过期，有效期")[0] == 2


def test_english_question_finds_its_answer_by_other_forms_of_its_words() -> None:
    passages = ["Refunds are issued within 7 days.", "Shipping is paid by the buyer.", "Points expire after a year."]
    assert search(passages, "who pays for shipped goods, buyers?")[0] == 1
    assert search(passages, "when was my refund issued")[0] == 0


def test_query_without_a_known_term_finds_nothing() -> None:
    assert search(["late fee"], "unknown") == search(["late fee"], "?!") == search([""], "fee") == []
    assert find([], "fee", 10) == []


def test_endless_query_is_cut_off() -> None:
    endless = "late fee " + " ".join(f"w{number}" for number in range(500_000))
    assert search(["late fee", "card"], endless) == [0]


def test_equal_scores_come_in_the_order_of_the_rows() -> None:
    assert search(["fee"] * 50, "fee", k=5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("long", [0, 5_000])
@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    cut=st.integers(1, 39),
    k=st.integers(1, 45),
    words=st.lists(st.sampled_from(["refund", "order", "的", "退款", "late", "fee", "ab-12", "none"]), max_size=6),
    share=st.floats(0, 1),
)
def test_any_division_into_segments_and_any_rows_struck_out_give_the_scores_of_a_new_corpus(
    long: int, seed: int, cut: int, k: int, words: list[str], share: float
) -> None:
    """With ``long`` 0, every term goes the way of the common ones."""
    documents = make_documents(range(40), seed)
    alive = np.random.default_rng(seed).random(40) < share
    kept = [document for document, holds in zip(documents, alive, strict=True) if holds]
    oracle = Oracle()
    oracle.change(kept, make_vectors(len(kept), 0), ())
    segments: Segments = [
        (build_postings(document.text for document in documents[begin:end]), alive[begin:end])
        for begin, end in ((0, cut), (cut, 40))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexical, "LONG_POSTINGS", long)
        found = find(segments, " ".join(words), k)
    names = [(documents[row + (cut if part else 0)].id, score) for part, row, score in found]
    assert_best(names, oracle.bm25(" ".join(words)), k)


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
def test_filter_leaves_out_rows_but_no_statistics(seed: int, share: float) -> None:
    postings = build_postings(document.text for document in make_documents(range(40), seed))
    allowed = np.random.default_rng(seed).random(40) < share
    everything = {row: score for _, row, score in find([(postings, None)], "refund fee 运费", 40)}
    for long in (0, 5_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lexical, "LONG_POSTINGS", long)
            found = find([(postings, None)], "refund fee 运费", 7, allowed)
        assert_best(
            [(str(row), score) for _, row, score in found],
            {str(row): score for row, score in everything.items() if allowed[row]},
            7,
        )


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 29), share=st.floats(0.1, 1))
def test_merged_postings_are_those_of_the_rows_built_together(seed: int, cut: int, share: float) -> None:
    texts = [document.text for document in make_documents(range(30), seed)]
    kept = np.random.default_rng(seed).random(30) < share
    pieces = [(texts[:cut], kept[:cut]), (texts[cut:], kept[cut:])]
    merged = merge_postings([(build_postings(own), np.flatnonzero(rows)) for own, rows in pieces])
    together = build_postings(text for text, holds in zip(texts, kept, strict=True) if holds)
    for name in ("keys", "starts", "rows", "counts", "lengths"):
        np.testing.assert_array_equal(getattr(merged, name), getattr(together, name))
        assert getattr(merged, name).dtype == getattr(together, name).dtype

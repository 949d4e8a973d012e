from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.stem import stem_word
from core.index.terms import cut_terms, fold_text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refunds", "refund"),
        ("cancelling my orders", "Cancel my order"),
        ("ＡＢ－１２３４", "ab-1234"),
        ("AB_1234", "ab1234"),
        ("1,299.00", "1299.00"),
        ("Café", "cafe"),
        ("customer's", "customer"),
        ("customer’s", "customers"),
        ("ﾌﾟﾚﾐｱﾑ", "プレミアム"),
    ],
)
def test_ways_of_writing_the_same_share_their_first_term(one: str, other: str) -> None:
    assert cut_terms(one)[0] == cut_terms(other)[0]


@pytest.mark.parametrize(
    ("one", "other"), [("3.5", "35"), ("AB-1234", "AB-1235"), ("12:30", "1230"), ("2024-03-05", "2024-05-03")]
)
def test_numbers_and_codes_that_differ_share_no_whole_term(one: str, other: str) -> None:
    assert cut_terms(one)[0] != cut_terms(other)[0]


def test_code_is_found_whole_and_by_its_parts() -> None:
    assert cut_terms("XK-200/B") == ["xk200b", "xk", "200"]


def test_chinese_gives_characters_and_pairs_and_no_pair_across_other_script() -> None:
    assert cut_terms("退货运费") == ["退", "货", "运", "费", "退货", "货运", "运费"]
    assert cut_terms("用ATM取款") == ["用", "atm", "取", "款", "取款"]
    assert cut_terms("退，款") == ["退", "款"]


def test_code_inside_chinese_is_cut_out_of_it() -> None:
    assert cut_terms("我的iPhone15坏了")[3:6] == ["iphone15", "iphone", "15"]


def test_nothing_to_count_gives_no_terms() -> None:
    assert cut_terms("") == cut_terms(" \n?!—🙂") == []


@given(st.text(max_size=60))
def test_folding_and_cutting_do_not_depend_on_case_or_on_being_folded_already(text: str) -> None:
    assert cut_terms(text) == cut_terms(fold_text(text))
    assert all(term and term == term.strip() for term in cut_terms(text))


@given(st.text(alphabet="退款a1 -", max_size=30), st.text(alphabet="退款a1 -", max_size=30))
def test_texts_set_apart_keep_their_terms(one: str, other: str) -> None:
    assert cut_terms(f"{one}。{other}") == cut_terms(one) + cut_terms(other)


@pytest.mark.parametrize("piece", ["a", "1", "-", "a-", "1-", "1.", "退", "'", "aae", "\u0301", "y"])
def test_long_hostile_text_is_cut_in_linear_time(piece: str) -> None:
    """With time that grows with the square, these would not end."""
    assert len(cut_terms(piece * (60_000 // len(piece)))) <= 120_000


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        (("connect", "connected", "connecting", "connection", "connections"), "connect"),
        (("refund", "refunds", "refunded", "refunding"), "refund"),
        (("policy", "policies"), "polici"),
        (("activate", "activated", "activation", "activating"), "activ"),
        (("delivery", "deliveries"), "deliveri"),
        (("ship", "ships", "shipped", "shipping"), "ship"),
        (("fee", "fees"), "fee"),
        (("pay", "pays"), "pai"),
        (("is",), "is"),
        (("caress", "caresses"), "caress"),
        (("hopeful", "hopefulness"), "hope"),
    ],
)
def test_forms_of_an_english_word_have_one_stem(words: tuple[str, ...], stem: str) -> None:
    assert {stem_word(word) for word in words} == {stem}


def test_words_that_only_look_alike_keep_different_stems() -> None:
    assert len({stem_word(word) for word in ("sing", "sin", "news", "bed", "be", "agree", "age")}) == 7


@given(st.text(alphabet="abcdeilnosty", min_size=1, max_size=45))
def test_stem_is_never_longer_than_the_word_and_never_empty(word: str) -> None:
    assert 0 < len(stem_word(word)) <= len(word)

"""Personal data is found by its check digits; financial numbers are left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.privacy import KINDS, Finding, find_personal, redact

PERSONAL = [
    ("write to ann.lee+x@mail.example.com.", "write to [EMAIL]."),
    ("邮箱ann@example.com请回复", "邮箱[EMAIL]请回复"),
    ("手机13800138000，谢谢", "手机[CN_MOBILE]，谢谢"),
    ("tel,138 0013 8000", "tel,[CN_MOBILE]"),
    ("+86 138-0013-8000", "[CN_MOBILE]"),
    ("+8613800138000", "[CN_MOBILE]"),
    ("card 4111111111111111", "card [CARD]"),
    ("card 4111 1111 1111 1111 ok", "card [CARD] ok"),
    ("5500-0000-0000-0004", "[CARD]"),
    ("amex 3782 822463 10005", "amex [CARD]"),
    ("IBAN GB82 WEST 1234 5698 7654 32 PAID", "IBAN [IBAN] PAID"),
    ("DE89370400440532013000", "[IBAN]"),
    ("身份证11010519491231002X。", "身份证[CN_ID]。"),
    ("call (415) 555-2671 now", "call [PHONE] now"),
    ("415-555-2671", "[PHONE]"),
    ("+1 415 555 2671", "[PHONE]"),
    ("+44 20 7946 0958", "[PHONE]"),
    ("020 7946 0958", "[PHONE]"),
    ("电话010-88886666", "电话[PHONE]"),
    ("(021) 68888888", "[PHONE]"),
    ("客服 400-810-8888", "客服 [PHONE]"),
    ("+1 415 555 2671 2024", "[PHONE] 2024"),
    ("ann@example.com or 13800138000", "[EMAIL] or [CN_MOBILE]"),
]
NOT_PERSONAL = [
    "",
    "Revenue was $1,234,567,890.12 in 2023",
    "成交额13800138000元",
    "回购13800138000股",
    "market cap ¥13800138000",
    "USD 4111111111111111",
    "13,800,138,000 shares",
    "15912345678 shares outstanding",
    "ISIN US0378331005 and CNE0000018R8",
    "贵州茅台600519，平安银行000001.SZ，0700.HK",
    "card 4111111111111112",
    "1234567890123456",
    "GB82 WEST 1234 5698 7654 33",
    "110105194912310021",
    "990105194912310021",
    "110105194902300029",
    "from 2023-12-31 to 2024-01-01 09:30:00",
    "20240305093000",
    "2016 2017 2018 2019",
    "rose 12.5% to 3,456.78 points, +125.50",
    "0.13800138000",
    "change +1250000000",
    "foo@bar and @ann and a@b",
    "EUR/USD 1.0856, S&P 500 5,021.84",
    "order 202403050930001234567890",
    "CIK 0000320193, CUSIP 037833100",
    "[EMAIL] [CARD] [PHONE]",
    "192.168.100.200",
    "version 10.20.30",
    "1709631000 and 1709631000000",
    "EPS 1.52 1.67 2.01 3.45",
    "300-500-1000",
]


@pytest.mark.parametrize(("text", "expected"), PERSONAL, ids=[text for text, _ in PERSONAL])
def test_personal_data_is_replaced_by_its_kind(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_financial_numbers_and_codes_are_left_alone(text: str) -> None:
    assert find_personal(text) == []


def test_findings_stand_in_order_and_say_where() -> None:
    text = "13800138000 ann@example.com"
    assert find_personal(text) == [Finding("cn_mobile", 0, 11), Finding("email", 12, 27)]


def test_only_the_kinds_asked_for_are_redacted() -> None:
    assert redact("ann@example.com 13800138000", ["email"]) == "[EMAIL] 13800138000"
    with pytest.raises(ValueError, match="no such kind"):
        redact("x", ["name"])


PIECES = st.one_of(
    st.text(max_size=8),
    st.text("0123456789 -+().,@abX", max_size=24),
    st.sampled_from([text for text, _ in PERSONAL] + NOT_PERSONAL),
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=5))
def test_redaction_is_idempotent_and_leaves_nothing_to_find(pieces: list[str]) -> None:
    once = redact("".join(pieces))
    assert redact(once) == once
    assert find_personal(once) == []


@given(pieces=st.lists(PIECES, max_size=5))
def test_findings_are_inside_the_text_and_do_not_overlap(pieces: list[str]) -> None:
    text = "".join(pieces)
    end = 0
    for finding in find_personal(text):
        assert finding.kind in KINDS
        assert end <= finding.start < finding.end <= len(text)
        end = finding.end


AMOUNTS = st.one_of(
    st.integers(0, 10**13).map("{:,}".format),
    st.integers(0, 10**13).map("${}".format),
    st.integers(0, 10**13).map("{} 元".format),
    st.integers(0, 10**13).map("{} shares".format),
    st.decimals(0, 10**9, places=2).map(str),
    st.integers(1900, 2100).map(str),
    st.integers(0, 999_999).map("{:06d}".format),
    st.dates().map(str),
    st.floats(-100, 100).map("{:+.2f}%".format),
)


@settings(max_examples=300, deadline=None)
@given(amounts=st.lists(AMOUNTS, max_size=4))
def test_amounts_dates_and_stock_codes_are_never_personal(amounts: list[str]) -> None:
    assert find_personal("; ".join(amounts)) == []


@given(body=st.text("0123456789", min_size=14, max_size=14), position=st.integers(0, 15), step=st.integers(1, 9))
def test_card_with_one_wrong_digit_is_none(body: str, position: int, step: int) -> None:
    digits = "4" + body
    total = sum(sum(divmod(int(digit) * (2 - index % 2), 10)) for index, digit in enumerate(digits))
    card = digits + str(-total % 10)
    assert redact(card, ["card"]) == "[CARD]"
    wrong = card[:position] + str((int(card[position]) + step) % 10) + card[position + 1 :]
    assert redact(wrong, ["card"]) == wrong


@pytest.mark.parametrize("piece", ["a", "1", "+1 ", "1 1111", "a.", "@a.", "GB82 ", "(415) ", "138-", "a@b.co "])
def test_long_hostile_text_takes_linear_time(piece: str) -> None:
    started = time.process_time()
    redact(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 2

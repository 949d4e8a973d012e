"""A day as customers write it, in English and Chinese: in words, in figures, or seen from today."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SMALL = {
    word: n for n, word in enumerate("zero one two three four five six seven eight nine ten".split())  # noqa: SIM905
}
_HAN_SMALL = {sign: n for n, sign in enumerate("零一二三四五六七八九十")} | {"两": 2}
_MONTH = "|".join(rf"{name}|{name[:3]}(?:t)?\.?" for name in _MONTHS)
_YEAR = r"(?:,?\s+\d{4})?"
_ORDINAL = r"\d{1,2}(?:st|nd|rd|th)?"
_SOME = rf"\d{{1,3}}|{'|'.join(_SMALL)}|a"
_CALENDAR = re.compile(
    rf"\b{_ORDINAL}\s+(?:of\s+)?(?:{_MONTH})\b{_YEAR}"
    rf"|\b(?:{_MONTH})\s+{_ORDINAL}\b{_YEAR}"
    r"|(?<![\w.-])\d{4}-\d{1,2}-\d{1,2}(?![\w-])"
    r"|(?<![\w.-])\d{1,2}[./]\d{1,2}[./]\d{2,4}(?!\w)"
    r"|(?<![\w.-])\d{1,2}\.\d{1,2}\.(?!\d)"
    r"|(?:\d{4}年)?\d{1,2}月\d{1,2}[日号]?",
    re.IGNORECASE,
)
_AGO = re.compile(rf"\b(?P<n>{_SOME})\s+(?P<unit>day|week|month)s?\s+ago\b", re.IGNORECASE)
_HAN_AGO = re.compile(r"(?P<n>\d{1,3}|[一二两三四五六七八九十])(?P<unit>天|个?星期|周|个?月)(?:之|以)?前")
_WEEKDAY = re.compile(
    rf"\b(?:last\s+|on\s+|this\s+)?(?P<day>{'|'.join(_DAYS)})\b(?!s)|(?:上个?|这个?|本)?(?:周|星期)(?P<han>[一二三四五六日天])",
    re.IGNORECASE,
)
_NEAR = {
    "the day before yesterday": 2, "yesterday": 1, "last night": 1, "today": 0, "this morning": 0,
    "大前天": 3, "前天": 2, "昨天": 1, "昨晚": 1, "今天": 0, "今早": 0,
}  # fmt: skip
_NEAR_WORDS = re.compile("|".join(rf"\b{w}\b" if w.isascii() else w for w in _NEAR), re.IGNORECASE)
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "天": 1, "周": 7, "星期": 7, "月": 30}


def find_day(text: str, today: date) -> tuple[str, str] | None:
    """The first day that a text names.

    Args:
        text: What the customer wrote.
        today: Their day.

    Returns:
        Their words, and the day as an answer says it: as they wrote it, or worked out from today.

    >>> find_day("I ordered it on 3 September", date(2026, 10, 5))
    ('3 September', '3 September')
    >>> find_day("two weeks ago", date(2026, 10, 5)), find_day("上周五", date(2026, 10, 5))
    (('two weeks ago', '21 September'), ('上周五', '10月2日'))
    """
    match = _CALENDAR.search(text)
    if match:
        return match[0].strip(), match[0].strip()
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], int]], ...] = (
        (_NEAR_WORDS, lambda found: _NEAR[found[0].lower()]),
        (_AGO, lambda found: _count(found["n"]) * _UNIT_DAYS[found["unit"].lower()]),
        (_HAN_AGO, lambda found: _count(found["n"]) * _UNIT_DAYS[found["unit"].removeprefix("个")]),
        (_WEEKDAY, lambda found: _days_since(found, today)),
    )
    for pattern, read in readers:
        match = pattern.search(text)
        if match:
            words = match[0].strip()
            return words, _write(today - timedelta(days=read(match)), words)
    return None


def _count(word: str) -> int:
    return int(word) if word.isdecimal() else _HAN_SMALL.get(word) or _SMALL.get(word.lower(), 1)


def _days_since(found: re.Match[str], today: date) -> int:
    """Days back to the last such weekday; a week when it is today's."""
    if found["day"]:
        number = _DAYS.index(found["day"].lower())
    else:
        number = "一二三四五六日".index(found["han"].replace("天", "日"))
    return (today.weekday() - number) % 7 or 7


def _write(day: date, words: str) -> str:
    if not words.isascii():
        return f"{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1].title()}"

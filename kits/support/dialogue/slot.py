"""What answers need from the customer, found in their own words: patterns, lists of names, and six built-in kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import DataError
from kits.support.answer.response import read_toml
from kits.support.dialogue.day import find_day

LIMIT_CHARACTERS = 2_000  # patterns of users are not run over more
# What names one thing holds for the next question, too; an amount or a day belongs to the matter it was said for.
LASTING = frozenset({"card_ending", "account_ending", "pattern", "gazetteer"})
_KEYS = {"kind", "about", "ask", "ask_zh", "pattern", "values"}
_CURRENCY = (
    r"(?:€|\$|£|￥|¥|EUR|USD|GBP|CHF|CNY|RMB|euros?|dollars?|pounds?|francs?|yuan|欧元|美元|英镑|人民币|元|欧|块)"
)
_NUMBER = r"\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?<![\w.,-])(?:(?P<lead>{_CURRENCY})\s?(?:{_NUMBER})|(?:{_NUMBER})\s?(?P<tail>{_CURRENCY})(?![A-Za-z]))",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(rf"(?<![\w.,-])(?:{_NUMBER})(?![\w-])")
_ENDING = re.compile(
    r"(?:\bend(?:ing|s|ed)?(?:\s+(?:in|with|on|is))?|\blast\s+(?:four|4)(?:\s+(?:digits?|numbers?))?(?:\s+(?:are|is))?"
    r"|\bfinal\s+(?:four|4)(?:\s+digits?)?|尾号|后四位|末四位|最后四位)[\s:：是为]{0,4}(?P<digits>\d{4})(?!\d)",
    re.IGNORECASE,
)
_FOUR = re.compile(r"(?<![\w-])\d{4}(?![\w-]|[.,]\d)")
_CARD_NUMBER = re.compile(r"(?<![\w-])\d(?:[ -]?\d){11,18}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,3})?\b")
_ACCOUNT_WORD = re.compile(r"\b(?:iban|accounts?)\b|账户|账号|户口", re.IGNORECASE)
_CARD_WORD = re.compile(r"\bcards?\b|卡", re.IGNORECASE)
_NAME = re.compile(
    r"(?:\bmy name is|\bname(?:'s| is)|\bi am called|\bcalled|我叫|姓名[是:：]?|名字[是叫:：]?)\s*"
    r"(?P<name>[A-ZÀ-Þ][\w'’-]+(?:\s+[A-ZÀ-Þ][\w'’-]+){0,3}|[\u4e00-\u9fff·]{2,8})"
)
_BARE_NAME = re.compile(r"[^\W\d_][\w'’-]+(?:\s+[^\W\d_][\w'’-]+){0,3}|[\u4e00-\u9fff·]{2,8}")


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that answers may need.

    Attributes:
        name: How responses call it.
        kind: ``pattern``, ``gazetteer``, or one that is built in.
        about: What it is, for people.
        ask: The question for it, by language.
        pattern: Of the kind ``pattern``; its first group, or all of it, is what is kept. Of the kind
            ``gazetteer``: any of the ways in Latin letters.
        values: Of the kind ``gazetteer``: each name with the ways of saying it.
    """

    name: str
    kind: str
    about: str
    ask: Mapping[str, str]
    pattern: re.Pattern[str] | None = None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def question(self, language: str) -> str:
        """The question for it, in a language, else in the one that there is."""
        return self.ask.get(language) or next(iter(self.ask.values()))


@dataclass(frozen=True, slots=True)
class Found:
    """What the customer said for a slot.

    Attributes:
        words: Their own.
        value: What answers show: the listed name, or the day that ``yesterday`` was.
    """

    words: str
    value: str


def read_slots(file: Path) -> dict[str, Slot]:
    """Read the slots.

    Args:
        file: TOML with a table for each slot.

    Raises:
        DataError: Names all that is wrong in the file.
    """
    faults: list[str] = []
    slots = {}
    for name, table in read_toml(file).items():
        try:
            slots[name] = _make(name, table)
        except ValueError as error:
            faults.append(f"[{name}]: {error}")
    if faults:
        raise DataError("; ".join(faults), where=str(file))
    return slots


def find_slots(slots: Mapping[str, Slot], text: str, today: date, asked: str | None = None) -> dict[str, Found]:
    """What a text fills, by the name of the slot.

    Args:
        slots: Those that there are.
        text: What the customer wrote.
        today: The customer's day, for ``yesterday``.
        asked: The slot that was just asked for: for it a bare ``4417`` is enough.
    """
    text = text[:LIMIT_CHARACTERS]
    found = {}
    for name, slot in slots.items():
        one = _FINDERS[slot.kind](slot, text, today, name == asked)
        if one is not None:
            found[name] = one
    return found


def _make(name: str, table: Any) -> Slot:
    if not isinstance(table, Mapping):
        raise ValueError("expected a table")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise ValueError(f"no such key {unknown[0]!r}")
    kind = table.get("kind")
    if kind not in _FINDERS:
        raise ValueError(f"kind {kind!r}, expected one of {', '.join(_FINDERS)}")
    ask = {language: table[key] for language, key in (("en", "ask"), ("zh", "ask_zh")) if table.get(key)}
    if not ask:
        raise ValueError("no question: ask or ask_zh")
    pattern = None
    if kind == "pattern":
        try:
            pattern = re.compile(table.get("pattern") or "(", re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from None
        if pattern.search(""):
            raise ValueError("pattern matches nothing at all")
    values = table.get("values", {})
    if kind == "gazetteer" and not (values and all(isinstance(ways, list) and ways for ways in values.values())):
        raise ValueError("values: expected each name with a list of ways to say it")
    if kind == "gazetteer":
        ways = [way for value, others in values.items() for way in (value, *others) if way.isascii()]
        pattern = _whole_words(*ways) if ways else None
    return Slot(name, str(kind), str(table.get("about", "")), ask, pattern, values)


def _find_pattern(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    match = slot.pattern.search(text) if slot.pattern else None
    if match is None:
        return None
    words = match[match.lastindex or 0] or match[0]
    return Found(words, words)


def _find_listed(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    """The name whose way of saying it is the longest in the text; short ones count in capitals only."""
    best: Found | None = None
    if text.isascii() and not (slot.pattern and slot.pattern.search(text)):
        return None  # as in most texts
    for value, ways in slot.values.items():
        for way in (value, *ways):
            words = _search_way(way, text)
            if words and (best is None or len(words) > len(best.words)):
                best = Found(words, words if not words.isascii() else value)
    return best


def _search_way(way: str, text: str) -> str | None:
    if not way.isascii():
        at = text.casefold().find(way.casefold())
        return text[at : at + len(way)] if at >= 0 else None
    match = _whole_words(way).search(text)
    return match[0] if match else None


@lru_cache(maxsize=10_000)
def _whole_words(*ways: str) -> re.Pattern[str]:
    """Any of some ways; one of two letters in capitals only: "us" is a word of its own."""
    said = "|".join(re.escape(way.upper()) if len(way) <= 2 else f"(?i:{re.escape(way)})" for way in ways)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{said})(?![A-Za-z0-9])")


def _find_card(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    for match in _ENDING.finditer(text):
        if not _is_account(text, match.start()):
            return Found(match["digits"], match["digits"])
    whole = _CARD_NUMBER.search(text)
    if whole:
        last = re.sub(r"\D", "", whole[0])[-4:]
        return Found(last, last)
    return _find_four(text, is_asked)


def _find_account(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    whole = _IBAN.search(text)
    if whole:
        last = re.sub(r"\s", "", whole[0])[-4:]
        return Found(last, last)
    for match in _ENDING.finditer(text):
        if is_asked or _is_account(text, match.start()):
            return Found(match["digits"], match["digits"])
    return _find_four(text, is_asked)


def _find_four(text: str, is_asked: bool) -> Found | None:
    match = _FOUR.search(text) if is_asked else None
    return Found(match[0], match[0]) if match else None


def _is_account(text: str, end: int) -> bool:
    """Whether the last thing named before a place is an account, not a card."""
    before = text[max(0, end - 60) : end]
    cards, accounts = ([m.start() for m in word.finditer(before)] for word in (_CARD_WORD, _ACCOUNT_WORD))
    return bool(accounts) and (not cards or accounts[-1] > cards[-1])


def _find_date(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    found = find_day(text, today)
    return Found(*found) if found else None


def _find_amount(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    match = _AMOUNT.search(text)
    if match is None and is_asked and not find_day(text, today):
        match = _BARE_NUMBER.search(text)
    return Found(match[0].strip(), match[0].strip()) if match else None


def _find_name(slot: Slot, text: str, today: date, is_asked: bool) -> Found | None:
    match = _NAME.search(text)
    if match:
        return Found(match["name"], match["name"])
    bare = _BARE_NAME.fullmatch(text.strip(" .!。！")) if is_asked else None
    return Found(bare[0], bare[0]) if bare else None


_FINDERS: Mapping[str, Callable[[Slot, str, date, bool], Found | None]] = {
    "pattern": _find_pattern,
    "gazetteer": _find_listed,
    "card_ending": _find_card,
    "account_ending": _find_account,
    "date": _find_date,
    "amount": _find_amount,
    "name": _find_name,
}

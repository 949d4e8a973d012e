"""Compares every figure in the support sample with its fact sheet.

A figure (an amount, a percentage, a duration) may stand in a sentence or a table row only if a fact with that value
has its subject there: in the sentence, the row, the headings above it, or the question that it answers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar, NamedTuple

UNITS = "working day|second|minute|hour|day|week|month|year"
UNITS_ZH = {
    "个工作日": "working day", "秒": "second", "分钟": "minute", "小时": "hour", "天": "day", "日内": "day",
    "周": "week", "个月": "month", "年": "year", "岁": "year",
}  # fmt: skip
AMOUNT = re.compile(r"€\s?(\d[\d,]*(?:\.\d+)?)")
PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
DURATION = re.compile(rf"(?:(\d+) to )?\b(\d+)[ -]({UNITS})s?\b")
AMOUNT_ZH = re.compile(r"(?:(\d[\d,]*(?:\.\d+)?)\s?[至到]\s?)?(\d[\d,]*(?:\.\d+)?)\s?欧元")
DURATION_ZH = re.compile(rf"(?:(\d+)\s?[至到]\s?)?(\d+)\s?({'|'.join(UNITS_ZH)})")
SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])")


class Figure(NamedTuple):
    """A number with what it counts: ``€``, ``%``, or a unit of time."""

    number: float
    unit: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the fact sheet."""

    name: str
    figures: frozenset[Figure]
    words: re.Pattern[str]


class Statement(NamedTuple):
    """A sentence or a table row, with all that says what it is about."""

    text: str
    context: str


def read_facts(file: Path, language: str = "en") -> list[Fact]:
    """The facts with the words of one language."""
    words = "words" if language == "en" else f"words_{language}"
    return [
        Fact(name, frozenset().union(*map(find_figures, fact["values"])), re.compile(fact[words], re.IGNORECASE))
        for name, fact in tomllib.loads(file.read_text(encoding="utf-8")).items()
        if isinstance(fact, dict)
    ]


def find_figures(text: str) -> frozenset[Figure]:
    """All amounts, percentages and durations in a text of either language; years of the calendar are none."""
    found = [Figure(_number(match), "€") for match in AMOUNT.findall(text)]
    found += [Figure(float(match), "%") for match in PERCENT.findall(text)]
    found += [Figure(_number(n), "€") for match in AMOUNT_ZH.findall(text) for n in match if n]
    for pattern, units in ((DURATION, None), (DURATION_ZH, UNITS_ZH)):
        for first, last, unit in pattern.findall(text):
            found += [Figure(_number(n), units[unit] if units else unit) for n in (first, last) if n]
    return frozenset(figure for figure in found if figure.unit != "year" or figure.number < 1900)


def find_unexplained(statement: Statement, facts: list[Fact]) -> set[Figure]:
    """The figures of a statement that no fact about its subject has."""
    known = [fact.figures for fact in facts if fact.words.search(statement.context)]
    return set(find_figures(statement.text)).difference(*known)


def split_sentences(text: str, about: str = "") -> Iterator[Statement]:
    """The sentences of a text, each with the words that say what the text is about."""
    for sentence in SENTENCE.split(" ".join(text.split())):
        if sentence:
            yield Statement(sentence, f"{about} {sentence}")


def read_page(file: Path) -> Iterator[Statement]:
    """The sentences and table rows of a page of the knowledge base."""
    text = file.read_text(encoding="utf-8")
    title, heading, header = "", "", ""
    for kind, block in _html_blocks(text) if file.suffix == ".html" else _text_blocks(text):
        if kind == "title":
            title = heading = block
        elif kind == "heading":
            heading = block
        elif kind == "header":
            header = block
            yield Statement(block, f"{title} {heading} {block}")
        elif kind == "row":
            yield Statement(block, f"{title} {heading} {header} {block}")
        else:
            yield from split_sentences(block, f"{title} {heading}")


def _text_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Blocks of Markdown, or of plain text whose headings are lines in capitals or end with a colon (Chinese)."""
    is_first, in_table, lines = True, False, list[str]()
    for line in [*text.splitlines(), ""]:
        is_row = line.startswith("|")
        is_heading = line.startswith("#") or (line.isupper() and len(line) > 3) or line.startswith("【")
        if (is_row or is_heading or not line.strip() or re.match(r"- |\d+\. ", line)) and lines:
            yield "text", " ".join(lines)
            lines = []
        if is_heading:
            yield "title" if is_first else "heading", line.strip("#【】 ")
            is_first = False
        elif is_row and not set(line) <= set("|-: "):
            yield "row" if in_table else "header", line.replace("|", " ; ")
        elif not is_row and line.strip():
            lines.append(line.strip())
        in_table = is_row


def _html_blocks(text: str) -> list[tuple[str, str]]:
    parser = _Blocks()
    parser.feed(text)
    return parser.blocks


class _Blocks(HTMLParser):
    """Collects headings, paragraphs, list items and table rows."""

    KINDS: ClassVar = {"h1": "title", "h2": "heading", "h3": "heading", "tr": "row"}

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[tuple[str, str]] = []
        self._kind = "text"
        self._parts: list[str] = []
        self._is_hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"p", "li", "dt", "dd", "tr", "h1", "h2", "h3", "table"}:
            self._flush()
            self._kind = self.KINDS.get(tag, "text")
        if tag == "th" and self._kind == "row":
            self._kind = "header"
        self._is_hidden = tag in {"style", "title", "script"}

    def handle_endtag(self, tag: str) -> None:
        self._is_hidden = False
        if tag in {"td", "th"}:
            self._parts.append(" ; ")
        if tag in {"p", "li", "dt", "dd", "tr", "h1", "h2", "h3"}:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self._parts.append(data)

    def _flush(self) -> None:
        block = " ".join("".join(self._parts).split())
        if block:
            self.blocks.append((self._kind, block))
        self._kind, self._parts = "text", []


def _number(digits: str) -> float:
    return float(digits.replace(",", ""))

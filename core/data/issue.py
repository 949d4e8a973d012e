"""One thing that may be wrong with data, and how its instances are shown.

Texts are shown shortened and without personal data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.data.example import Example
from core.data.privacy import redact

Severity = Literal["error", "warning", "note"]
LIMIT_CASES = 20
EXCERPT_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Case:
    """One instance of an issue.

    Attributes:
        places: Where it stands: ``file:line``.
        detail: What is there, in a few words; personal data is redacted.
    """

    places: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that may be wrong.

    Attributes:
        kind: A fixed name for programs, such as ``exact_duplicates``.
        severity: ``error``: results will be wrong; ``warning``: they may be; ``note``: to know.
        title: In a few words, for people.
        count: How many rows (or labels) it concerns; 0 when it is none in particular.
        explanation: Why it matters, in one sentence.
        fix: What to do.
        cases: The first of them, or the clearest.
    """

    kind: str
    severity: Severity
    title: str
    count: int
    explanation: str
    fix: str
    cases: tuple[Case, ...] = ()


def name_place(examples: Sequence[Example], row: int) -> str:
    """Where a row stands; its number when the example does not say."""
    return examples[row].place or f"row {row + 1}"


def name_places(examples: Sequence[Example], rows: Iterable[int]) -> tuple[str, ...]:
    """Where the first of some rows stand."""
    return tuple(name_place(examples, row) for row in list(rows)[:LIMIT_CASES])


def quote_text(example: Example) -> str:
    """The beginning of an example's text, in quotation marks and without personal data."""
    return f"“{shorten_safely(' '.join((example.text + ' ' + (example.pair or '')).split()))}”"


def shorten_safely(text: str) -> str:
    """The beginning of a text without personal data."""
    safe = redact(text[: 2 * EXCERPT_CHARACTERS])
    return safe if len(safe) <= EXCERPT_CHARACTERS else safe[: EXCERPT_CHARACTERS - 1] + "…"


def list_labels(labels: Sequence[str]) -> str:
    """Labels as people write them."""
    return ", ".join(labels) or "none"

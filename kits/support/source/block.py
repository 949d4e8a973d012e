"""A page as a list of blocks, whatever its format was: headings, paragraphs, list items, table rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Control characters, halves of characters, marks that are not seen or that turn the direction of a text.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
    "|[\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a page.

    Attributes:
        kind: What it is.
        text: On one line.
        level: Of a heading: 1 is the title.
        page: On which page of a PDF, from 1; None where there are no pages.
    """

    kind: Literal["heading", "text", "item", "row"]
    text: str
    level: int = 0
    page: int | None = None


def clean_line(text: str) -> str:
    """Text on one line, without control characters and what cannot be seen.

    >>> clean_line(" Fees" + chr(0x200B) + chr(10) + "and limits ")
    'Fees and limits'
    """
    return " ".join(_UNSEEN.sub("", text).split())


def describe_row(header: Sequence[str], cells: Sequence[str]) -> str:
    """A row of a table as a line that can be read without the table.

    >>> describe_row(["Limit", "Private", "Business"], ["Cash", "€1,000", "€2,000"])
    'Cash: Private €1,000; Business €2,000'
    >>> describe_row([], ["Cash", "€1,000"])
    'Cash: €1,000'
    """
    named = [
        f"{head} {cell}".strip() if head and head != cell else cell
        for head, cell in zip([*header, *[""] * len(cells)][: len(cells)], cells, strict=True)
    ]
    first, rest = (cells[0] if cells else ""), [line for line, cell in zip(named[1:], cells[1:], strict=True) if cell]
    if not first or not rest:
        return "; ".join(filter(None, [first, *rest]))
    return f"{first}: {'; '.join(rest)}"

"""A self-contained HTML page of paragraphs, tables and figures, in the look of the model report.

For what a kit measures that is no text classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.evaluate.canvas import Figure
from core.evaluate.page import render_alone


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first column names the row, the others are numbers or words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the page.

    Attributes:
        heading: Its title.
        paragraphs: Plain text.
        grids: Tables.
        figures: As ``core.evaluate.canvas`` makes them.
    """

    heading: str
    paragraphs: Sequence[str] = ()
    grids: Sequence[Grid] = ()
    figures: Sequence[Figure] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What is written.

    Attributes:
        title: Of the page.
        parts: In order.
        language: ``en`` or ``zh``.
        contents: What the list of sections is called.
        tiles: Key figures on top: name, value, what stands under it.
    """

    title: str
    parts: Sequence[Part]
    language: str = "en"
    contents: str = "Contents"
    tiles: Sequence[tuple[str, str, str]] = field(default_factory=tuple)


def write_page(page: Page, file: Path) -> None:
    """Render a page and write it as UTF-8."""
    file.write_text(render_page(page), encoding="utf-8")


def render_page(page: Page) -> str:
    """The page as one string of HTML, without a reference to anything outside itself."""
    return render_alone("page.html", page=page)

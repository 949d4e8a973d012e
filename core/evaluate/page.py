"""A self-contained HTML page of paragraphs, tables and figures, in the look of the model report.

For what a kit measures that is no text classifier. It loads nothing and runs only its own two scripts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.evaluate.canvas import Figure
from core.evaluate.report import PAGES, breakable, embed_json


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
    script, library = Markup((PAGES / "report.js").read_text(encoding="utf-8")), Markup(_plotly())
    hashes = [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in (library, script)]
    style = Markup((PAGES / "report.css").read_text(encoding="utf-8"))
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            style=style,
            script=script,
            library=library,
            script_hashes=" ".join(f"'sha256-{digest}'" for digest in hashes),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["embed"] = embed_json
    environment.filters["breakable"] = breakable
    return environment


@cache
def _plotly() -> str:
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")

"""Renders pages that stand alone: each opens anywhere, prints on A4, and loads nothing.

plotly.js is read out of the installed package and written into the page. A content security policy
names the hashes of the page's own two scripts, so that no text that slipped into it could run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

PAGES = Path(__file__).parent / "pages"


def render_alone(template: str, *, folder: Path = PAGES, **values: Any) -> str:
    """A page as one string, with its style, its scripts and its plots.

    Args:
        template: Name of the template. It gets ``style``, ``script``, ``library`` and
            ``script_hashes`` to put in, and may import ``macros.html``.
        folder: Where it is.
        values: What else it gets.

    Returns:
        HTML without a single reference to anything outside itself.
    """
    script, library = Markup((PAGES / "report.js").read_text(encoding="utf-8")), Markup(_plotly())
    return (
        _environment(folder)
        .get_template(template)
        .render(
            style=Markup((PAGES / "report.css").read_text(encoding="utf-8")),
            script=script,
            library=library,
            script_hashes=" ".join(f"'sha256-{_digest(source)}'" for source in (library, script)),
            **values,
        )
    )


def embed_json(value: Any) -> Markup:
    r"""JSON that may stand inside a script element: no ``<``, so nothing in it can close the element.

    >>> embed_json({"a": "</script>"})
    Markup('{"a":"\\u003c/script>"}')
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def breakable(text: str) -> Markup:
    """A name that may break after an underscore, a slash or a dot, so that it fits a column.

    >>> breakable("lost_card<b>")
    Markup('lost_<wbr>card&lt;b&gt;')
    """
    return Markup(re.sub(r"([_/.])", r"\1<wbr>", str(escape(text))))


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, PAGES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embed"] = embed_json
    environment.filters["breakable"] = breakable
    return environment


@cache
def _plotly() -> str:
    """The library's text; importing plotly itself for this would take a second."""
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()

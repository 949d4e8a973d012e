"""HTML and Markdown as blocks: what a reader sees of a page, and nothing that is hidden in it.

Nothing is fetched and nothing is executed. Scripts, forms, comments and whatever a style hides are
left out, since text that no person saw when the page was approved must not become an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import lxml.html
from lxml.etree import LxmlError, ParserError
from markdown_it import MarkdownIt

from core.errors import DataError
from kits.support.source.block import Block, clean_line, describe_row

_SILENT_NAMES = """
    script style template noscript iframe object embed svg math canvas audio video form button input select
    textarea nav footer aside head dialog
"""
_BLOCK_NAMES = """
    p div li ul ol dl dt dd table section article main header blockquote pre figure details h1 h2 h3 h4 h5 h6
"""
SILENT, BLOCKS = frozenset(_SILENT_NAMES.split()), frozenset(_BLOCK_NAMES.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|opacity\s*:\s*0(\.0+)?\s*(;|$|!)"
    r"|font-size\s*:\s*[01](\.\d+)?(px|pt|em|rem|%)?\s*(;|$|!)|(left|top|text-indent)\s*:\s*-\d{3,}"
    r"|clip\s*:\s*rect\(\s*0|(max-)?(height|width)\s*:\s*0(px)?\s*(;|$|!)",
    re.IGNORECASE,
)
_DEEPEST = 200


def read_html(text: str) -> list[Block]:
    """The visible blocks of an HTML page; of ``main`` or ``article`` alone where there is one.

    Raises:
        DataError: It is not HTML, or nested so deeply that no person wrote it.
    """
    if not text.strip():
        return []
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (LxmlError, ParserError, ValueError) as error:
        raise DataError(f"not readable as HTML ({error})") from error
    bodies = root.xpath("//main | //*[@role='main']") or root.xpath("//article") or root.xpath("//body")
    blocks = [block for body in bodies[:1] for block in _walk(body, 0)]
    title = clean_line(" ".join(root.xpath("//head/title//text()")))
    if title and not any(block.kind == "heading" and block.level == 1 for block in blocks):
        blocks.insert(0, Block("heading", title, 1))
    return blocks


def read_markdown(text: str) -> list[Block]:
    """The blocks of a Markdown page, by way of HTML: so raw HTML in it is treated like any other.

    Raises:
        DataError: It is nested so deeply that no person wrote it.
    """
    without_front = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return read_html(f"<body>{MarkdownIt('commonmark').enable('table').render(without_front)}</body>")


def _walk(element: lxml.html.HtmlElement, depth: int) -> Iterator[Block]:
    """The blocks of an element in their order; text between blocks is a block of its own."""
    if depth > _DEEPEST:
        raise DataError("nested too deeply")
    if _is_hidden(element):
        return
    if element.tag in _HEADINGS:
        yield from _block("heading", _text(element), _HEADINGS[element.tag])
    elif element.tag == "table":
        yield from _rows(element)
    elif not any(child.tag in BLOCKS for child in element.iterdescendants()):
        yield from _block("item" if element.tag in ("li", "dd") else "text", _text(element))
    else:
        kind = "item" if element.tag in ("li", "dd") else "text"
        loose = [element.text or ""]
        for child in element:
            if _stands_alone(child):
                yield from _block(kind, "".join(loose))
                loose = []
                yield from _walk(child, depth + 1)
            else:
                loose.append(_text(child))
            loose.append(child.tail or "")
        yield from _block(kind, "".join(loose))


def _stands_alone(element: lxml.html.HtmlElement) -> bool:
    return element.tag in BLOCKS or any(child.tag in BLOCKS for child in element.iterdescendants())


def _rows(table: lxml.html.HtmlElement) -> Iterator[Block]:
    header: Sequence[str] = ()
    for row in table.iter("tr"):
        if _is_hidden(row):
            continue
        cells = [cell for cell in row if cell.tag in ("td", "th") and not _is_hidden(cell)]
        texts = [clean_line(_text(cell)) for cell in cells]
        if not header and cells and all(cell.tag == "th" for cell in cells):
            header = texts
        else:
            yield from _block("row", describe_row(header, texts))


def _text(element: lxml.html.HtmlElement) -> str:
    """The visible text of an element without its tail."""
    if _is_hidden(element):
        return ""
    if element.tag == "br":
        return " "
    return "".join([element.text or "", *(part for child in element for part in (_text(child), child.tail or ""))])


def _is_hidden(element: lxml.html.HtmlElement) -> bool:
    if not isinstance(element.tag, str) or element.tag in SILENT:
        return True
    if "hidden" in element.attrib or element.get("aria-hidden") == "true":
        return True
    return bool(_HIDING.search(element.get("style", "")))


def _block(kind: str, text: str, level: int = 0) -> Iterator[Block]:
    line = clean_line(text)
    if line:
        yield Block(kind, line, level)  # type: ignore[arg-type]

"""PDF and Word documents as blocks."""

from __future__ import annotations

import io
import logging
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from core.errors import DataError
from kits.support.source.block import Block, clean_line, describe_row
from kits.support.source.plain import read_plain

MOST_PAGES = 2000
MOST_UNPACKED_BYTES = 200_000_000
_LARGER = 1.12
_LONGEST_HEADING = 120


def read_pdf(data: bytes) -> list[Block]:
    """The blocks of a PDF; lines in larger type than most are headings.

    Raises:
        DataError: It is damaged, locked by a password, too long, or has no text (a scan).
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError("locked by a password", fix="save it without one")
        if len(reader.pages) > MOST_PAGES:
            raise DataError("too many pages", got=len(reader.pages), expected=f"at most {MOST_PAGES}")
        pages = [_sized_lines(page) for page in reader.pages]
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError, AttributeError, IndexError) as error:
        raise DataError(f"not readable as PDF ({type(error).__name__})") from error
    if not any(pages):
        raise DataError("a PDF without text, such as a scan", fix="run it through text recognition first")
    sizes = Counter[float]()
    for lines in pages:
        for size, line in lines:
            sizes[size] += len(line)
    usual = sizes.most_common(1)[0][0]
    larger = sorted((size for size in sizes if size > usual * _LARGER), reverse=True)
    levels = {size: min(level, 6) for level, size in enumerate(larger, start=1)}
    return [block for number, lines in enumerate(pages, start=1) for block in _page_blocks(lines, levels, number)]


def read_docx(data: bytes) -> list[Block]:
    """The blocks of a Word document: its headings by their styles, paragraphs, lists and tables.

    Raises:
        DataError: It is damaged, or unpacks to more than any document is.
    """
    from docx import Document
    from docx.table import Table

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED_BYTES:
                raise DataError("unpacks to too much", expected=f"at most {MOST_UNPACKED_BYTES:,} bytes")
        document = Document(io.BytesIO(data))
        blocks: list[Block] = []
        for part in document.iter_inner_content():
            blocks.extend(_table_blocks(part) if isinstance(part, Table) else _paragraph_blocks(part))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError, AttributeError) as error:
        raise DataError(f"not readable as a Word document ({type(error).__name__})") from error
    return blocks


def _sized_lines(page: Any) -> list[tuple[float, str]]:
    """The lines of a page with the size of their type, empty lines as empty texts."""
    pieces: list[tuple[float, str]] = []

    def visit(text: str, matrix: Any, text_matrix: Any, font: Any, size: float) -> None:
        scale = abs(text_matrix[3] * matrix[3]) or 1.0
        pieces.append((round(float(size or 0) * scale, 1), text))

    page.extract_text(visitor_text=visit)
    lines: list[tuple[float, str]] = []
    current, largest = "", 0.0
    for size, text in pieces:
        for at, part in enumerate(text.split("\n")):
            if at:
                lines.append((largest, current))
                current, largest = "", 0.0
            current += part
            largest = max(largest, size) if part.strip() else largest
    lines.append((largest, current))
    return lines if any(line.strip() for _, line in lines) else []


def _page_blocks(lines: list[tuple[float, str]], levels: dict[float, int], page: int) -> Iterator[Block]:
    for level, group in groupby(lines, key=lambda line: levels.get(line[0], 0) if line[1].strip() else 0):
        text = "\n".join(line for _, line in group)
        heading = clean_line(text)
        if level and heading and len(heading) <= _LONGEST_HEADING:
            yield Block("heading", heading, level, page)
        else:
            yield from read_plain(text, page)


def _paragraph_blocks(paragraph: Any) -> Iterator[Block]:
    text = clean_line("".join(run.text for run in paragraph.runs if not run.font.hidden) or paragraph.text)
    if paragraph.runs and all(run.font.hidden for run in paragraph.runs):
        return
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    if not text:
        return
    if style == "Title":
        yield Block("heading", text, 1)
    elif style.startswith("Heading "):
        level = style.removeprefix("Heading ")
        yield Block("heading", text, min(6, int(level) + 1) if level.isdigit() else 2)
    else:
        yield Block("item" if style.startswith("List") else "text", text)


def _table_blocks(table: Any) -> Iterator[Block]:
    rows = [[clean_line(cell.text) for cell in row.cells] for row in table.rows]
    header = rows[0] if len(rows) > 1 else []
    for cells in rows[1:] if header else rows:
        if line := describe_row(header, cells):
            yield Block("row", line)

"""A knowledge base: a folder of pages, cut into passages that know their heading and their source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.console import progress
from core.data.encoding import MARKS, guess_encoding
from core.data.load import report_rejected
from core.data.row import Rejected
from core.errors import DataError
from kits.support.reading import detect_language
from kits.support.source.block import Block
from kits.support.source.loaded import Loaded
from kits.support.source.markup import read_html, read_markdown
from kits.support.source.office import read_docx, read_pdf
from kits.support.source.plain import read_plain

LARGEST_FILE_BYTES = 50_000_000
PASSAGE_WIDTH = 600
_TEXT_READERS: dict[str, Callable[[str], list[Block]]] = {
    ".md": read_markdown, ".markdown": read_markdown, ".html": read_html, ".htm": read_html, ".txt": read_plain,
}  # fmt: skip
_READERS: dict[str, Callable[[bytes], list[Block]]] = {".pdf": read_pdf, ".docx": read_docx}
ENDINGS = (*_TEXT_READERS, *_READERS)
_WIDE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a page that is found, cited and read as a whole.

    Attributes:
        id: ``source#section-number``; it stays the same while the sections above it change.
        text: The blocks, one a line; list items begin with ``- ``.
        heading: The headings above it, the title of the page first.
        source: The page: its path below the folder, with ``/``.
        locale: Language of the text: ``en`` or ``zh``.
        page: On which page of a PDF it begins, from 1; None where there are no pages.
    """

    id: str
    text: str
    heading: tuple[str, ...]
    source: str
    locale: str
    page: int | None = None

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.heading[0] if self.heading else self.source

    @property
    def search_text(self) -> str:
        """Headings and text together: what an index should read."""
        return "\n".join([" > ".join(self.heading), self.text]) if self.heading else self.text


def load_knowledge(folder: Path, width: int = PASSAGE_WIDTH) -> Loaded[Passage]:
    """Read all pages of a folder and the folders in it.

    Args:
        folder: Or a single file.
        width: How long passages may be, in Latin letters; a Chinese character counts as two.

    Returns:
        The passages, and the files that could not be read.

    Raises:
        DataError: There is no such folder, or no page in it.
    """
    if not folder.exists():
        raise DataError("no such folder", where=str(folder), expected="a folder of pages: " + " ".join(ENDINGS))
    root, files = (folder.parent, [folder]) if folder.is_file() else (folder, list(_pages(folder)))
    passages: list[Passage] = []
    rejected: list[Rejected] = []
    with progress("Reading pages", len(files)) as tick:
        for file in files:
            try:
                passages.extend(read_page(file, file.relative_to(root).as_posix(), width))
            except DataError as error:
                rejected.append(Rejected(str(file), str(error)))
            tick()
    report_rejected(rejected, len(files))
    if not passages:
        reason = f": {rejected[0].reason}" if rejected else ""
        raise DataError(f"no page could be read{reason}", where=str(folder), expected=" ".join(ENDINGS))
    return Loaded(passages, rejected)


def read_page(file: Path, source: str, width: int = PASSAGE_WIDTH) -> list[Passage]:
    """The passages of one page.

    Args:
        file: Where it lies.
        source: What it is called; its ending says what it is.
        width: How long passages may be.

    Raises:
        DataError: It cannot be read; the message names no path.
    """
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise _too_large()
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be opened ({error.strerror or error})") from error
    return parse_page(data, source, width)


def parse_page(data: bytes, source: str, width: int = PASSAGE_WIDTH) -> list[Passage]:
    """The passages of a page that is in memory.

    Args:
        data: The bytes of the file.
        source: What it is called; its ending says what it is.
        width: How long passages may be.

    Raises:
        DataError: It is of another kind, too large, damaged, or without text.
    """
    ending = PurePosixPath(source).suffix.lower()
    if ending not in ENDINGS:
        raise DataError("not a kind of page that is read", got=ending, expected=" ".join(ENDINGS))
    if len(data) > LARGEST_FILE_BYTES:
        raise _too_large()
    blocks = _READERS[ending](data) if ending in _READERS else _TEXT_READERS[ending](_decode(data))
    passages = cut_passages(blocks, source, width)
    if not passages:
        raise DataError("a page without text")
    return passages


def cut_passages(blocks: Sequence[Block], source: str, width: int = PASSAGE_WIDTH) -> list[Passage]:
    """Blocks put together to passages; none reaches over a heading."""
    passages: list[Passage] = []
    path: dict[int, str] = {}
    numbers: dict[str, int] = {}
    lines: list[str] = []
    page: int | None = None

    def flush() -> None:
        nonlocal page
        if lines:
            heading = tuple(path[level] for level in sorted(path))
            section = _slug(heading[-1]) if heading else "text"
            numbers[section] = numbers.get(section, 0) + 1
            text = "\n".join(lines)
            name = f"{source}#{section}-{numbers[section]}"
            passages.append(Passage(name, text, heading, source, detect_language(text), page))
        lines.clear()
        page = None

    for block in blocks:
        if block.kind == "heading":
            flush()
            path = {level: text for level, text in path.items() if level < block.level} | {block.level: block.text}
            continue
        for piece in _pieces(block, width):
            if lines and sum(map(_width, lines)) + _width(piece) > width:
                flush()
            page = page or block.page
            lines.append(piece)
    flush()
    return passages


def _too_large() -> DataError:
    return DataError("too large", expected=f"at most {LARGEST_FILE_BYTES:,} bytes", fix="divide it")


def _decode(data: bytes) -> str:
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "") or guess_encoding(data)[0]
    return data.decode(encoding, "replace").removeprefix("\ufeff")


def _pages(folder: Path) -> Iterator[Path]:
    """The pages of a folder in the order of their names, leaving out hidden files and links that lead out."""
    inside = folder.resolve()
    for file in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in ENDINGS and not is_hidden and file.is_file():
            if not file.resolve().is_relative_to(inside):
                continue
            yield file


def _pieces(block: Block, width: int) -> Iterator[str]:
    """A block as lines that are no longer than a passage, cut between sentences where it is longer."""
    mark = "- " if block.kind == "item" else ""
    if _width(block.text) <= width:
        yield mark + block.text
        return
    piece = mark
    for sentence in _SENTENCE_END.split(block.text):
        while _width(sentence) > width:
            yield sentence[: width // 2]
            sentence = sentence[width // 2 :]
        if piece.strip() and _width(piece) + _width(sentence) > width:
            yield piece.strip()
            piece = ""
        piece += sentence if _WIDE.search(piece[-1:]) else f" {sentence}"
    if piece.strip():
        yield piece.strip()


def _width(text: str) -> int:
    return len(text) + len(_WIDE.findall(text))


def _slug(heading: str) -> str:
    """A heading as part of an id.

    >>> _slug("How to change the limit?")
    'how-to-change-the-limit'
    """
    return re.sub(r"[\W_]+", "-", heading.casefold()).strip("-")[:60] or "section"

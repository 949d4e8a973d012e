"""CSV and TSV as rows, each with the physical line where it begins.

The standard ``csv`` module reads what is quoted. What it does not do is the reason for this
module: one bad record must not take the following ones with it. A quote that is never closed
costs its own line; reading goes on at the next one.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from core.data.line import Line
from core.data.row import CELL_LIMIT_CHARACTERS, Record, Rejected, Row
from core.errors import DataError

RECORD_LIMIT_LINES = 1_000
DELIMITERS = (",", ";", "\t")
LONG_CELL = f"a cell longer than {CELL_LIMIT_CHARACTERS:,} characters"
NEVER_CLOSED = "a quote opened on this line is not closed properly"
NOT_DOUBLED = 'a quote inside a quoted cell is not doubled ("")'


class _Feed:
    """Lines that can be handed back, to be read again in another way."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._returned: deque[Line] = deque()

    def take(self) -> Line | None:
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def hand_back(self, lines: list[Line]) -> None:
        self._returned.extendleft(reversed(lines))


@dataclass(frozen=True, slots=True)
class _Cells:
    """One record: its lines, and its cells or why there are none."""

    lines: list[Line]
    cells: list[str]
    fault: str = ""
    is_broken_quote: bool = False

    @property
    def number(self) -> int:
        return self.lines[0].number


def stream_delimited(lines: Iterator[Line], where: str, delimiter: str | None = None) -> Iterator[Record]:
    """The rows below a header line.

    Args:
        lines: The physical lines.
        where: The file's name, for places.
        delimiter: What stands between cells; None: the header decides between , ; and tab.

    Raises:
        DataError: The header cannot be used.
    """
    feed = _Feed(lines)
    first = _skip_blank(feed)
    if first is None:
        return
    delimiter = delimiter or guess_delimiter(first.text)
    names = _read_header(first, feed, delimiter, where)
    broken_at = 0
    while (first := _skip_blank(feed)) is not None:
        record = _read_cells(first, feed, delimiter, width=len(names))
        place, fault = f"{where}:{record.number}", record.fault
        if not fault and len(record.cells) != len(names):
            fault = f"{_count(record.cells)} where the header has {len(names)}"
        if broken_at and len(record.lines) == 1 and record.lines[0].text.count('"') % 2:
            fault = f"left over from the record that begins on line {broken_at}: {fault or 'a stray quote'}"
        elif record.is_broken_quote:
            broken_at = record.number
        elif not fault:
            broken_at = 0
        yield Rejected(place, fault) if fault else Row(dict(zip(names, record.cells, strict=True)), place)


def _skip_blank(feed: _Feed) -> Line | None:
    """The next line that is not blank; blank lines are no records."""
    while (line := feed.take()) is not None:
        if line.fault or line.text.strip("\r\n"):
            return line
    return None


def _read_cells(first: Line, feed: _Feed, delimiter: str, width: int | None = None) -> _Cells:
    """The cells of the record that begins on a line and may go on over the next ones.

    Args:
        first: The line.
        feed: The lines after it.
        delimiter: What stands between cells.
        width: How many cells there should be; None in the header.
    """
    if first.is_cut:
        return _Cells([first], [], first.fault)
    if '"' not in first.text:
        cells = first.text.rstrip("\r\n").split(delimiter)
        return _Cells([first], cells, first.fault or _check_length(cells))
    taken = [first]
    # The module's own limit is smaller and belongs to the whole process: only ever raise it.
    csv.field_size_limit(max(csv.field_size_limit(), CELL_LIMIT_CHARACTERS))
    try:
        cells = next(csv.reader(_supply(feed, taken), delimiter=delimiter, strict=True))
    except csv.Error as error:
        feed.hand_back(taken[1:])
        if len(taken) == 1 and "field limit" in str(error):
            return _Cells([first], [], LONG_CELL)
        is_open = len(taken) > 1 or "end of data" in str(error)
        return _Cells([first], [], first.fault or (NEVER_CLOSED if is_open else NOT_DOUBLED), True)
    if width and len(cells) != width and any(is_plain_row(line, delimiter, width) for line in taken[1:]):
        feed.hand_back(taken[1:])
        return _Cells([first], [], NEVER_CLOSED, True)
    fault = next((line.fault for line in taken if line.fault), "")
    return _Cells(taken, cells, fault or _check_length(cells))


def _supply(feed: _Feed, taken: list[Line]) -> Iterator[str]:
    """The text of a record line by line; ``taken`` remembers what was asked for."""
    yield taken[0].text
    while len(taken) < RECORD_LIMIT_LINES and (line := feed.take()) is not None:
        taken.append(line)
        if line.is_cut:
            return
        yield line.text


def is_plain_row(line: Line, delimiter: str, width: int) -> bool:
    """Whether a line inside a quoted cell looks like a row of its own."""
    return width > 1 and '"' not in line.text and line.text.count(delimiter) + 1 == width


def _check_length(cells: list[str]) -> str:
    for cell in cells:
        if len(cell) > CELL_LIMIT_CHARACTERS:
            return LONG_CELL
    return ""


def _count(cells: list[str]) -> str:
    return "1 cell" if len(cells) == 1 else f"{len(cells)} cells"


def guess_delimiter(header: str) -> str:
    """The separator that the header speaks for; a comma when it says nothing.

    >>> guess_delimiter("text;label")
    ';'
    """
    outside_quotes = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=lambda mark: (outside_quotes.count(mark), mark == ","))


def _read_header(first: Line, feed: _Feed, delimiter: str, where: str) -> list[str]:
    """The column names; one left empty is called ``column N`` after its position."""
    header = _read_cells(first, feed, delimiter)
    place = f"{where}:{header.number}"
    if header.fault:
        raise DataError(f"the header cannot be read ({header.fault})", where=place)
    names = [name.strip() for name in header.cells]
    if not any(names):
        raise DataError("the header has no column names", where=place, fix="name the columns first")
    names = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    check_names(names, place)
    return names


def check_names(names: list[str], where: str) -> None:
    """Make sure that no two columns have the same name.

    Raises:
        DataError: Some have; the message names them.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(repr(name) for name in twice[:10])
        raise DataError(f"column names stand twice: {listed}", where=where, fix="rename one of each")

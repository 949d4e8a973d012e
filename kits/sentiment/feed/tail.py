"""One text file read on from where it was left: whole records, and the position behind them.

A line counts when its end has been written, a CSV record when its last quote has. What is half
written is left for the next look, unless the file is final.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from core.data.delimited import (
    NEVER_CLOSED,
    RECORD_LIMIT_LINES,
    guess_delimiter,
    is_plain_row,
    stream_delimited,
)
from core.data.encoding import SAMPLE_BYTES, UTF8_MARK, detect_encoding, guess_encoding
from core.data.jsonl import read_object
from core.data.line import CHUNK_BYTES, LINE_LIMIT_BYTES, Line, make_line
from core.data.row import Record as FileRecord
from core.data.row import Rejected
from core.errors import DataError
from kits.sentiment.feed.intake import LIMIT_RAW_CHARACTERS
from kits.sentiment.feed.record import DeadRecord, FeedError, Record

MARK_BYTES = 1_024
DELIMITED = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file was read.

    Attributes:
        inode: The file's number: its name may belong to another one tomorrow.
        offset: Bytes that were read.
        line: Physical lines that were read.
        header: Bytes of the header of a CSV file; 0 while it has none.
        encoding: How it is written; "" while all that was read is ASCII.
        is_inside: Of a line that is too long: the rest of it is to be skipped.
        mark: Digest of the last bytes before the offset: another file has others there.
    """

    inode: int
    offset: int = 0
    line: int = 0
    header: int = 0
    encoding: str = ""
    is_inside: bool = False
    mark: str = ""

    def dump(self) -> str:
        """As the text of a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))


def load_position(cursor: str) -> Position | None:
    """What ``Position.dump`` wrote; None if it is something else."""
    try:
        return Position(**json.loads(cursor))
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read of a file.

    Attributes:
        records: Whole ones.
        position: Behind them.
        is_end: There is no further whole record.
    """

    records: tuple[Record | DeadRecord, ...]
    position: Position
    is_end: bool


def take_mark(file: BinaryIO, offset: int) -> str:
    """A digest of the bytes before an offset."""
    size = min(offset, MARK_BYTES)
    return hashlib.sha256(os.pread(file.fileno(), size, offset - size)).hexdigest()[:16] if size else ""


def is_same_file(file: BinaryIO, position: Position) -> bool:
    """Whether what was read of a file still stands in it."""
    status = os.fstat(file.fileno())
    if status.st_ino != position.inode or status.st_size < position.offset:
        return False
    return take_mark(file, position.offset) == position.mark


def read_piece(file: BinaryIO, path: Path, position: Position, limit: int, *, is_final: bool) -> Piece:
    """Read on in a file.

    Args:
        file: Open for reading.
        path: Its name, for places; the ending says what it holds.
        position: Where to begin; it is in the file.
        limit: Most records.
        is_final: Nothing more will be written: the last line counts without an end.

    Raises:
        FeedError: The header cannot be used, or the file is in an encoding that cannot be followed.
        OSError: The file cannot be read.
    """
    position = _settle_encoding(file, path, position)
    lines = _Lines(file, position, is_final)
    is_delimited = path.suffix.lower() in DELIMITED
    records: list[Record | DeadRecord] = []
    header = position.header
    try:
        for record in _parse(lines, file, path, position):
            number = int(record.place.rpartition(":")[2])
            header = header or (lines.starts[number] if is_delimited else 0)
            if len(records) == limit or (is_delimited and not is_final and lines.may_go_on(record, number)):
                piece_end = replace(position, offset=lines.starts[number], line=number - 1, header=header)
                return Piece(tuple(records), _mark(file, piece_end), is_end=len(records) < limit)
            records.append(_convert(record, lines.texts.get(number, "")))
    except DataError as error:
        raise FeedError(error.what, where=error.where, expected=error.expected, fix=error.fix) from None
    if is_delimited and not header:  # nothing but a header so far: it is read again
        return Piece((), replace(position, offset=0, line=0), is_end=True)
    end = replace(position, offset=lines.end, line=lines.count, header=header, is_inside=lines.is_inside)
    return Piece(tuple(records), _mark(file, end), is_end=True)


class _Lines:
    """The physical lines from a position, with the place where each begins.

    Attributes:
        starts: Line number to byte offset.
        texts: Line number to the line's beginning.
        count: Lines that were read, with those before the position.
        end: The offset behind the last one.
        is_inside: The last one was too long and has no end yet.
        is_used_up: There is no further line.
    """

    def __init__(self, file: BinaryIO, position: Position, is_final: bool) -> None:
        self._file, self._is_final, self._encoding = file, is_final, position.encoding or "utf-8"
        self.starts: dict[int, int] = {}
        self.texts: dict[int, str] = {}
        self.count, self.end, self.is_inside = position.line, position.offset, position.is_inside
        self.is_used_up = False
        self.shape: tuple[str, int] = ("", 0)

    def __iter__(self) -> Iterator[Line]:
        self._file.seek(self.end)
        if self.is_inside:
            self._skip_rest()
        while raw := self._file.readline(LINE_LIMIT_BYTES + 1):
            is_cut = len(raw) > LINE_LIMIT_BYTES
            if not (raw.endswith(b"\n") or is_cut or self._is_final):
                break
            self.count += 1
            self.starts[self.count] = self.end
            self.end += len(raw)
            if is_cut and not raw.endswith(b"\n"):
                self._skip_rest()
            line = make_line(self.count, raw.removeprefix(UTF8_MARK) if self.count == 1 else raw, self._encoding)
            self.texts[self.count] = line.text[: 2 * LIMIT_RAW_CHARACTERS]
            yield make_line(self.count, b"", self._encoding, is_cut=True) if is_cut else line
        self.is_used_up = True

    def _skip_rest(self) -> None:
        """Go behind the end of a line that is too long; it may not have been written yet."""
        self.is_inside = True
        while self.is_inside and (raw := self._file.readline(CHUNK_BYTES)):
            self.end += len(raw)
            self.is_inside = not raw.endswith(b"\n")

    def may_go_on(self, record: FileRecord, number: int) -> bool:
        """Whether a CSV record looks broken only because its end has not been written yet."""
        if not (self.is_used_up and isinstance(record, Rejected) and record.reason == NEVER_CLOSED):
            return False
        later = [Line(after, self.texts[after]) for after in range(number + 1, self.count + 1)]
        return len(later) < RECORD_LIMIT_LINES and not any(is_plain_row(line, *self.shape) for line in later)


def _settle_encoding(file: BinaryIO, path: Path, position: Position) -> Position:
    """The position with the encoding, once there is a line that is not ASCII."""
    if position.encoding:
        return position
    sample = os.pread(file.fileno(), SAMPLE_BYTES, position.offset)
    encoding = guess_encoding(sample.rpartition(b"\n")[0])[0] if position.offset else detect_encoding(path)[0]
    if encoding.startswith("utf-16"):
        raise FeedError("is written in UTF-16", where=str(path), fix="save it as UTF-8")
    return position if sample.isascii() else replace(position, encoding=encoding)


def _parse(lines: _Lines, file: BinaryIO, path: Path, position: Position) -> Iterator[FileRecord]:
    if path.suffix.lower() not in DELIMITED:
        return _parse_objects(lines, str(path))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else None
    header = _read_header(file, position)
    shown = chain(header, lines)
    first = next((line for line in shown if line.text.strip()), None)
    if first is None:
        return iter(())
    mark = delimiter or guess_delimiter(first.text)
    lines.shape = (mark, first.text.count(mark) + 1)
    return stream_delimited(chain([first], shown), str(path), delimiter)


def _parse_objects(lines: _Lines, where: str) -> Iterator[FileRecord]:
    for line in lines:
        place = f"{where}:{line.number}"
        if line.number == 1 and line.text.strip() == "[":
            fix = f"turn it into lines: jq -c '.[]' {where} > rows.jsonl"
            raise FeedError("is one JSON array", where=place, expected="one object per line", fix=fix)
        if line.fault:
            yield Rejected(place, line.fault)
        elif line.text.strip():
            yield read_object(line.text, place)


def _read_header(file: BinaryIO, position: Position) -> list[Line]:
    """The lines of a CSV header that was read before."""
    raw = os.pread(file.fileno(), position.header, 0).removeprefix(UTF8_MARK)
    pieces = raw.splitlines(keepends=True) if position.header else []
    return [make_line(number, piece, position.encoding or "utf-8") for number, piece in enumerate(pieces, start=1)]


def _convert(record: FileRecord, raw: str) -> Record | DeadRecord:
    if isinstance(record, Rejected):
        return DeadRecord(record.place, record.reason, raw)
    return Record(record.values, record.place)


def _mark(file: BinaryIO, position: Position) -> Position:
    return replace(position, mark=take_mark(file, position.offset))

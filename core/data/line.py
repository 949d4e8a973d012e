r"""Bytes as numbered physical lines, in constant memory whatever the file holds.

A line ends at ``\n``, ``\r\n`` or ``\r``, as an editor counts them, and keeps its end. What is
wrong with a line (broken bytes, NUL, too long) is said on the line itself, so that its reader
rejects one record and goes on.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from core.data.encoding import UTF8_MARK

CHUNK_BYTES = 65_536
LINE_LIMIT_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line.

    Attributes:
        number: Counted from 1.
        text: With its line end; with replacement characters where bytes are broken; empty when
            the line is too long.
        fault: Why no record may be made of it, or empty.
        is_cut: Whether it was too long to be kept.
    """

    number: int
    text: str
    fault: str = ""
    is_cut: bool = False


def read_lines(stream: IO[bytes], encoding: str) -> Iterator[Line]:
    """The lines of a byte stream; a byte-order mark at its beginning is skipped."""
    for number, (raw, is_cut) in enumerate(_split(_read_chunks(stream, encoding)), start=1):
        if number == 1:
            raw = raw.removeprefix(UTF8_MARK) if encoding.startswith("utf") else raw
        if raw:
            yield make_line(number, raw, encoding, is_cut=is_cut)


def make_line(number: int, raw: bytes, encoding: str, *, is_cut: bool = False) -> Line:
    """A line out of its bytes, with what is wrong with it.

    Args:
        number: Counted from 1.
        raw: With the line end; of a UTF-16 file in UTF-8.
        encoding: Of the file.
        is_cut: It was too long to be kept.
    """
    if is_cut:
        return Line(number, "", f"longer than {LINE_LIMIT_BYTES:,} bytes", is_cut=True)
    codec = "utf-8" if encoding.startswith("utf-16") else encoding
    try:
        text, fault = raw.decode(codec), ""
    except UnicodeDecodeError as error:
        text = raw.decode(codec, "replace")
        fault = f"not valid {encoding.upper()} at byte {error.start + 1} of the line"
    if "\0" in text:
        fault = fault or f"a NUL byte at character {text.index(chr(0)) + 1}"
    return Line(number, text, fault)


def _read_chunks(stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    """Chunks in which a line end is the byte that it is in ASCII: UTF-16 becomes UTF-8."""
    if not encoding.startswith("utf-16"):
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
        return
    # A lone surrogate passes through as bytes that are not UTF-8: its line is found at fault.
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    while chunk := stream.read(CHUNK_BYTES):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"  # half a character at the end: the last line is at fault


def _split(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines with their ends, and whether a line was cut for being too long."""
    pending, is_cut = b"", False
    for chunk in chunks:
        parts = (pending + chunk).splitlines(keepends=True)
        if not parts:
            continue
        # What ends in "\r" may be the first half of "\r\n".
        pending = b"" if parts[-1].endswith(b"\n") else parts.pop()
        for part in parts:
            yield part, is_cut or len(part) > LINE_LIMIT_BYTES
            is_cut = False
        if len(pending) > LINE_LIMIT_BYTES:
            pending, is_cut = pending[-1:], True
    if pending:
        yield pending, is_cut or len(pending) > LINE_LIMIT_BYTES

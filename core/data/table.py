"""Files, folders, SQL and standard input as rows that remember their place.

``stream_rows`` reads in constant memory, ``read_table`` keeps everything. Whatever cannot be
read becomes a ``Rejected`` with its place and reason; whatever makes the whole source useless
is a ``DataError``. Nothing is dropped silently and no value is coerced: that is for ``columns``.

>>> table = read_table("sample_data/news.csv")        # doctest: +SKIP
>>> table.rows[0].place, table.rejected[0].reason     # doctest: +SKIP
('sample_data/news.csv:2', '2 cells where the header has 3')
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.data.columnar import is_hub_folder, stream_hub_folder, stream_parquet
from core.data.delimited import stream_delimited
from core.data.encoding import detect_encoding
from core.data.jsonl import stream_jsonl
from core.data.line import read_lines
from core.data.row import Record, Rejected, Row
from core.data.source import check_file, find_path, list_folder
from core.data.sql import hide_password, stream_sql
from core.data.write import write_rows
from core.errors import DataError

__all__ = ["Rejected", "Row", "Table", "hide_password", "read_table", "stream_rows", "write_rows"]

STANDARD_INPUT = "-"
logger = logging.getLogger("fieldkits")


@dataclass(frozen=True)
class Table:
    """All of a source.

    Attributes:
        source: What was read; a database's password is left out.
        columns: The column names, in the order in which they are first met.
        rows: What could be read.
        rejected: What could not.
    """

    source: str
    columns: tuple[str, ...]
    rows: list[Row]
    rejected: list[Rejected]


def read_table(source: str) -> Table:
    """Read a whole source into memory; ``stream_rows`` says what a source may be."""
    columns: dict[str, None] = {}
    rows: list[Row] = []
    rejected: list[Rejected] = []
    for record in stream_rows(source):
        if isinstance(record, Row):
            rows.append(record)
            columns.update(dict.fromkeys(record.values))
        else:
            rejected.append(record)
    return Table(hide_password(source), tuple(columns), rows, rejected)


def stream_rows(source: str) -> Iterator[Row | Rejected]:
    """The records of a source one after the other, in constant memory.

    Args:
        source: A .csv, .tsv, .jsonl, .ndjson, .json (one object per line) or .parquet file; a
            folder of them; a Hugging Face dataset on disk; ``-`` for JSON lines on standard
            input; a database URL with ``?table=NAME`` or ``?query=SELECT …``.

    Raises:
        DataError: The source is missing, is something else than its name says, or has no rows.
    """
    is_empty = True
    try:
        for record in _open_source(source):
            is_empty = False
            yield record
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=hide_password(source)) from error
    if is_empty:
        raise DataError("has no rows: it is empty or has only a header", where=hide_password(source))


def _open_source(source: str) -> Iterator[Record]:
    if source == STANDARD_INPUT:
        return stream_jsonl(read_lines(sys.stdin.buffer, "utf-8"), "stdin")
    if "://" in source:
        return stream_sql(source)
    path = find_path(source)
    return _stream_folder(path) if path.is_dir() else _stream_file(path)


def _stream_folder(folder: Path) -> Iterator[Record]:
    if is_hub_folder(folder):
        yield from stream_hub_folder(folder)
        return
    files, others = list_folder(folder)
    if others:
        logger.info("%s: not read, being of another kind: %s", folder, ", ".join(others))
    for path in files:
        find_path(str(path))
        yield from _stream_file(path)


def _stream_file(path: Path) -> Iterator[Record]:
    check_file(path)
    ending = path.suffix.lower()
    if ending == ".parquet":
        yield from stream_parquet(path)
        return
    encoding, reason = detect_encoding(path)
    if encoding != "utf-8":
        logger.info("%s: read as %s (%s)", path, encoding, reason)
    with path.open("rb") as stream:
        lines = read_lines(stream, encoding)
        if ending in (".csv", ".tsv"):
            yield from stream_delimited(lines, str(path), "\t" if ending == ".tsv" else None)
        else:
            yield from stream_jsonl(lines, str(path))

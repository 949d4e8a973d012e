"""Rows back into a file of the format of its ending: whole or not at all.

Rows stream through; the file takes its name only when the last one is written. Text in CSV
that a spreadsheet would run as a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from core.errors import DataError

BATCH_ROWS = 10_000
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
LIST_SEPARATOR = ";"
Values = Mapping[str, object]


def write_rows(target: str, rows: Iterable[Values], example: Values | None = None) -> int:
    """Write rows to a file, or as JSON lines to standard output.

    Args:
        target: A path ending in .csv, .tsv, .jsonl, .ndjson or .parquet, or ``-``.
        rows: The first row's keys are the columns of CSV and Parquet; a later row may leave some
            out. Lists are joined with ``;`` in CSV; NaN becomes null.
        example: A row with a value in every column, which is not written: Parquet needs to know
            the kind of a column that may begin empty.

    Returns:
        How many rows were written.

    Raises:
        DataError: The ending is unknown, the file cannot be written, or a row does not fit.
    """
    if target == "-":
        count = _write_jsonl(sys.stdout, rows, "standard output")
        sys.stdout.flush()
        return count
    path = Path(target).resolve()  # a link keeps pointing at the file that is replaced
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        what = f"a file ending in {path.suffix!r} is not written"
        raise DataError(what, where=target, expected=f"{' '.join(WRITERS)} or -")
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if write is _write_parquet_file:
            count = _write_parquet_file(partial, rows, target, example)
        else:
            count = write(partial, rows, target)
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror or error})", where=target) from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write_csv_file(path: Path, rows: Iterable[Values], where: str, delimiter: str = ",") -> int:
    with path.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        # The writer quotes its own line end only; a lone "\r" must not end a row either.
        quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        columns: list[str] | None = None
        count = 0
        for count, row in enumerate(rows, start=1):
            if columns is None:
                columns = list(row)
                plain.writerow([_to_cell(name) for name in columns])
            _check_columns(row, columns, f"{where}, row {count}")
            cells = [_to_cell(row.get(name)) for name in columns]
            try:
                (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)
            except UnicodeEncodeError:
                raise _broken_text(f"{where}, row {count}") from None
    return count


def _write_tsv_file(path: Path, rows: Iterable[Values], where: str) -> int:
    return _write_csv_file(path, rows, where, delimiter="\t")


def _write_jsonl_file(path: Path, rows: Iterable[Values], where: str) -> int:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        return _write_jsonl(file, rows, where)


def _write_jsonl(file: IO[str], rows: Iterable[Values], where: str) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):
        line = json.dumps(_to_json(row), ensure_ascii=False, allow_nan=False)
        try:
            file.write(line + "\n")
        except UnicodeEncodeError:
            raise _broken_text(f"{where}, row {count}") from None
    return count


def _write_parquet_file(path: Path, rows: Iterable[Values], where: str, example: Values | None = None) -> int:
    import pyarrow
    from pyarrow import parquet

    stream = iter(rows)
    first = list(islice(stream, BATCH_ROWS))
    known = first if example is None else [example, *first]
    columns = list(known[0]) if known else []
    count = 0
    try:
        schema = _keep_open(pyarrow.Table.from_pylist([dict(row) for row in known]).schema)
        with parquet.ParquetWriter(path, schema) as writer:
            for batch in _batches(chain(first, stream)):
                for number, row in enumerate(batch, start=count + 1):
                    _check_columns(row, columns, f"{where}, row {number}")
                writer.write_table(pyarrow.Table.from_pylist([dict(row) for row in batch], schema=schema))
                count += len(batch)
    except (pyarrow.ArrowException, UnicodeEncodeError) as error:
        what = f"a column holds values of two kinds ({str(error).splitlines()[0][:120]})"
        raise DataError(what, where=f"{where}, after row {count}", fix="write .jsonl") from None
    return count


def _keep_open(schema: Any) -> Any:
    """A schema in which a column that has been empty so far may still hold text."""
    import pyarrow

    for position, field in enumerate(schema):
        if pyarrow.types.is_null(field.type):
            schema = schema.set(position, field.with_type(pyarrow.string()))
    return schema


def _batches(rows: Iterable[Values]) -> Iterator[list[Values]]:
    stream = iter(rows)
    while batch := list(islice(stream, BATCH_ROWS)):
        yield batch


def _check_columns(row: Values, columns: list[str], where: str) -> None:
    if extra := [name for name in row if name not in columns]:
        what = f"a column that the first row has not: {extra[0]!r}"
        raise DataError(what, where=where, expected=", ".join(columns))


def _to_cell(value: object) -> str:
    """A value as the text of a CSV cell; only text can be taken for a formula, numbers cannot."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if value.startswith(FORMULA_BEGINNINGS) else value
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return _to_cell(LIST_SEPARATOR.join("" if item is None else str(item) for item in items))
    if isinstance(value, Mapping):
        return json.dumps(_to_json(value), ensure_ascii=False)
    plain = _to_json(value)
    return "" if plain is None else str(plain).lower() if isinstance(plain, bool) else str(plain)


def _to_json(value: object) -> object:
    """A value as JSON knows it: numpy numbers become plain ones, times ISO 8601, NaN null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return [_to_json(inner) for inner in sorted(value, key=str)]
    if isinstance(value, date):
        return value.isoformat()
    to_plain = getattr(value, "tolist", None)  # numpy scalars and arrays
    return _to_json(to_plain()) if to_plain else str(value)


def _broken_text(where: str) -> DataError:
    return DataError("half a character (a lone surrogate) cannot be written", where=where)


WRITERS: dict[str, Callable[[Path, Iterable[Values], str], int]] = {
    ".csv": _write_csv_file,
    ".tsv": _write_tsv_file,
    ".jsonl": _write_jsonl_file,
    ".ndjson": _write_jsonl_file,
    ".parquet": _write_parquet_file,
}

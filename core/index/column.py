"""Metadata by name instead of by document, so that a filter looks at each distinct value once."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.instant import parse_instant
from core.index.document import Document, Scalar

Test = Callable[[Scalar], bool]
Condition = Scalar | Collection[Scalar] | Test
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents may be found; what is not named is not asked for.

    Attributes:
        fields: Metadata name to the value it must have, the values it may have, or a test of it. A
            document without the name has the value None.
        allowed: Only these ids.
        forbidden: None of these ids.
    """

    fields: Mapping[str, Condition] = field(default_factory=dict)
    allowed: Collection[str] | None = None
    forbidden: Collection[str] = ()


class Column:
    """The values of one name in one segment.

    Args:
        codes: Position of each row's value ``(rows,)`` int32; -1 where it has none.
        table: The distinct values as a JSON list; read when a filter first asks.
    """

    def __init__(self, codes: NDArray[np.int32], table: bytes) -> None:
        self.codes, self.table = codes, table

    @cached_property
    def values(self) -> list[Scalar]:
        """The distinct values."""
        values: list[Scalar] = json.loads(self.table)
        return values

    def value(self, row: int) -> Scalar:
        """The value of one row."""
        code = self.codes[row]
        return self.values[code] if code >= 0 else None

    def match(self, condition: Condition) -> Mask:
        """Which rows fulfil a condition ``(rows,)``."""
        test = _to_test(condition)
        verdicts = [test(value) for value in self.values]
        return np.array([*verdicts, test(None)], dtype=bool)[self.codes]  # code -1 is the last one


def build_columns(documents: Sequence[Document]) -> dict[str, Column]:
    """The metadata of documents, by name."""
    names = sorted({name for document in documents for name in document.metadata})
    return {name: _encode([document.metadata.get(name) for document in documents]) for name in names}


def merge_columns(parts: Sequence[tuple[Mapping[str, Column], NDArray[np.int64]]]) -> dict[str, Column]:
    """The columns of chosen rows of several segments, one after the other.

    Args:
        parts: Columns of a segment, and the rows to keep of it.
    """
    merged = {}
    for name in sorted({name for columns, _ in parts for name in columns}):
        values: dict[str, int] = {}
        codes = [_recode(columns.get(name), rows, values) for columns, rows in parts]
        merged[name] = Column(np.concatenate(codes), f"[{','.join(values)}]".encode())
    return merged


def match_fields(columns: Mapping[str, Column], fields: Mapping[str, Condition], rows: int) -> Mask:
    """Which rows fulfil all conditions ``(rows,)``."""
    matched = np.ones(rows, dtype=bool)
    for name, condition in fields.items():
        if name in columns:
            matched &= columns[name].match(condition)
        elif not _to_test(condition)(None):
            matched[:] = False
    return matched


def valid_at(moment: datetime | str, begin: str = "valid_from", end: str = "valid_until") -> dict[str, Condition]:
    """Conditions on two names: the document holds at a moment, from ``begin`` on and until before ``end``.

    A day stands for its first instant, in UTC. A document without a limit holds on that side for ever;
    one whose limit cannot be read is not found, since nobody can say that it holds.

    Raises:
        ValueError: ``moment`` is no time.
    """
    now = parse_instant(moment)


    def has_begun(value: Scalar) -> bool:
        limit = _read_instant(value)
        return value is None or (limit is not None and limit <= now)

    def has_not_ended(value: Scalar) -> bool:
        limit = _read_instant(value)
        return value is None or (limit is not None and now < limit)

    return {begin: has_begun, end: has_not_ended}


@lru_cache(maxsize=10_000)
def _read_instant(value: Scalar) -> datetime | None:
    try:
        return parse_instant(value)
    except ValueError:
        return None


def _to_test(condition: Condition) -> Test:
    if callable(condition):
        return condition
    if isinstance(condition, Collection) and not isinstance(condition, str):
        wanted = {_key(value) for value in condition}
        return lambda value: _key(value) in wanted
    return lambda value: _key(value) == _key(condition)


def _key(value: Scalar) -> tuple[bool, Scalar]:
    """A value that is equal to none of another kind: Python takes True for 1."""
    return isinstance(value, bool), value


def _encode(values: Sequence[Scalar]) -> Column:
    table: dict[str, int] = {}
    codes = [-1 if value is None else table.setdefault(_to_json(value), len(table)) for value in values]
    return Column(np.array(codes, dtype=np.int32), f"[{','.join(table)}]".encode())


def _recode(column: Column | None, rows: NDArray[np.int64], table: dict[str, int]) -> NDArray[np.int32]:
    """The codes of chosen rows in a table of values that several columns share and add to."""
    if column is None:
        return np.full(len(rows), -1, dtype=np.int32)
    codes = column.codes[rows]
    used = np.unique(codes[codes >= 0])
    renamed = np.full(len(column.values) + 1, -1, dtype=np.int32)
    renamed[used] = [table.setdefault(_to_json(column.values[code]), len(table)) for code in used]
    return renamed[codes]


def _to_json(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)

"""A row of a source, or the reason why it could not be read: both know their place."""

from __future__ import annotations

from dataclasses import dataclass

CELL_LIMIT_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a source.

    Attributes:
        values: Column name to value: text from CSV, native values from JSON, Parquet and SQL.
        place: Where the record begins: ``news.csv:12`` (the physical line; the header is line
            1), ``news.parquet:row 12``, ``sqlite:///x.db?table=t:row 3``.
    """

    values: dict[str, object]
    place: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that could not be read, with its place and the reason.

    Attributes:
        place: As in ``Row``.
        reason: What is wrong with it, in one line.
    """

    place: str
    reason: str


Record = Row | Rejected

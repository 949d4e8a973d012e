"""Rows of a kind of their own, read from tables: what can be used, and what cannot with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.config import DataConfig
from core.data.columns import Column
from core.data.load import Record, report_rejected, stream_records
from core.data.row import Rejected
from core.errors import DataError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Item]):
    """Everything that was read.

    Attributes:
        items: What can be used, in the order of the sources.
        rejected: What cannot, with place and reason.
    """

    items: list[Item]
    rejected: list[Rejected]


def load_rows(
    sources: Sequence[str],
    columns: Sequence[Column],
    required: Sequence[str],
    make: Callable[[Record, str], Item | Rejected],
    config: DataConfig | None = None,
) -> Loaded[Item]:
    """Read all rows of tables, and say what could not be used.

    Args:
        sources: Files, folders or SQL URLs.
        columns: The columns that are known.
        required: Those that every source must have.
        make: Turns a record and its place into an item.
        config: Column map, label words and redaction; the sources in it are not read.

    Raises:
        DataError: A source cannot be read, or lacks a column.
    """
    settings = (config or DataConfig()).model_copy(update={"sources": tuple(sources)})
    items: list[Item] = []
    rejected: list[Rejected] = []
    for source in sources:
        resolved: dict[str, dict[str, str]] = {}
        for record, row in stream_records(source, columns, settings, resolved):
            found = next(iter(resolved.values()), {})
            if absent := [name for name in required if name not in found]:
                raise DataError(f"no column {absent[0]}", where=source, fix=f"name it: --map {absent[0]}=COLUMN")
            made = record if isinstance(record, Rejected) else make(record, row.place)
            if isinstance(made, Rejected):
                rejected.append(made)
            else:
                items.append(made)
    report_rejected(rejected, len(items) + len(rejected))
    return Loaded(items, rejected)

"""``export``: what the monitor keeps, as files to open elsewhere; one state of the database in all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from core.console import say
from core.data.write import WRITERS, write_rows
from core.errors import ConfigError
from core.store.column import UtcTime
from core.store.database import reading
from kits.sentiment.config import read_config
from kits.sentiment.store.schema import (
    alert_events,
    alerts,
    dead_letters,
    feedback,
    items,
    models,
    scores,
    silences,
    stories,
    windows,
)
from kits.sentiment.store.store import open_store

EXPORTED = (items, stories, scores, windows, alerts, alert_events, silences, feedback, dead_letters, models)
ROWS_PER_FETCH = 2_000
_FORMATS = {suffix.lstrip("."): suffix for suffix in WRITERS}
_EXAMPLES: dict[type, object] = {str: "text", int: 1, float: 0.5}


def run(
    *,
    out: Path,
    store: str | None = None,
    format: str | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: one file for each table, Parquet unless another format is named.

    Raises:
        ConfigError: The format is unknown, or ``out`` is a file.
        StoreError: The database cannot be reached.
        DataError: A file cannot be written.
    """
    settings = read_config(config=config, set=set, seed=seed)
    suffix = _FORMATS.get(format or "parquet")
    if suffix is None:
        raise ConfigError("no such format", where="--format", got=format, expected=" ".join(_FORMATS))
    if out.is_file():
        raise ConfigError("is a file", where="--out", got=str(out), expected="a folder")
    opened = open_store(store or settings.store.url)
    files = {}
    with reading(opened.engine) as connection:
        for table in EXPORTED:
            target = out / f"{table.name}{suffix}"
            files[str(target)] = write_rows(str(target), _rows(connection, table), _example(table))
    opened.engine.dispose()
    say(f"{sum(files.values())} rows in {len(files)} files: {out}")
    return {"out": str(out), "rows": files}


def _rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    query = select(table).order_by(*table.primary_key)
    for row in connection.execute(query, execution_options={"yield_per": ROWS_PER_FETCH}).mappings():
        yield {name: _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    """What has no columns of its own becomes JSON."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else value


def _example(table: Table) -> dict[str, Any]:
    return {
        column.name: datetime(2000, 1, 1, tzinfo=UTC)
        if isinstance(column.type, UtcTime)
        else _EXAMPLES.get(column.type.python_type, "text")
        for column in table.columns
    }

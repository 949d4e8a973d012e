"""Inserts rows whether or not they are there already, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one whose primary key is there already replaces it, in the columns it has.

    Args:
        connection: Inside a writing transaction.
        table: Its primary key decides.
        rows: All with the same columns.
    """
    if rows:
        connection.execute(_statement(connection.dialect.name, table, tuple(rows[0])), rows)


def insert_absent(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row unless one with its primary key is there."""
    connection.execute(_INSERTS[connection.dialect.name](table).values(row).on_conflict_do_nothing())


@lru_cache(maxsize=64)
def _statement(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    keys = [column.name for column in table.primary_key]
    statement = _INSERTS[dialect](table)
    rest = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)

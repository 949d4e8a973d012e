"""A database table or query as a feed, read on by a column that only grows.

The column is a number or a time that later rows have higher, such as ``id`` or ``created_at``.
Rows with the same value may come one after the other; a row that appears with a lower value than
one that was read is not seen. Nothing is ever written.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from core.data.delimited import check_names
from core.data.sql import check_query, connect, explain, hide_password, parse_source, select_all
from core.errors import ConfigError, DataError
from kits.sentiment.config import FeedConfig
from kits.sentiment.feed.record import Batch, FeedError, Record

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine, Row, Select

LIMIT_EQUAL_ROWS = 5_000
EXAMPLE = "sqlite:///news.db?table=news&cursor=id"
KINDS: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "Decimal": Decimal,
}


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far a table was read.

    Attributes:
        kind: Python's name of the value's type.
        value: The highest value, as text; None: nothing was read.
        taken: Digests of the rows with that value.
    """

    kind: str = ""
    value: str | int | float | None = None
    taken: tuple[str, ...] = ()


class TableFeed:
    """The rows of a table or query.

    Args:
        source: An SQLAlchemy URL with ``table`` or ``query``, and ``cursor``.
        settings: How often it is asked.

    Raises:
        ConfigError: The source is incomplete or wrong.
    """

    def __init__(self, source: str, settings: FeedConfig) -> None:
        self.pause_seconds = settings.poll_seconds
        source, self._column = _take_cursor(source)
        try:
            self.name = self.address = hide_password(source)
            self._url, self._table, self._query = parse_source(source)
            if bool(self._table) == bool(self._query):
                raise DataError("expected either a table or a query", where=self.address, fix=EXAMPLE)
            if self._query:
                check_query(self._query, self.address)
        except DataError as error:
            raise ConfigError(error.what, where=error.where or "--source", fix=error.fix) from None
        if not self._column:
            raise ConfigError("names no column that grows", where=self.address, fix=f"add &cursor=id: {EXAMPLE}")
        self._engine: Engine | None = None

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Read the rows above the cursor.

        Raises:
            FeedError: The database does not answer, or the table has no such column.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return self._poll(_load(cursor), limit)
        except DataError as error:
            raise FeedError(error.what, where=error.where, got=error.got, fix=error.fix) from None
        except (SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
            self.close()
            raise FeedError(f"the database says: {explain(error, self._url)}", where=self.address) from None

    def close(self) -> None:
        """Close the connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _poll(self, reached: _Reached, limit: int) -> Batch:
        from sqlalchemy import bindparam, column, literal_column, select, text

        if self._engine is None:
            self._engine = connect(self._url, self.address)
        with self._engine.connect() as connection:
            base = self._query.rstrip().rstrip(";") or select_all(connection, self._table, self.address)
            growing: ColumnElement[Any] = column(self._column)
            inner = text(f"({base.replace(':', chr(92) + ':')}) AS feed")  # a colon in it is no parameter
            statement: Select[Any] = select(literal_column("*")).select_from(inner)
            if reached.value is None:
                statement = statement.where(growing.is_not(None))
            else:
                statement = statement.where(growing >= bindparam("reached", _restore(reached)))
            most = limit + len(reached.taken) + 1
            result = connection.execute(statement.order_by(growing).limit(most))
            names, rows = list(result.keys()), result.all()
        check_names(names, self.address)
        if self._column not in names:
            raise FeedError("has no such column", where=self.address, got=self._column)
        place = names.index(self._column)
        new = [row for row in rows if not (row[place] == _restore(reached) and _digest(row) in reached.taken)]
        records = tuple(self._make_record(names, row, place) for row in new[:limit])
        return Batch(records, _dump(self._reach(reached, new[:limit], place)), is_last=len(new) <= limit)

    def _make_record(self, names: Sequence[str], row: Row[Any], place: int) -> Record:
        return Record(dict(zip(names, row, strict=True)), f"{self.address}: {self._column}={row[place]}")

    def _reach(self, reached: _Reached, rows: Sequence[Row[Any]], place: int) -> _Reached:
        if not rows:
            return reached
        last = rows[-1][place]
        same = tuple(_digest(row) for row in rows if row[place] == last)
        if reached.value is not None and _restore(reached) == last:
            same = reached.taken + same
        if len(same) > LIMIT_EQUAL_ROWS:
            fix = "name a column that tells rows apart: &cursor=id"
            raise FeedError(f"more than {LIMIT_EQUAL_ROWS:,} rows are equal in it", where=self._column, fix=fix)
        if isinstance(last, int | float | str) and not isinstance(last, bool):
            return _Reached(type(last).__name__, last, same)
        if type(last).__name__ in KINDS:
            return _Reached(type(last).__name__, str(last) if isinstance(last, Decimal) else last.isoformat(), same)
        expected = "numbers, texts or times"
        raise FeedError("cannot be read on by such values", where=self._column, got=last, expected=expected)


def _take_cursor(source: str) -> tuple[str, str]:
    """The source without its cursor, and the cursor's column."""
    url, _, query = source.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    column = next((value for name, value in options if name == "cursor"), "")
    return f"{url}?{urlencode([o for o in options if o[0] != 'cursor'], quote_via=quote)}", column


def _digest(row: Row[Any]) -> str:
    return hashlib.blake2b(repr(tuple(row)).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _restore(reached: _Reached) -> Any:
    """The value that was reached, as the database gave it."""
    return KINDS[reached.kind](str(reached.value)) if reached.kind in KINDS else reached.value


def _load(cursor: str | None) -> _Reached:
    try:
        state = json.loads(cursor or "{}")
        return _Reached(**(state | {"taken": tuple(state.get("taken", ()))}))
    except (ValueError, TypeError, AttributeError):
        return _Reached()


def _dump(reached: _Reached) -> str:
    state = {"kind": reached.kind, "value": reached.value, "taken": reached.taken}
    return json.dumps(state, separators=(",", ":"))

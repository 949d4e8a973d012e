"""A database table or query as rows, streamed, and never changed.

A source is an SQLAlchemy URL with ``?table=NAME`` or ``?query=SELECT …``. Only one reading
statement is run, in a read-only connection where the database has such a thing. A password in
the URL stands in no place and in no message.
"""

from __future__ import annotations

import difflib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from core.data.delimited import check_names
from core.data.row import Record, Row
from core.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

BATCH_ROWS = 1_000
EXAMPLE = "sqlite:///news.db?table=NAME or ?query=SELECT …"
# What may stand in quotes or comments, and so is not looked at for words that write.
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*(?!!).*?\*/", re.DOTALL)
WRITING = re.compile(
    r"\b(insert|update|delete|drop|alter|create|truncate|replace\s+into|into|merge|grant|revoke|attach|detach"
    r"|pragma|vacuum|copy|call|exec|execute|lock|set)\b",
    re.IGNORECASE,
)


def hide_password(source: str) -> str:
    """A source as it may be shown: a URL without its password and its other options.

    >>> hide_password("postgresql+psycopg://ann:secret@db/news?table=t&sslpassword=x")
    'postgresql+psycopg://ann:***@db/news?table=t'
    >>> hide_password("news.csv")
    'news.csv'
    """
    if "://" not in source:
        return source
    url, table, query = parse_source(source)
    shown = url.set(query={}).render_as_string(hide_password=True)
    if table:
        return f"{shown}?table={table}"
    line = " ".join(query.split())
    return f"{shown}?query={line[:60]}{'…' * (len(line) > 60)}" if line else shown


def stream_sql(source: str) -> Iterator[Record]:
    """The rows of the table or query that a URL names.

    Raises:
        DataError: The URL, the table or the query is wrong, or the database does not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError

    url, table, query = parse_source(source)
    where = hide_password(source)
    if bool(table) == bool(query):
        what = "names both a table and a query" if table else "names neither a table nor a query"
        raise DataError(what, where=where, fix=EXAMPLE)
    if query:
        check_query(query, where)
    try:
        engine = connect(url, where)
        try:
            with engine.connect() as connection:
                yield from _stream(connection, query or select_all(connection, table, where), where)
        finally:
            engine.dispose()
    except (SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
        raise DataError(f"the database says: {explain(error, url)}", where=where) from None


def check_query(query: str, where: str) -> None:
    """Make sure that a query is one statement that only reads.

    Raises:
        DataError: It is not.
    """
    bare = QUOTED.sub(" ", query).strip().rstrip(";").strip()
    fault = ""
    if not re.match(r"(select|with)\b", bare, re.IGNORECASE):
        fault = "begins neither with SELECT nor with WITH"
    elif ";" in bare:
        fault = "holds more than one statement"
    elif found := WRITING.search(bare):
        fault = f"holds the word {found[0].upper()}, which is not for reading"
    if fault:
        raise DataError(f"the query {fault}", where=where, fix="give one SELECT; put names in double quotes")


def parse_source(source: str) -> tuple[URL, str, str]:
    """The database's own URL, the table's name and the query; the last two may be empty.

    Raises:
        DataError: The source is no database URL.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(source)
        port_is_number = url.port is None or url.port >= 0
    except (ArgumentError, ValueError):
        port_is_number = False
    if not port_is_number:
        scheme = source.partition("://")[0]
        raise DataError("is no database URL", where=f"{scheme}://…", fix=EXAMPLE)

    def last(name: str) -> str:
        value = url.query.get(name, "")
        return value if isinstance(value, str) else value[-1]

    return url.difference_update_query(["table", "query"]), last("table"), last("query")


def connect(url: URL, where: str) -> Engine:
    """An engine that reads only, as far as the database can promise that.

    Raises:
        DataError: There is no such kind of database, its driver is not installed, or no such file.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError

    try:
        if url.get_backend_name() == "sqlite":
            return _connect_sqlite(url, where)
        options = {"postgresql_readonly": True} if url.get_backend_name() == "postgresql" else {}
        return create_engine(url, execution_options=options)
    except NoSuchModuleError:
        raise DataError("no such kind of database", where=where, got=url.drivername, fix=EXAMPLE) from None
    except ImportError as error:
        fix = f"pip install {error.name}" if error.name else "install the database's driver"
        raise DataError("the database's driver is not installed", where=where, fix=fix) from None


def _connect_sqlite(url: URL, where: str) -> Engine:
    """SQLite opens a missing file as an empty database; reading must not create one."""
    from sqlalchemy import create_engine

    from core.data.source import find_path

    path = find_path(url.database or "")
    if not url.database or path.is_dir():
        raise DataError("names no database file", where=where, fix=EXAMPLE)
    with Path(path).open("rb") as file:
        if not (b"SQLite format 3\0").startswith(file.read(16)):
            raise DataError("is not an SQLite database", where=where)
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True))


def select_all(connection: Connection, table: str, where: str) -> str:
    """The statement that reads a table; its name is one that the database itself lists.

    Raises:
        DataError: There is no such table.
    """
    from sqlalchemy import inspect

    inspector = inspect(connection)
    schema, _, name = table.rpartition(".")
    names = inspector.get_table_names() + inspector.get_view_names()
    quoting = connection.dialect.identifier_preparer.quote_identifier
    if table in names:
        return f"SELECT * FROM {quoting(table)}"
    if schema in inspector.get_schema_names():
        names = inspector.get_table_names(schema) + inspector.get_view_names(schema)
        if name in names:
            return f"SELECT * FROM {quoting(schema)}.{quoting(name)}"
    close = difflib.get_close_matches(table, names, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(sorted(names)[:10]) or 'no table'}"
    raise DataError("no such table", where=where, got=table, fix=fix)


def _stream(connection: Connection, statement: str, where: str) -> Iterator[Record]:
    # No parameters: a % or a : in the query is what it is, not a placeholder.
    options = {"stream_results": True, "yield_per": BATCH_ROWS, "no_parameters": True}
    result = connection.exec_driver_sql(statement, execution_options=options)
    names = list(result.keys())
    check_names(names, where)
    for number, values in enumerate(result, start=1):
        yield Row(dict(zip(names, values, strict=True)), f"{where}:row {number}")


def explain(error: Exception, url: URL) -> str:
    """The first line of a database's message, without the password should it hold one."""
    text = str(getattr(error, "orig", None) or error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return line.replace(url.password, "***") if url.password else line

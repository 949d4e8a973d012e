"""Opens SQLite or PostgreSQL so that a change is whole or not at all, and outlives a crash.

Write inside ``transaction``, read inside ``reading``: anything else cannot write. On SQLite a
writing transaction takes the lock at its start: one that begins by reading and writes later
would be refused in the middle if another wrote in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import ConfigError, StoreError

BUSY_SECONDS = 15.0
EXAMPLES = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
_WRITES = "fieldkits_writes"
_MIGRATION_LOCK = 4_921_117_520_733  # any number, the same in every process
# What passes by itself or by making room: locked, full, out of files, a disk that fails now and then.
_SQLITE_TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}
# Connection lost, serialisation, resources (a full disk), lock not to be had, shutting down, disk, a standby.
_POSTGRESQL_TRANSIENT = ("08", "40", "53", "55P03", "57P", "58030", "25006")


def open_database(address: str) -> Engine:
    """Prepare the way to a database; nothing is connected yet.

    Args:
        address: ``sqlite:///FILE`` or ``postgresql+psycopg://…``.

    Raises:
        ConfigError: The address is none, or of a kind of database that is not supported.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise ConfigError("is no database URL", where="store.url", expected=EXAMPLES) from None
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite":
        return _open_sqlite(url)
    if kind in ("postgresql", "postgres"):
        return _open_postgresql(url)
    raise ConfigError("is no supported database", where="store.url", got=kind, expected=EXAMPLES)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Write: everything done with the connection is kept when the block ends, and nothing if it raises."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read one state of the database, however long it takes; writing is refused."""
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.execution_options(**options).connect() as connection:
        yield connection


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is away, locked or full; no fault of the work."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause: Any = error.orig
    if isinstance(cause, sqlite3.Error):
        return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_TRANSIENT
    state = getattr(cause, "sqlstate", None)
    if state is None:  # no answer from the server: it was not reached, or went away
        return isinstance(error, OperationalError | InterfaceError)
    return str(state).startswith(_POSTGRESQL_TRANSIENT)


def migrate(engine: Engine, folder: Path) -> None:
    """Bring the tables up to date; several processes may start at once.

    Args:
        engine: As ``open_database`` gives it.
        folder: Of the migrations; the revisions are in its ``versions``.

    Raises:
        StoreError: The database cannot be reached or changed, or was made by a newer version.
    """
    shown = show_address(engine)
    try:
        scripts = ScriptDirectory(str(folder))
        with reading(engine) as connection:
            if MigrationContext.configure(connection).get_current_revision() == scripts.get_current_head():
                return
        with transaction(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            _upgrade(connection, scripts, shown)
    except DBAPIError as error:
        raise explain(error, shown) from error


def explain(error: SQLAlchemyError, where: str) -> StoreError:
    """The error as a user should see it: no statement, no values, no password."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    if is_transient(error):
        return StoreError(f"the database does not answer: {lines[0]}", where=where, fix="is it running, is there room?")
    return StoreError(f"the database refuses: {lines[0]}", where=where)


def show_address(engine: Engine) -> str:
    """Where the database is, without the password."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


def _upgrade(connection: Connection, scripts: ScriptDirectory, shown: str) -> None:
    context = MigrationContext.configure(connection)
    current = context.get_current_revision()
    try:
        missing = list(scripts.iterate_revisions("head", current or "base"))
    except ResolutionError:
        raise StoreError(
            "the database was made by a newer version", where=shown, got=current, fix="update fieldkits"
        ) from None
    with Operations.context(context):
        for script in reversed(missing):
            script.module.upgrade()
            context.stamp(scripts, script.revision)


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigError("names no file", where="store.url", got=str(url), expected=EXAMPLES)
    path = Path(url.database).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"its folder cannot be made ({error.strerror})"
        raise ConfigError(what, where="store.url", got=str(path.parent)) from error
    given = {} if "timeout" in url.query else {"timeout": BUSY_SECONDS}
    engine = create_engine(url.set(database=str(path)), connect_args=given)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # else the driver would begin and end transactions where it sees fit
    for pragma in (
        "journal_mode = WAL",  # readers and the writer do not wait for each other
        "synchronous = FULL",  # what is committed outlives a power cut
        "foreign_keys = ON",
        "journal_size_limit = 67108864",
        "cache_size = -65536",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgresql(url: URL) -> Engine:
    options = {
        "connect_timeout": 10,
        # A server that vanished without a word is noticed within a minute.
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        "application_name": "fieldkits",
    }
    given = {name: value for name, value in options.items() if name not in url.query}
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=given, pool_pre_ping=True)
    except ImportError as error:
        fix = 'pip install "fieldkits[postgresql]"'
        raise ConfigError("the PostgreSQL driver is not installed", where="store.url", fix=fix) from error

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import ConfigError, StoreError
from core.store.database import explain, is_transient, migrate, open_database, reading, show_address, transaction

FIRST = '''"""First."""
from alembic import op
import sqlalchemy as sa
revision, down_revision = "one", None
def upgrade() -> None:
    op.create_table("news", sa.Column("id", sa.Integer, primary_key=True))
'''
SECOND = '''"""Second."""
from alembic import op
import sqlalchemy as sa
revision, down_revision = "two", "one"
def upgrade() -> None:
    with op.batch_alter_table("news") as table:
        table.add_column(sa.Column("title", sa.Text, nullable=False, server_default=""))
'''
BROKEN = SECOND + '    raise RuntimeError("half way")\n'


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_database(database)
    with transaction(engine) as connection:
        connection.execute(text("CREATE TABLE paper (id int)"))
    yield engine
    engine.dispose()


def count(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM paper")).scalar_one())


def write_migrations(folder: Path, *revisions: str) -> Path:
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    for number, revision in enumerate(revisions):
        (folder / "versions" / f"v{number}.py").write_text(revision)
    return folder


def test_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    def write_and_fail() -> None:
        with transaction(engine) as connection:
            connection.execute(text("INSERT INTO paper VALUES (1)"))
            connection.execute(text("CREATE TABLE other (id int)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert count(engine) == 0
    with transaction(engine) as connection:
        connection.execute(text("CREATE TABLE other (id int)"))


def test_reading_refuses_to_write_and_sees_one_state(engine: Engine) -> None:
    insert = text("INSERT INTO paper VALUES (1)")
    with reading(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM paper")).scalar_one() == 0
        with transaction(engine) as connection:
            connection.execute(insert)
        assert reader.execute(text("SELECT count(*) FROM paper")).scalar_one() == 0
        with pytest.raises(DBAPIError):
            reader.execute(insert)
    assert count(engine) == 1


def test_readers_and_writers_on_many_threads_lose_nothing(engine: Engine) -> None:
    def write(number: int) -> None:
        with transaction(engine) as connection:
            seen = connection.execute(text("SELECT count(*) FROM paper")).scalar_one()
            connection.execute(text("INSERT INTO paper VALUES (:id)"), {"id": seen})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(40)))
    assert count(engine) == 40


def test_what_cannot_be_helped_by_waiting_is_not_transient(engine: Engine) -> None:
    for statement in ("SELECT nothing FROM nowhere", "INSERT INTO paper VALUES (17), (NULL + )"):
        with pytest.raises(DBAPIError) as caught, transaction(engine) as connection:
            connection.execute(text(statement))
        assert not is_transient(caught.value)
        assert "17" not in str(explain(caught.value, "here"))


def test_locked_database_is_transient(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE paper (id int)")
    engine = open_database(f"sqlite:///{path}?timeout=0.05")
    with reading(engine):
        pass
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OperationalError) as caught, transaction(engine):
        pass
    assert is_transient(caught.value)
    holder.execute("ROLLBACK")
    holder.close()
    with transaction(engine) as connection:
        connection.execute(text("INSERT INTO paper VALUES (1)"))
    engine.dispose()


def test_server_that_is_not_there_is_transient_and_the_message_holds_no_password(tmp_path: Path) -> None:
    engine = open_database("postgresql+psycopg://ann:hunter2@127.0.0.1:1/news?connect_timeout=1")
    with pytest.raises(OperationalError) as caught, reading(engine):
        pass
    assert is_transient(caught.value)
    with pytest.raises(StoreError) as error:
        migrate(engine, write_migrations(tmp_path, FIRST))
    assert "hunter2" not in f"{error.value} {show_address(engine)} {explain(caught.value, show_address(engine))}"


@pytest.mark.parametrize("address", ["news", "sqlite://", "sqlite:///:memory:", "mysql://host/news", "postgresql://h:x/d"])
def test_address_that_is_none_is_a_clear_error(address: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url"):
        open_database(address)


def test_folder_of_the_file_is_made(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a' / 'b' / 'news.db'}")
    with transaction(engine) as connection:
        connection.execute(text("CREATE TABLE paper (id int)"))
    engine.dispose()
    assert (tmp_path / "a" / "b" / "news.db").is_file()


def test_migrations_run_once_whoever_starts_at_the_same_time(database: str, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path / "migrations", FIRST, SECOND)

    def start(_: int) -> None:
        engine = open_database(database)
        migrate(engine, folder)
        engine.dispose()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, range(4)))
    engine = open_database(database)
    with transaction(engine) as connection:
        connection.execute(text("INSERT INTO news (id) VALUES (1)"))
        assert connection.execute(text("SELECT title FROM news")).scalar_one() == ""
    engine.dispose()


def test_migration_that_fails_changes_nothing_and_the_next_start_goes_on(database: str, tmp_path: Path) -> None:
    engine = open_database(database)
    migrate(engine, write_migrations(tmp_path / "old", FIRST))
    with transaction(engine) as connection:
        connection.execute(text("INSERT INTO news (id) VALUES (1)"))
    with pytest.raises(RuntimeError):
        migrate(engine, write_migrations(tmp_path / "broken", FIRST, BROKEN))
    migrate(engine, write_migrations(tmp_path / "new", FIRST, SECOND))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT id, title FROM news")).all() == [(1, "")]
    engine.dispose()


def test_database_of_a_newer_version_is_refused(database: str, tmp_path: Path) -> None:
    engine = open_database(database)
    migrate(engine, write_migrations(tmp_path / "new", FIRST, SECOND))
    with pytest.raises(StoreError, match="newer version"):
        migrate(engine, write_migrations(tmp_path / "old", FIRST))
    engine.dispose()


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at as one" * 40)
    engine = open_database(f"sqlite:///{tmp_path / 'notes.txt'}")
    with pytest.raises(StoreError, match="refuses"):
        migrate(engine, write_migrations(tmp_path / "migrations", FIRST))
    engine.dispose()

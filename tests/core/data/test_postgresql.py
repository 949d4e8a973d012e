"""Reading from a real PostgreSQL server; skipped, with the reason, where none answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import sqlalchemy

from core.data.table import read_table
from core.errors import DataError

URL = os.environ.get("FIELDKITS_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
TABLE = "fieldkits_news"


@pytest.fixture(scope="module")
def table() -> Iterator[str]:
    engine = sqlalchemy.create_engine(URL, connect_args={"connect_timeout": 3})
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"DROP TABLE IF EXISTS {TABLE}"))
            connection.execute(sqlalchemy.text(f"CREATE TABLE {TABLE} (id int, title text, sentiment text)"))
            rows = [{"id": i, "title": f"标题 {i}", "sentiment": None if i % 2 else "positive"} for i in range(2500)]
            connection.execute(sqlalchemy.text(f"INSERT INTO {TABLE} VALUES (:id, :title, :sentiment)"), rows)
    except sqlalchemy.exc.OperationalError as error:
        if os.environ.get("FIELDKITS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no PostgreSQL server answers: {str(error.orig).splitlines()[0]}")
    yield TABLE
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"DROP TABLE {TABLE}"))
    engine.dispose()


def test_whole_table_is_read_with_native_values(table: str) -> None:
    read = read_table(f"{URL}?table={table}")
    assert len(read.rows) == 2500
    assert read.rows[1].values == {"id": 1, "title": "标题 1", "sentiment": None}
    assert read.rows[1].place.endswith(":row 2")


def test_query_is_read(table: str) -> None:
    query = quote(f"SELECT title FROM {table} WHERE id < 3 ORDER BY id")
    assert [row.values["title"] for row in read_table(f"{URL}?query={query}").rows] == ["标题 0", "标题 1", "标题 2"]


@pytest.mark.parametrize(
    "statement", ["DROP TABLE {}", "WITH gone AS (DELETE FROM {} RETURNING id) SELECT * FROM gone"]
)
def test_statement_that_writes_is_refused_and_changes_nothing(table: str, statement: str) -> None:
    with pytest.raises(DataError):
        read_table(f"{URL}?query={quote(statement.format(table))}")
    assert len(read_table(f"{URL}?table={table}").rows) == 2500


def test_message_names_no_password(table: str) -> None:
    with pytest.raises(DataError) as caught:
        read_table(f"{URL.replace('postgres@', 'postgres:hunter2@')}?table=no_such_table")
    assert "hunter2" not in str(caught.value)

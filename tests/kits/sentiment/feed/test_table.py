"""A table or query as a feed: read on by a column that grows, never written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy
from sqlalchemy import text

from core.errors import ConfigError
from kits.sentiment.config import FeedConfig
from kits.sentiment.feed import FeedError, Record
from kits.sentiment.feed.table import LIMIT_EQUAL_ROWS, TableFeed
from tests.databases import KINDS, own_database
from tests.kits.sentiment.feed.draining import drain


class Database:
    """A table of news, and how a feed is told of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sqlalchemy.create_engine(url)
        self.run("CREATE TABLE news (id integer, title text, at timestamp, score numeric)")

    def run(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def add(self, *rows: tuple[int | None, str, str]) -> None:
        for number, title, at in rows:
            self.run("INSERT INTO news VALUES (:i, :t, :a, :s)", i=number, t=title, a=at, s=(number or 0) / 2)

    def feed(self, rest: str) -> TableFeed:
        return TableFeed(f"{self.url}{'&' if '?' in self.url else '?'}{rest}", FeedConfig())


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with own_database(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.engine.dispose()


def test_rows_above_the_cursor_are_read(database: Database) -> None:
    database.add((3, "c", "2025-01-03"), (1, "a", "2025-01-01"), (2, "b", "2025-01-02"), (None, "none", "2025-01-01"))
    feed = database.feed("table=news&cursor=id")
    found, cursor = drain(feed, limit=2)
    assert found == ["a", "b", "c"]
    assert drain(feed, cursor)[0] == []
    database.add((4, "d", "2025-01-04"))
    feed.close()
    feed = database.feed("table=news&cursor=id")
    assert drain(feed, cursor)[0] == ["d"]
    feed.close()


def test_rows_with_one_time_are_all_read_even_those_that_come_later(database: Database) -> None:
    database.add(*((number, f"a{number}", "2025-01-01 10:00:00") for number in range(7)))
    feed = database.feed("table=news&cursor=at")
    found, cursor = drain(feed, limit=2)
    assert sorted(map(str, found)) == [f"a{number}" for number in range(7)]
    database.add((8, "b", "2025-01-01 10:00:00"), (9, "c", "2025-01-01 10:00:01"))
    assert drain(feed, cursor)[0] == ["b", "c"]
    feed.close()


@pytest.mark.parametrize("column", ["id", "title", "at", "score"])
def test_column_may_be_a_number_a_text_or_a_time(database: Database, column: str) -> None:
    database.add(*((number, f"{number:02}", f"2025-01-{number:02}") for number in range(1, 10)))
    feed = database.feed(f"table=news&cursor={column}")
    assert drain(feed, limit=2)[0] == [f"{number:02}" for number in range(1, 10)]
    feed.close()


def test_query_is_read_as_it_is_written(database: Database) -> None:
    database.add((1, "10:30 50% :x", "2025-01-01"), (2, "b", "2025-01-02"))
    query = quote("SELECT id AS number, title FROM news WHERE title LIKE '%:x' OR title <> ':y' ;")
    feed = database.feed(f"query={query}&cursor=number")
    assert drain(feed, limit=1)[0] == ["10:30 50% :x", "b"]
    feed.close()


def test_place_names_table_and_row(database: Database) -> None:
    database.add((7, "a", "2025-01-01"))
    feed = database.feed("table=news&cursor=id")
    (record,) = feed.poll(None, 5).records
    assert isinstance(record, Record)
    assert record.place.endswith("?table=news: id=7")
    feed.close()


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("table=nwes&cursor=id", "no such table.*news"),
        ("table=news&cursor=nr", "nr"),
        ("query=SELECT%20nope&cursor=id", "nope"),
    ],
)
def test_what_is_not_there_is_said(database: Database, rest: str, reason: str) -> None:
    database.add((1, "a", "2025-01-01"))
    feed = database.feed(rest)
    with pytest.raises(FeedError, match=reason):
        feed.poll(None, 5)
    feed.close()


@pytest.mark.parametrize(
    "rest", ["table=news", "cursor=id", "table=a&query=SELECT%201&cursor=id", "query=DELETE%20FROM%20news&cursor=id"]
)
def test_incomplete_or_writing_source_is_refused_at_once(database: Database, rest: str) -> None:
    with pytest.raises(ConfigError):
        database.feed(rest)


def test_column_that_hardly_tells_rows_apart_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.engine.begin() as connection:
        rows = [{"i": number} for number in range(LIMIT_EQUAL_ROWS + 10)]
        connection.execute(text("INSERT INTO news VALUES (:i, 'a', '2025-01-01', 1)"), rows)
    feed = database.feed("table=news&cursor=at")
    with pytest.raises(FeedError, match="equal"):
        drain(feed, limit=1000)
    feed.close()
    database.engine.dispose()


def test_missing_database_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    feed = TableFeed(f"sqlite:///{tmp_path / 'absent.db'}?table=news&cursor=id", FeedConfig())
    with pytest.raises(FeedError, match="no such file"):
        feed.poll(None, 5)
    assert list(tmp_path.iterdir()) == []


def test_no_message_holds_the_password() -> None:
    url = "postgresql+psycopg://ann:hunter2@127.0.0.1:1/x?connect_timeout=2&table=news&cursor=id"
    feed = TableFeed(url, FeedConfig())
    with pytest.raises(FeedError) as caught:
        feed.poll(None, 5)
    assert "hunter2" not in str(caught.value) + feed.name + feed.address
    feed.close()


def test_every_row_is_read_once_whatever_comes_in_between(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    choose = random.Random(0)
    feed = database.feed("table=news&cursor=at")
    number, second, cursor, found = 0, 0, None, []
    for _ in range(30):
        for _ in range(choose.randrange(6)):
            second += choose.randrange(2)
            database.add((number, str(number), f"2025-01-01 00:{second // 60:02}:{second % 60:02}"))
            number += 1
        batch = feed.poll(cursor, choose.randrange(1, 5))
        if choose.random() < 0.7:  # else it was lost before it was stored
            found += [record.values["title"] for record in batch.records if isinstance(record, Record)]
            cursor = batch.cursor
    found += drain(feed, cursor)[0]
    assert sorted(found, key=lambda title: int(str(title))) == [str(n) for n in range(number)]
    feed.close()
    database.engine.dispose()

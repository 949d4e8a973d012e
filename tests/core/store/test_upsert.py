from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, select
from sqlalchemy.exc import StatementError

from core.store.column import Json, UtcTime
from core.store.database import open_database, reading, transaction
from core.store.upsert import insert_absent, insert_many, upsert

TABLE = Table(
    "papers",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("copies", Integer),
    Column("at", UtcTime),
    Column("topics", Json),
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_rows_are_inserted_or_replaced_in_the_columns_they_have(database: str) -> None:
    engine = open_database(database)
    with transaction(engine) as connection:
        TABLE.create(connection)
        rows = [{"name": "a", "copies": 1, "topics": {"x": 0.5}}, {"name": "b", "copies": 2, "topics": {}}]
        upsert(connection, TABLE, rows)
        upsert(connection, TABLE, [{"name": "b", "copies": 3}, {"name": "c", "copies": 4}])
        upsert(connection, TABLE, [])
        assert not insert_absent(connection, TABLE, [])
        assert insert_absent(connection, TABLE, [{"name": "a", "copies": 9}, {"name": "d", "copies": 5}]) == {("d",)}
    with reading(engine) as connection:
        found = connection.execute(select(TABLE.c.name, TABLE.c.copies, TABLE.c.topics).order_by(TABLE.c.name)).all()
    assert found == [("a", 1, {"x": 0.5}), ("b", 3, {}), ("c", 4, None), ("d", 5, None)]
    engine.dispose()


def test_time_comes_back_as_the_same_instant_and_sorts(database: str) -> None:
    engine = open_database(database)
    tokyo = NOON.astimezone(timezone(timedelta(hours=9))) + timedelta(microseconds=1)
    with transaction(engine) as connection:
        TABLE.create(connection)
        upsert(connection, TABLE, [{"name": "a", "at": tokyo}, {"name": "b", "at": NOON}])
    with reading(engine) as connection:
        found = connection.execute(select(TABLE.c.at).order_by(TABLE.c.at)).scalars().all()
    assert found == [NOON, tokyo]
    assert all(at.utcoffset() == timedelta(0) for at in found)
    with pytest.raises(StatementError, match="without a zone"), transaction(engine) as connection:
        upsert(connection, TABLE, [{"name": "c", "at": datetime(2026, 3, 1)}])
    engine.dispose()


def test_many_rows_are_those_that_one_by_one_would_be(database: str) -> None:
    engine = open_database(database)
    tokyo = NOON.astimezone(timezone(timedelta(hours=9))) + timedelta(microseconds=1)
    with transaction(engine) as connection:
        TABLE.create(connection)
        insert_many(connection, TABLE, [])
        rows = [{"at": at, "copies": n, "name": f"n{n}"} for n, at in enumerate((NOON, tokyo, None))]
        insert_many(connection, TABLE, rows)
        insert_many(connection, TABLE, [{"name": "n3", "copies": None}])
    with reading(engine) as connection:
        found = connection.execute(select(TABLE).order_by(TABLE.c.name)).all()
    assert found == [("n0", 0, NOON, None), ("n1", 1, tokyo, None), ("n2", 2, None, None), ("n3", None, None, None)]
    with pytest.raises(ValueError, match="without a zone"), transaction(engine) as connection:
        insert_many(connection, TABLE, [{"name": "c", "at": datetime(2026, 3, 1)}])
    engine.dispose()

"""What was posted is drained in its order, and taken away with the transaction that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from core.store.database import transaction
from kits.sentiment.feed import DeadRecord, FeedError, Record
from kits.sentiment.feed.inbox import InboxFeed
from kits.sentiment.store.schema import inbox
from kits.sentiment.store.store import MonitorStore, empty_inbox, open_store
from tests.databases import KINDS, own_database

NOW = datetime(2025, 3, 5, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MonitorStore]:
    with own_database(request.param, tmp_path) as url:
        opened = open_store(url)
        yield opened
        opened.engine.dispose()


def test_inbox_is_drained_in_batches(store: MonitorStore) -> None:
    store.put_inbox([{"title": f"利润 {number}"} for number in range(5)], NOW)
    feed = InboxFeed(store.engine)
    found, is_last = [], False
    while not is_last:
        batch = feed.poll(None, 2)
        found += [record.values["title"] for record in batch.records if isinstance(record, Record)]
        assert len(batch.remove) == len(batch.records)
        is_last = batch.is_last
        with transaction(store.engine) as connection:
            empty_inbox(connection, batch.remove)
    assert found == [f"利润 {number}" for number in range(5)]
    assert feed.poll(None, 2).records == ()
    feed.close()


def test_what_was_not_removed_comes_again(store: MonitorStore) -> None:
    store.put_inbox([{"title": "a"}], NOW)
    feed = InboxFeed(store.engine)
    assert feed.poll(None, 5) == feed.poll(None, 5)


def test_what_is_no_object_is_a_dead_record(store: MonitorStore) -> None:
    with transaction(store.engine) as connection:
        for one in ("text", [1], None, {"a": 1}):
            connection.execute(insert(inbox), {"record": one, "received_at": NOW})
    records = InboxFeed(store.engine).poll(None, 5).records
    assert [type(record) for record in records] == [DeadRecord, DeadRecord, DeadRecord, Record]
    assert records[0].place.startswith("inbox:")


def test_database_that_is_away_is_an_error(tmp_path: Path) -> None:
    opened = open_store(f"sqlite:///{tmp_path / 'monitor.db'}")
    with transaction(opened.engine) as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    with pytest.raises(FeedError, match="does not answer"):
        InboxFeed(opened.engine).poll(None, 5)
    opened.engine.dispose()

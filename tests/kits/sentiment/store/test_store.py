from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ConfigError, StoreError
from core.store.database import reading, transaction
from kits.sentiment.store.schema import feeds, inbox, metadata, model_requests
from kits.sentiment.store.store import FeedProgress, MonitorStore, Superseded, move_feed, open_store
from tests.kits.sentiment.news import START


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    yield store
    store.engine.dispose()


def test_migrations_make_the_tables_that_the_code_expects(store: MonitorStore) -> None:
    with reading(store.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_store_of_a_newer_version_is_refused(store: MonitorStore, database: str) -> None:
    with transaction(store.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    with pytest.raises(StoreError, match="update fieldkits"):
        open_store(database)


def test_address_without_a_database_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="sqlite:///FILE"):
        open_store("monitor.db")


def test_newest_start_is_the_writer(store: MonitorStore) -> None:
    first, second = store.take_over(), store.take_over()
    with store.writing(second):
        pass
    with pytest.raises(Superseded, match="run one only"), store.writing(first):
        pass


def test_feed_progress_adds_up_and_a_failure_leaves_the_cursor(store: MonitorStore) -> None:
    epoch = store.take_over()
    for cursor, items, dead in (("10", 7, 1), ("20", 0, 2)):
        with store.writing(epoch) as connection:
            move_feed(connection, FeedProgress("wire", "wire.jsonl", cursor, items, dead, START))
    store.note_failure("wire", "wire.jsonl", "gone", START + timedelta(hours=1))
    store.note_failure("other", "https://example.com", "never there", START)
    assert (store.cursor("wire"), store.cursor("other"), store.cursor("none")) == ("20", None, None)
    with reading(store.engine) as connection:
        row = connection.execute(select(feeds).where(feeds.c.name == "wire")).mappings().one()
    assert (row["items"], row["dead"], row["last_error"]) == (7, 3, "gone")
    assert row["last_item_at"] == row["last_ok_at"] == START


def test_posted_records_are_kept_all_or_none(store: MonitorStore) -> None:
    store.put_inbox([{"title": "央行降息"}, {"title": "a"}], START)
    with pytest.raises((SQLAlchemyError, TypeError)):
        store.put_inbox([{"title": "fine"}, {"title": object()}], START)
    with reading(store.engine) as connection:
        assert connection.execute(select(inbox.c.record).order_by(inbox.c.number)).scalars().all() == [
            {"title": "央行降息"},
            {"title": "a"},
        ]


def test_last_request_for_a_model_counts_and_answers_all_before(store: MonitorStore) -> None:
    store.request_model("models/a", "ann", START)
    store.request_model("models/b", "bo", START)
    found = store.next_request()
    assert found is not None
    assert found[1] == "models/b"
    store.answer_request(found[0], "taken", START)
    assert store.next_request() is None
    with reading(store.engine) as connection:
        assert connection.execute(select(model_requests.c.answer)).scalars().all() == ["taken", "taken"]


def test_keys_are_looked_up_in_any_number(store: MonitorStore) -> None:
    assert store.known([f"key {number}" for number in range(40_000)]) == set()
    assert store.known([]) == set()

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select

from core.store.database import reading
from kits.sentiment.config import FeedConfig, SentimentConfig
from kits.sentiment.feed import Batch, DeadRecord, Feed, FeedError, Record
from kits.sentiment.monitor.pump import Delivery, Pump
from kits.sentiment.store.schema import feeds
from kits.sentiment.store.store import MonitorStore, open_store
from tests.kits.sentiment.news import START

SETTINGS = SentimentConfig(feed=FeedConfig(batch_rows=3))
DEADLINE_SECONDS = 20.0


class ListFeed:
    """A feed out of a list; it may fail, hang, or be acknowledged."""

    pause_seconds = 0.01

    def __init__(self, name: str, titles: Sequence[str], failures: int = 0, gate: Event | None = None) -> None:
        self.name = self.address = name
        self._titles, self._failures, self._gate = titles, failures, gate
        self.polled: list[str | None] = []
        self.acknowledged: list[int] = []
        self.is_closed = False

    def poll(self, cursor: str | None, limit: int) -> Batch:
        self.polled.append(cursor)
        if self._gate is not None:
            self._gate.wait(DEADLINE_SECONDS)
        if self._failures:
            self._failures -= 1
            raise FeedError("not now", where=self.name)
        start = int(cursor or 0)
        stop = min(start + limit, len(self._titles))
        records = tuple(
            Record({"title": title}, f"{self.name}:{start + i}") if title else DeadRecord(self.name, "empty", "")
            for i, title in enumerate(self._titles[start:stop])
        )
        return Batch(records, str(stop), stop == len(self._titles), lambda: self.acknowledged.append(stop))

    def close(self) -> None:
        self.is_closed = True


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        Event().wait(0.002)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kits.sentiment.monitor.pump.FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MonitorStore]:
    store = open_store(f"sqlite:///{tmp_path / 'monitor.db'}")
    yield store
    store.engine.dispose()


def make_pump(store: MonitorStore, *sources: Feed, **options: Any) -> Pump:
    return Pump(store, sources, SETTINGS, lambda: START, **options)


def drain(pump: Pump) -> list[Delivery]:
    """Keep whatever comes until the feeds are at their end."""
    found: list[Delivery] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not pump.is_done():
        assert time.monotonic() < deadline
        for delivery in pump.collect(0.02):
            found.append(delivery)
            delivery.kept.set()
    return found


def test_everything_is_delivered_in_order_and_acknowledged_when_kept(store: MonitorStore) -> None:
    feed = ListFeed("a", [f"story {n}" for n in range(7)])
    pump = make_pump(store, feed, once=True)
    pump.start()
    titles = [item.title for delivery in drain(pump) for item in delivery.items]
    assert titles == [f"story {n}" for n in range(7)]
    assert feed.acknowledged == [3, 6, 7]
    assert feed.is_closed
    pump.stop()


def test_next_batch_is_asked_for_only_when_the_one_before_is_kept(store: MonitorStore) -> None:
    feed = ListFeed("a", [f"story {n}" for n in range(7)])
    pump = make_pump(store, feed)
    pump.start()
    (first,) = pump.collect(DEADLINE_SECONDS)
    assert pump.collect(0.05) == []
    assert (feed.polled, feed.acknowledged) == ([None], [])
    first.kept.set()
    wait_until(lambda: feed.acknowledged == [3])
    pump.stop()
    assert feed.acknowledged == [3]


def test_feed_that_hangs_or_fails_stops_no_other(store: MonitorStore) -> None:
    gate = Event()
    broken, stuck = ListFeed("broken", ["x"], failures=99), ListFeed("stuck", ["y"], gate=gate)
    good = ListFeed("good", ["z1", "z2", "z3", "z4"])
    pump = make_pump(store, broken, stuck, good)
    pump.start()
    got: list[str] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(got) < 4 and time.monotonic() < deadline:
        for delivery in pump.collect(0.05):
            got += [item.title for item in delivery.items]
            delivery.kept.set()
    assert got == ["z1", "z2", "z3", "z4"]
    wait_until(lambda: read_errors(store) == {"broken": "broken: not now"})
    gate.set()
    pump.stop()


def read_errors(store: MonitorStore) -> dict[str, str]:
    with reading(store.engine) as connection:
        rows = connection.execute(select(feeds.c.name, feeds.c.last_error).where(feeds.c.last_error.is_not(None)))
        return {row.name: row.last_error for row in rows}


def test_feed_that_fails_for_a_while_is_read_from_where_it_was(store: MonitorStore) -> None:
    feed = ListFeed("a", ["one", "two"], failures=1)
    pump = make_pump(store, feed, once=True)
    pump.start()
    assert [item.title for delivery in drain(pump) for item in delivery.items] == ["one", "two"]
    assert feed.polled == [None, None]
    assert pump.failed == {}
    pump.stop()


def test_running_once_gives_a_feed_up_that_keeps_failing(store: MonitorStore) -> None:
    pump = make_pump(store, ListFeed("a", ["one"], failures=99), ListFeed("b", ["two"]), once=True)
    pump.start()
    assert [item.title for delivery in drain(pump) for item in delivery.items] == ["two"]
    assert pump.failed == {"a": "a: not now"}
    pump.stop()


def test_record_that_is_none_becomes_a_letter_beside_the_items(store: MonitorStore) -> None:
    pump = make_pump(store, ListFeed("a", ["one", "", "two"]), once=True)
    pump.start()
    (delivery,) = drain(pump)
    assert [item.title for item in delivery.items] == ["one", "two"]
    assert [letter.reason for letter in delivery.letters] == ["empty"]
    pump.stop()


def test_stopping_does_not_wait_for_what_nobody_will_keep(store: MonitorStore) -> None:
    feed = ListFeed("a", ["one"])
    pump = make_pump(store, feed)
    pump.start()
    assert len(pump.collect(DEADLINE_SECONDS)) == 1
    pump.stop()
    assert feed.is_closed
    assert feed.acknowledged == []

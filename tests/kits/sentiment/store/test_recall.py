"""What is read back is what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from core.store.database import reading
from kits.sentiment.item import Item
from kits.sentiment.reading import Judgement, Reading
from kits.sentiment.step import BEGINNING
from kits.sentiment.store import recall
from kits.sentiment.store.store import MonitorStore, open_store
from tests.kits.sentiment.monitor.test_ledger import ITEMS, deliver, open_ledger
from tests.kits.sentiment.news import StubReader

COUNT = 800  # with the planted surge


class CompanyReader(StubReader):
    """Also judges a company in every third item."""

    def read(self, items: Sequence[Item]) -> tuple[list[Reading], NDArray[np.float32] | None]:
        readings, vectors = super().read(items)
        towards = {"ACME": Judgement("negative", 0.75, 0.125), "北辰": Judgement("positive", 0.25, 0.5)}
        return [replace(r, companies=towards) if n % 3 == 0 else r for n, r in enumerate(readings)], vectors


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    yield store
    store.engine.dispose()


def test_empty_store_has_no_past(store: MonitorStore) -> None:
    with reading(store.engine) as connection:
        assert recall.writer_clock(connection) is None
        assert recall.last_number(connection) == 0
        assert recall.first_window(connection, "stub-1") is None
        assert recall.known_alerts(connection, BEGINNING) == []
        assert list(recall.open_stories(connection, "stub-1", BEGINNING)) == []
        assert recall.items_after(connection, "stub-1", 0, BEGINNING, 10) == []


def test_items_come_back_with_what_was_read_in_them(store: MonitorStore) -> None:
    reader = CompanyReader(dimensions=8)
    open_ledger(store, reader).take_in([deliver(ITEMS[:60])])
    readings, vectors = reader.read(ITEMS[:60])
    with reading(store.engine) as connection:
        found = recall.items_after(connection, reader.version, 0, BEGINNING, 100)
        assert recall.last_number(connection) == 60
    assert [one.number for one in found] == list(range(1, 61))
    assert [one.item for one in found] == ITEMS[:60]
    assert [one.reading for one in found] == readings
    assert vectors is not None
    assert all((one.vector == vector).all() for one, vector in zip(found, vectors.astype("<f2"), strict=True))


def test_items_are_read_on_from_a_number_and_without_a_reading_of_another_model(store: MonitorStore) -> None:
    open_ledger(store).take_in([deliver(ITEMS[:60])])
    since = ITEMS[30].ingested_at
    with reading(store.engine) as connection:
        found = recall.items_after(connection, "another", 20, since, 5)
    assert [one.item for one in found] == [item for item in ITEMS[20:60] if item.event_at >= since][:5]
    assert {(one.reading, one.vector) for one in found} == {(None, None)}


def test_open_story_comes_back_whole_and_a_closed_one_not_at_all(store: MonitorStore) -> None:
    hours = timedelta(hours=1)
    times = {"old": 0, "begun": 0, "goes on": 50}
    titles = {"old": "Norvik mine halts", "begun": "Pilots of Aerolis strike", "goes on": "Pilots of Aerolis strike"}
    start = ITEMS[0].ingested_at
    items = [
        Item(key, "f", "s", titles[key], "", None, None, "en", start + at * hours, None, start + at * hours)
        for key, at in times.items()
    ]
    reader = StubReader()
    open_ledger(store, reader).take_in([deliver(items)])
    with reading(store.engine) as connection:
        found = [one.item.key for one in recall.open_stories(connection, reader.version, start + 40 * hours)]
        assert found == ["begun", "goes on"]
        assert list(recall.open_stories(connection, "another", start)) == []


def test_counts_and_alerts_come_back_from_a_time_on(store: MonitorStore) -> None:
    ledger = open_ledger(store)
    ledger.take_in([deliver(ITEMS[:COUNT])])
    with reading(store.engine) as connection:
        everything = list(recall.window_counts(connection, "stub-1", BEGINNING))
        first = recall.first_window(connection, "stub-1")
        later = list(recall.window_counts(connection, "stub-1", ITEMS[400].event_at))
        alerts = recall.known_alerts(connection, BEGINNING)
        long_after = recall.known_alerts(connection, ITEMS[-1].ingested_at + timedelta(days=9))
    assert first == everything[0].starts_at
    assert later == [count for count in everything if count.starts_at >= ITEMS[400].event_at]
    assert sum(count.items for count in everything if count.series == "overall") == COUNT
    assert {alert.series for alert in alerts} >= {"topic:energy"}
    assert {alert.series for alert in long_after} == {alert.series for alert in alerts}  # the last of each series
    assert len(long_after) == len({alert.series for alert in alerts})

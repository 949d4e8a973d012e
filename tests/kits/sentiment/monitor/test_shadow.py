"""Another model takes over with counts of its own: what it calls negative more often is no surge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from core.store.database import reading
from kits.sentiment.config import SentimentConfig
from kits.sentiment.monitor.process import Monitor
from kits.sentiment.monitor.shadow import Shadow
from kits.sentiment.reading import Reader
from kits.sentiment.store.schema import scores, vectors
from kits.sentiment.store.store import MonitorStore, Superseded, open_store
from tests.kits.sentiment.monitor.test_ledger import ITEMS, deliver, open_ledger
from tests.kits.sentiment.monitor.test_process import SETTINGS, StreamFeed, alert_rows
from tests.kits.sentiment.news import StubReader, make_records

QUIET = make_records(900, seed=3, per_hour=12.0)
BAD = ("default", "fraud", "loss", "strike", "recall")
HARSH = (*BAD, "meeting", "report", "visit")  # finds three times as much negative


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    yield store
    store.engine.dispose()


def take_in(store: MonitorStore, count: int, reader: Reader) -> None:
    feed = StreamFeed(QUIET[:count])
    Monitor(store, Path("model"), lambda _: reader, [feed], SETTINGS).run(once=True, is_replay=True)


def test_harsher_model_raises_no_false_surge_because_it_has_read_the_history(store: MonitorStore) -> None:
    take_in(store, 600, StubReader("mild", BAD))
    take_in(store, 900, StubReader("harsh", HARSH))
    assert alert_rows(store) == []


def test_without_another_version_the_same_change_would_be_a_surge(store: MonitorStore) -> None:
    take_in(store, 600, StubReader("mild", BAD))
    take_in(store, 900, StubReader("mild", HARSH))
    assert alert_rows(store) != []


def make_shadow(store: MonitorStore, epoch: int, reader: Reader, clock: datetime) -> Shadow:
    return Shadow(store, epoch, reader, SentimentConfig(), clock)


def test_history_is_read_bit_by_bit_and_not_again_after_a_restart(store: MonitorStore) -> None:
    open_ledger(store).take_in([deliver(ITEMS)])
    clock = ITEMS[-1].ingested_at
    first = make_shadow(store, store.take_over(), CountingReader("next"), clock)
    steps = [first.read_on(), first.read_on()]
    assert 0 < steps[1] <= steps[0] < len(ITEMS)
    reader = CountingReader("next")
    second = make_shadow(store, store.take_over(), reader, clock)
    while second.read_on():
        pass
    assert reader.count == len(ITEMS) - sum(steps)
    second.take_over("models/next", clock)
    active = store.active_model()
    assert active is not None
    assert (active.version, active.folder) == ("next", "models/next")
    with reading(store.engine) as connection:
        read = connection.execute(select(scores.c.item).where(scores.c.model_version == "next")).scalars().all()
        kept = connection.execute(select(vectors.c.event_at).where(vectors.c.model_version == "next")).scalars().all()
    assert sorted(read) == sorted(item.key for item in ITEMS)
    assert kept
    assert min(kept) > ITEMS[0].event_at  # only those that are still compared


def test_monitor_that_was_superseded_cannot_change_the_model(store: MonitorStore) -> None:
    open_ledger(store).take_in([deliver(ITEMS[:50])])
    clock = ITEMS[49].ingested_at
    shadow = make_shadow(store, store.take_over(), StubReader("next"), clock)
    store.take_over()
    with pytest.raises(Superseded):
        shadow.take_over("models/next", clock)
    assert getattr(store.active_model(), "version", None) != "next"


class CountingReader(StubReader):
    """Counts what it is given to read."""

    def __init__(self, version: str) -> None:
        super().__init__(version, dimensions=4)
        self.count = 0

    def _read(self, item):  # type: ignore[no-untyped-def]
        self.count += 1
        return super()._read(item)

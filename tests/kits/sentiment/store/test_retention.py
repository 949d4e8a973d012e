"""What is old goes with all that hangs on it; what people said, and open alerts, stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from core.store.database import reading, transaction
from kits.sentiment.store import retention
from kits.sentiment.store.retention import delete_old
from kits.sentiment.store.schema import (
    alert_events,
    alerts,
    feedback,
    inbox,
    items,
    metadata,
    outbox,
    scores,
    silences,
    stories,
    vectors,
)
from kits.sentiment.store.store import MonitorStore, open_store
from tests.kits.sentiment.monitor.test_ledger import ITEMS, deliver, open_ledger

FEW = ITEMS[:300]
LAST = ITEMS[-1].ingested_at
MIDDLE = FEW[150].ingested_at


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    open_ledger(store).take_in([deliver(FEW)])
    yield store
    store.engine.dispose()


def rows(store: MonitorStore, table: Any) -> list[Any]:
    with reading(store.engine) as connection:
        return list(connection.execute(select(table)))


def delete_all(store: MonitorStore, before: Any, compared_before: Any = None) -> list[int]:
    """How many rows each step took."""
    steps = []
    while True:
        with transaction(store.engine) as connection:
            steps.append(delete_old(connection, before, compared_before or before))
        if not steps[-1]:
            return steps


def test_items_go_by_their_arrival_with_scores_and_vectors(store: MonitorStore) -> None:
    delete_all(store, MIDDLE)
    kept = {row.key for row in rows(store, items)}
    assert kept == {item.key for item in FEW if item.ingested_at >= MIDDLE}
    assert {row.item for row in rows(store, scores)} == kept
    assert {row.item for row in rows(store, vectors)} <= kept
    assert {row.key for row in rows(store, stories)} >= {row.story for row in rows(store, items)}


def test_step_is_small(store: MonitorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 20)
    steps = delete_all(store, LAST + timedelta(days=1))
    assert len(steps) > 10
    assert max(steps) <= 20 * len(metadata.tables)
    assert rows(store, items) == rows(store, stories) == []


def test_open_alert_stays_and_one_that_is_over_goes_with_its_history(store: MonitorStore) -> None:
    open_ledger(store).take_in([deliver(ITEMS[len(FEW) :])])
    with transaction(store.engine) as connection:
        ids = list(connection.execute(select(alerts.c.id).order_by(alerts.c.id)).scalars())
        connection.execute(update(alerts).values(state="resolved"))
        connection.execute(update(alerts).where(alerts.c.id == ids[0]).values(state="acknowledged"))
    assert len(ids) > 1
    delete_all(store, LAST + timedelta(days=1))
    assert [row.id for row in rows(store, alerts)] == ids[:1]
    assert {row.alert for row in rows(store, alert_events)} == {ids[0]}
    assert {row.alert for row in rows(store, outbox)} <= {ids[0]}


def test_what_people_said_and_what_still_waits_is_never_deleted(store: MonitorStore) -> None:
    said = {"at": ITEMS[0].ingested_at, "by": "ann", "item": ITEMS[0].key, "verdict": "negative"}
    with transaction(store.engine) as connection:
        connection.execute(insert(feedback).values(said))
    store.put_inbox([{"title": "posted long ago"}], ITEMS[0].ingested_at)
    delete_all(store, LAST + timedelta(days=1))
    assert [row.item for row in rows(store, feedback)] == [ITEMS[0].key]
    assert len(rows(store, inbox)) == 1


def test_silence_goes_when_it_has_long_been_over(store: MonitorStore) -> None:
    spans = ((-9, -5, None), (-9, 5, -6), (-9, 5, None))  # ran out, was ended, still holds: days from the middle
    with transaction(store.engine) as connection:
        for start, until, ended in spans:
            days = [None if day is None else MIDDLE + timedelta(days=day) for day in (start, until, ended)]
            values = dict(zip(("starts_at", "until", "ended_at"), days, strict=True))
            connection.execute(insert(silences).values(matchers={}, by="ann", comment="", **values))
    delete_all(store, MIDDLE)
    assert [(row.until, row.ended_at) for row in rows(store, silences)] == [(MIDDLE + timedelta(days=5), None)]


def test_nothing_that_is_young_enough_goes(store: MonitorStore) -> None:
    def count() -> list[int]:
        with reading(store.engine) as connection:
            tables = metadata.sorted_tables
            return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]

    before = count()
    assert delete_all(store, ITEMS[0].event_at - timedelta(hours=2)) == [0]
    assert count() == before

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, event, select
from sqlalchemy.exc import OperationalError

from core.config import DataConfig
from core.store.database import reading, transaction
from kits.sentiment.config import AlertConfig, Channel, NotifyConfig, SentimentConfig, SurgeConfig
from kits.sentiment.feed import Record, make_item
from kits.sentiment.item import DeadLetter, Item
from kits.sentiment.monitor.ledger import Ledger
from kits.sentiment.monitor.pump import Delivery
from kits.sentiment.reading import Reading
from kits.sentiment.store.schema import metadata
from kits.sentiment.store.store import MonitorStore, Superseded, open_store
from tests.kits.sentiment.news import START, StubReader, make_records

CHANNELS = (
    Channel(name="desk", url="https://example.com/hook"),
    Channel(name="chief", url="https://example.com/chief", escalation=True),
)
SETTINGS = SentimentConfig(
    surge=SurgeConfig(min_history_days=2.0),
    alert=AlertConfig(escalate_after="45m"),
    notify=NotifyConfig(channels=CHANNELS),
)
COUNTED = ("alert_events", "outbox", "dead_letters")  # whose numbers may have gaps
TABLES = ("items", "stories", "scores", "vectors", "windows", "alerts", "feeds", *COUNTED)


class NamedFeed:
    """A feed in name only."""

    pause_seconds = 0.0

    def __init__(self, name: str = "wire") -> None:
        self.name = self.address = name

    def poll(self, cursor: str | None, limit: int) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        pass


def make_items(count: int, **options: Any) -> list[Item]:
    records = make_records(count, **options)
    made = [make_item(Record(r, r["id"]), "wire", DataConfig(), START, is_trusted_time=True) for r in records]
    return [item for item in made if isinstance(item, Item)]


ITEMS = make_items(900, per_hour=12.0, surges=(0.8,))


def deliver(items: Sequence[Item], cursor: str = "1", **more: Any) -> Delivery:
    return Delivery(NamedFeed(), cursor, tuple(items), more.pop("letters", ()), START, **more)


def open_ledger(store: MonitorStore, reader: Any = None) -> Ledger:
    reader = reader or StubReader(dimensions=8)
    return Ledger(store, reader, SETTINGS, store.take_over())


def dump(store: MonitorStore, tables: Sequence[str] = TABLES) -> dict[str, list[dict[str, Any]]]:
    """Everything that is stored, in a fixed order: that of the numbers where there are any."""
    found = {}
    with reading(store.engine) as connection:
        for name in tables:
            table = metadata.tables[name]
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            left_out = {"number", "next_at"} if name in COUNTED else set()
            found[name] = [{key: value for key, value in row.items() if key not in left_out} for row in rows]
    return found


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    yield store
    store.engine.dispose()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What a monitor that is never interrupted keeps of ``ITEMS``."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('whole') / 'monitor.db'}")
    ledger = open_ledger(store)
    for start in range(0, len(ITEMS), 100):
        ledger.take_in([deliver(ITEMS[start : start + 100])])
    kept = dump(store)
    store.engine.dispose()
    return kept


def test_everything_is_there_once(whole: dict[str, list[dict[str, Any]]]) -> None:
    assert len(whole["items"]) == len(whole["scores"]) == len(whole["vectors"]) == len(ITEMS)
    assert {row["key"] for row in whole["items"]} == {item.key for item in ITEMS}
    assert sum(row["items"] for row in whole["stories"]) == len(ITEMS)
    assert {row["series"] for row in whole["alerts"]} >= {"topic:energy"}
    assert {(row["channel"], row["what"]) for row in whole["outbox"]} >= {("desk", "opened"), ("chief", "escalated")}
    assert whole["feeds"][0]["items"] == len(ITEMS)


@pytest.mark.parametrize("batch", [7, 331])
def test_restarts_between_batches_change_no_row(
    store: MonitorStore, whole: dict[str, list[dict[str, Any]]], batch: int
) -> None:
    is_often = batch == 7
    ledger = open_ledger(store)
    for number, start in enumerate(range(0, len(ITEMS), batch)):
        if not is_often or number % 12 == 0:
            ledger = open_ledger(store)
        ledger.take_in([deliver(ITEMS[start : start + batch])])
    assert dump(store) == whole


def test_item_that_comes_again_changes_nothing(store: MonitorStore) -> None:
    ledger = open_ledger(store)
    ledger.take_in([deliver(ITEMS[:50]), deliver(ITEMS[40:60])])
    kept = dump(store, TABLES[:-1])
    ledger.take_in([deliver(ITEMS[:60])])
    open_ledger(store).take_in([deliver(ITEMS[30:60] + ITEMS[:5])])
    assert dump(store, TABLES[:-1]) == kept


@pytest.mark.parametrize("statement", ["INSERT INTO items", "UPDATE feeds", "INSERT INTO alerts"])
def test_transaction_that_fails_anywhere_leaves_nothing_and_is_done_again(
    store: MonitorStore, whole: dict[str, list[dict[str, Any]]], statement: str
) -> None:
    ledger = open_ledger(store)
    failing = Event()

    def fail(connection: Any, cursor: Any, sql: str, parameters: Any, context: Any, many: bool) -> None:
        if failing.is_set() and sql.startswith(statement):
            raise lose_connection()

    event.listen(store.engine, "before_cursor_execute", fail)
    for start in range(0, len(ITEMS), 300):
        delivery = deliver(ITEMS[start : start + 300])
        kept = dump(store)
        failing.set()
        is_hit = statement != "INSERT INTO alerts" or start == 600
        if is_hit:
            with pytest.raises(OperationalError):
                ledger.take_in([delivery])
            assert dump(store) == kept
            assert not delivery.kept.is_set()
        failing.clear()
        ledger.take_in([delivery])
        assert delivery.kept.is_set()
    assert dump(store) == whole
    event.remove(store.engine, "before_cursor_execute", fail)


def lose_connection() -> OperationalError:
    """What the driver raises when the database goes away in the middle."""
    lost = OperationalError("…", None, Exception("gone"))
    lost.connection_invalidated = True
    return lost


def test_poisoned_item_becomes_a_dead_letter_and_the_others_are_kept(store: MonitorStore) -> None:
    poisoned = replace(ITEMS[3], title="half a character \ud800 and a NUL \0", url=None)
    ledger = open_ledger(store)
    ledger.take_in([deliver([*ITEMS[:3], poisoned, *ITEMS[4:9]])])
    kept = dump(store)
    assert len(kept["items"]) == 8
    (letter,) = kept["dead_letters"]
    assert (letter["feed"], letter["place"]) == ("wire", poisoned.key)
    assert (kept["feeds"][0]["items"], kept["feeds"][0]["dead"], kept["feeds"][0]["cursor"]) == (8, 1, "1")


class Faulty(StubReader):
    """A reader that cannot read some items, or any."""

    def __init__(self, faults: set[str] | None) -> None:
        super().__init__()
        self._faults = faults

    def read(self, items: Sequence[Item]) -> tuple[list[Reading], NDArray[np.float32] | None]:
        if self._faults is None or any(item.key in self._faults for item in items):
            raise ValueError("cannot read this")
        return super().read(items)


def test_item_that_the_model_cannot_read_stops_no_other(store: MonitorStore) -> None:
    open_ledger(store, Faulty({ITEMS[2].key, ITEMS[5].key})).take_in([deliver(ITEMS[:8])])
    kept = dump(store)
    assert len(kept["items"]) == 6
    assert {letter["reason"] for letter in kept["dead_letters"]} == {"unexpected ValueError: cannot read this"}


def test_model_that_reads_nothing_is_no_fault_of_the_items(store: MonitorStore) -> None:
    with pytest.raises(ValueError, match="cannot read this"):
        open_ledger(store, Faulty(None)).take_in([deliver(ITEMS[:50])])
    kept = dump(store)
    assert (kept["items"], kept["dead_letters"], kept["feeds"]) == ([], [], [])


def test_older_monitor_can_write_no_more(store: MonitorStore) -> None:
    older = open_ledger(store)
    older.take_in([deliver(ITEMS[:5])])
    newer = open_ledger(store)
    with pytest.raises(Superseded, match="another monitor"):
        older.take_in([deliver(ITEMS[5:10])])
    with pytest.raises(Superseded):
        older.advance(ITEMS[-1].ingested_at, is_beat=True)
    newer.take_in([deliver(ITEMS[5:10])])
    assert len(dump(store)["items"]) == 10


def test_posted_records_leave_the_inbox_with_the_transaction_that_keeps_them(store: MonitorStore) -> None:
    store.put_inbox([{"title": "one"}, {"title": "two"}, {"title": "three"}], START)
    letter = DeadLetter("inbox", "inbox:2", "no text", "{}", START)
    open_ledger(store).take_in([deliver(ITEMS[:1], remove=(1, 2), letters=(letter,))])
    assert [row["record"]["title"] for row in dump(store, ["inbox"])["inbox"]] == ["three"]
    assert dump(store)["dead_letters"][0]["place"] == "inbox:2"


def test_escalation_comes_with_time_alone(store: MonitorStore) -> None:
    ledger = open_ledger(store)
    ledger.take_in([deliver(ITEMS[:720])])
    opened_at = next(one.ingested_at for one in ITEMS[720:] if ledger.take_in([deliver([one])]))
    ledger.advance(opened_at + timedelta(minutes=40), is_beat=True)
    assert all(row["what"] != "escalated" for row in dump(store)["outbox"])
    ledger.advance(opened_at + timedelta(minutes=50), is_beat=True)
    assert any(row["what"] == "escalated" for row in dump(store)["outbox"])


def test_old_rows_go_step_by_step_and_open_alerts_and_verdicts_stay(store: MonitorStore) -> None:
    ledger = open_ledger(store)
    ledger.take_in([deliver(ITEMS)])
    with transaction(store.engine) as connection:
        connection.execute(delete(metadata.tables["alert_events"]))
    ledger.advance(ITEMS[-1].ingested_at + timedelta(days=SETTINGS.store.retention_days + 1), is_beat=True)
    steps = 0
    while ledger.delete_old():
        steps += 1
    kept = dump(store)
    assert steps > 1
    assert all(kept[name] == [] for name in ("items", "stories", "scores", "vectors", "windows", "dead_letters"))
    assert {row["state"] for row in kept["alerts"]} <= {"firing", "acknowledged"}


def test_vectors_go_when_nothing_is_compared_with_them_any_more(store: MonitorStore) -> None:
    ledger = open_ledger(store)
    ledger.take_in([deliver(ITEMS[:100])])
    ledger.advance(ITEMS[99].ingested_at + timedelta(hours=SETTINGS.story.hours + 2), is_beat=True)
    while ledger.delete_old():
        pass
    kept = dump(store)
    assert (len(kept["items"]), kept["vectors"]) == (100, [])

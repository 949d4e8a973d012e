from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from core.config import StoreConfig
from core.errors import ConfigError, ModelError, StoreError
from core.store.database import reading
from kits.sentiment.config import AlertConfig, FeedConfig, SentimentConfig, SurgeConfig
from kits.sentiment.feed import Batch, Feed, FeedError, Record
from kits.sentiment.feed.inbox import InboxFeed
from kits.sentiment.monitor.process import Monitor, open_monitor
from kits.sentiment.reading import Reader
from kits.sentiment.store.schema import alerts, items, model_requests, models, scores, windows
from kits.sentiment.store.store import MonitorStore, open_store
from tests.kits.sentiment.news import StubReader, make_records

SETTINGS = SentimentConfig(
    feed=FeedConfig(batch_rows=64), surge=SurgeConfig(min_history_days=2.0), alert=AlertConfig(escalate_after=None)
)
RECORDS = make_records(900, per_hour=12.0, surges=(0.8,))
END = datetime.fromisoformat(RECORDS[-1]["ingested_at"])
DEADLINE_SECONDS = 30.0


class StreamFeed:
    """Records out of a list, as a recorded stream; more may be added."""

    pause_seconds = 0.01
    name = address = "stream"

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.records = list(records)

    def poll(self, cursor: str | None, limit: int) -> Batch:
        start = int(cursor or 0)
        chunk = tuple(Record(one, f"stream:{one['id']}") for one in self.records[start : start + limit])
        return Batch(chunk, str(start + len(chunk)), start + len(chunk) == len(self.records))

    def close(self) -> None:
        pass


class FailingFeed(StreamFeed):
    """A source that never answers."""

    name = address = "failing"

    def poll(self, cursor: str | None, limit: int) -> Batch:
        raise FeedError("not there", where=self.name)


def load(folder: Path) -> Reader:
    """Readers by the name of their folder."""
    if folder.name == "none":
        raise ModelError("there is no model", where=str(folder))
    bad = ("default", "fraud", "loss", "strike", "recall", "meeting", "visit")
    return StubReader(folder.name, bad[: len(folder.name)])


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    yield store
    store.engine.dispose()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("process.BEAT_SECONDS", "swap.LOOK_SECONDS", "pump.FIRST_PAUSE_SECONDS"):
        monkeypatch.setattr(f"kits.sentiment.monitor.{name}", 0.05)


def make(store: MonitorStore, feeds: Sequence[Feed], folder: str = "five!", now: datetime = END) -> Monitor:
    return Monitor(store, Path(folder), load, feeds, SETTINGS, lambda: now)


def count(store: MonitorStore, table: Any) -> int:
    with reading(store.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(int(DEADLINE_SECONDS / 0.02)):
        if is_so():
            return
        Event().wait(0.02)
    raise AssertionError("it did not happen in time")


class Running:
    """A monitor in a thread; what it raises is raised when it is stopped."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._thread = Thread(target=self._run)
        self._error: Exception | None = None

    def _run(self) -> None:
        try:
            self._monitor.run()
        except Exception as error:
            self._error = error

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._monitor.stop()
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error

    def ended(self) -> bool:
        return not self._thread.is_alive()


def alert_rows(store: MonitorStore) -> list[tuple[Any, ...]]:
    with reading(store.engine) as connection:
        rows = connection.execute(select(alerts).order_by(alerts.c.id)).mappings()
        return [(*row.values(),) for row in rows]


def test_stream_is_replayed_on_its_own_clock_the_same_however_often(store: MonitorStore) -> None:
    make(store, [StreamFeed(RECORDS)]).run(once=True, is_replay=True)
    found = alert_rows(store)
    assert (count(store, items), store.clock()) == (900, END)
    assert found
    make(store, [StreamFeed(RECORDS)]).run(once=True, is_replay=True)
    assert (count(store, items), alert_rows(store)) == (900, found)


def test_what_comes_while_it_runs_is_taken_in_until_it_is_stopped(store: MonitorStore) -> None:
    feed = StreamFeed(RECORDS[:30])
    with Running(make(store, [feed, InboxFeed(store.engine)])):
        wait_until(lambda: count(store, items) == 30)
        feed.records += RECORDS[30:50]
        store.put_inbox([{"title": "Posted by hand"}], END)
        wait_until(lambda: count(store, items) == 51)
    assert store.clock() is not None


def test_source_that_fails_is_named_after_the_others_were_taken_in(store: MonitorStore) -> None:
    with pytest.raises(FeedError, match="1 of 2 sources could not be read: failing: not there"):
        make(store, [FailingFeed([]), StreamFeed(RECORDS[:70])]).run(once=True)
    assert count(store, items) == 70


def test_second_monitor_takes_over_and_the_first_one_ends(store: MonitorStore) -> None:
    feed = StreamFeed(RECORDS[:30])
    first = Running(make(store, [feed]))

    def run_both() -> None:
        with first:
            wait_until(lambda: count(store, items) == 30)
            feed.records += RECORDS[30:60]
            with Running(make(store, [feed])):
                wait_until(first.ended)
                wait_until(lambda: count(store, items) == 60)

    with pytest.raises(StoreError, match="another monitor"):
        run_both()


def test_locked_database_is_waited_for(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'monitor.db'}?timeout=0.02")
    feed = StreamFeed(RECORDS[:100])
    holder = sqlite3.connect(tmp_path / "monitor.db", isolation_level=None)
    with Running(make(store, [feed])):
        wait_until(lambda: count(store, items) > 0)
        holder.execute("BEGIN IMMEDIATE")
        seen = count(store, items)
        feed.records += RECORDS[100:300]
        Event().wait(0.5)
        assert count(store, items) == seen
        holder.execute("ROLLBACK")
        wait_until(lambda: count(store, items) == 300)
    holder.close()
    store.engine.dispose()


def test_monitor_can_be_stopped_while_the_database_is_away(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'monitor.db'}?timeout=0.02")
    holder = sqlite3.connect(tmp_path / "monitor.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Running(make(store, [StreamFeed(RECORDS[:100])])):
        Event().wait(0.3)
    holder.execute("ROLLBACK")
    holder.close()
    store.engine.dispose()


def test_other_model_takes_over_without_a_surge_and_with_its_own_counts(store: MonitorStore) -> None:
    make(store, [StreamFeed(RECORDS[:700])]).run(once=True, is_replay=True)
    before, clock = alert_rows(store), datetime.fromisoformat(RECORDS[699]["ingested_at"])
    store.request_model("seven!!", "ann", clock)
    with Running(make(store, [], now=clock + timedelta(minutes=1))):
        wait_until(lambda: store.next_request() is None)
    active = store.active_model()
    assert active is not None
    assert active.version == "seven!!"
    with reading(store.engine) as connection:
        sums = dict(
            connection.execute(
                select(windows.c.model_version, func.sum(windows.c.negative))
                .where(windows.c.series == "overall")
                .group_by(windows.c.model_version)
            ).all()
        )
        states = dict(connection.execute(select(models.c.version, models.c.state)).all())
        answers = connection.execute(select(model_requests.c.answer)).scalars().all()
    assert sums["seven!!"] > 2 * sums["five!"]
    assert states == {"five!": "retired", "seven!!": "active"}
    assert answers == ["seven!!"]
    assert alert_rows(store) == before
    make(store, [StreamFeed(RECORDS)], folder="seven!!").run(once=True, is_replay=True)
    assert {row[1] for row in alert_rows(store)} >= {"topic:energy"}


def test_counts_after_a_swap_are_as_if_the_model_had_always_been_there(store: MonitorStore, tmp_path: Path) -> None:
    make(store, [StreamFeed(RECORDS[:700])]).run(once=True, is_replay=True)
    make(store, [], folder="seven!!").run(once=True, is_replay=True)
    fresh = open_store(f"sqlite:///{tmp_path / 'fresh.db'}")
    make(fresh, [StreamFeed(RECORDS[:700])], folder="seven!!").run(once=True, is_replay=True)
    assert window_rows(store, "seven!!") == window_rows(fresh, "seven!!")
    fresh.engine.dispose()


def window_rows(store: MonitorStore, version: str) -> list[tuple[Any, ...]]:
    wanted = select(windows).where(windows.c.model_version == version).order_by(windows.c.series, windows.c.starts_at)
    with reading(store.engine) as connection:
        return [tuple(row) for row in connection.execute(wanted)]


def test_windows_of_another_length_are_counted_anew(store: MonitorStore, tmp_path: Path) -> None:
    make(store, [StreamFeed(RECORDS[:400])]).run(once=True, is_replay=True)
    halves = SETTINGS.model_copy(update={"surge": SETTINGS.surge.model_copy(update={"window": "30m"})})
    Monitor(store, Path("five!"), load, [StreamFeed(RECORDS[:400])], halves).run(once=True, is_replay=True)
    fresh = open_store(f"sqlite:///{tmp_path / 'fresh.db'}")
    Monitor(fresh, Path("five!"), load, [StreamFeed(RECORDS[:400])], halves).run(once=True, is_replay=True)
    assert window_rows(store, "five!") == window_rows(fresh, "five!")
    fresh.engine.dispose()


def test_start_with_another_model_goes_on_with_the_former_one_until_it_knows_the_history(store: MonitorStore) -> None:
    make(store, [StreamFeed(RECORDS[:700])]).run(once=True, is_replay=True)
    before = alert_rows(store)
    feed = StreamFeed(RECORDS[:760])
    with Running(make(store, [feed], folder="seven!!", now=datetime.fromisoformat(RECORDS[699]["ingested_at"]))):
        wait_until(lambda: getattr(store.active_model(), "version", "") == "seven!!" and count(store, items) == 760)
        feed.records += RECORDS[760:770]
        wait_until(lambda: count(store, items) == 770)
    assert len(before) == len([row for row in alert_rows(store) if row in before])
    with reading(store.engine) as connection:
        unread = select(func.count()).select_from(
            items.outerjoin(scores, (scores.c.item == items.c.key) & (scores.c.model_version == "seven!!"))
        )
        assert connection.execute(unread.where(scores.c.item.is_(None))).scalar_one() == 0


def test_model_that_cannot_be_loaded_is_answered_and_the_active_one_goes_on(store: MonitorStore) -> None:
    store.request_model("models/none", "ann", END)
    feed = StreamFeed(RECORDS[:10])
    with Running(make(store, [feed])):
        wait_until(lambda: store.next_request() is None)
        feed.records += RECORDS[10:20]
        wait_until(lambda: count(store, items) == 20)
    with reading(store.engine) as connection:
        assert connection.execute(select(model_requests.c.answer)).scalar_one() == "models/none: there is no model"
    active = store.active_model()
    assert active is not None
    assert active.version == "five!"


def test_model_that_is_put_into_the_folder_is_gone_over_to(store: MonitorStore, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "manifest.json").write_text("1")
    versions = {"1": "five!", "2": "seven!!"}

    def load_by_content(place: Path) -> Reader:
        return load(Path(versions[(place / "manifest.json").read_text()]))

    monitor = Monitor(store, folder, load_by_content, [StreamFeed(RECORDS[:10])], SETTINGS, lambda: END)
    with Running(monitor):
        wait_until(lambda: count(store, items) == 10)
        (folder / "other.json").write_text("2")
        (folder / "other.json").replace(folder / "manifest.json")
        monitor.reload()
        wait_until(lambda: getattr(store.active_model(), "version", "") == "seven!!")


@pytest.mark.parametrize(
    ("settings", "sources", "options", "match"),
    [
        ({}, ["a.jsonl", "b.jsonl"], {"once": True, "is_replay": True}, "one recorded stream"),
        ({}, ["a.jsonl"], {"is_replay": True}, "--once"),
        ({}, ["a.jsonl", "a.jsonl"], {}, "the same source twice"),
        ({"store": StoreConfig(url="sqlite:///x.db", retention_days=20)}, [], {}, "store.retention_days"),
        ({"alert": AlertConfig(budget="often")}, [], {}, "alert.budget"),
        ({"surge": SurgeConfig(watch=Path("nowhere.toml"))}, [], {}, "watch list"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_opened(
    tmp_path: Path, monkeypatch: Any, settings: dict[str, Any], sources: list[str], options: Any, match: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_text(json.dumps({"title": "a"}))
    with pytest.raises(ConfigError, match=match):
        open_monitor(SentimentConfig(**settings), Path("model"), sources, **options)
    assert not list(tmp_path.glob("*.db"))

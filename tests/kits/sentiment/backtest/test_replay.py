from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.config import DataConfig
from core.errors import DataError
from core.store.database import reading
from kits.sentiment.backtest.replay import Alarm, gather_alarms, read_items, replay
from kits.sentiment.config import AlertConfig, FeedConfig, SentimentConfig, SurgeConfig
from kits.sentiment.feed import open_feed
from kits.sentiment.monitor.process import Monitor
from kits.sentiment.store.schema import alerts
from kits.sentiment.store.store import open_store
from tests.kits.sentiment.news import StubReader, make_records

READER = StubReader(dimensions=16)
SETTINGS = SentimentConfig(
    feed=FeedConfig(batch_rows=64),
    surge=SurgeConfig(min_history_days=2.0),
    alert=AlertConfig(escalate_after=None),
)


def write_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def live_alerts(stream: Path, url: str) -> list[dict[str, Any]]:
    """The alerts that a monitor keeps of a recorded stream."""
    store = open_store(url)
    feed = open_feed(str(stream), SETTINGS.feed, SETTINGS.data, follow=False)
    Monitor(store, stream.parent, lambda folder: READER, [feed], SETTINGS).run(once=True, is_replay=True)
    columns = (alerts.c.id, alerts.c.series, alerts.c.kind, alerts.c.severity, alerts.c.opened_at, alerts.c.evidence)
    with reading(store.engine) as connection:
        rows = connection.execute(select(*columns, alerts.c.state).order_by(alerts.c.opened_at, alerts.c.series))
        found = [dict(row) for row in rows.mappings()]
    store.engine.dispose()
    for row in found:
        row["evidence"].pop("driving")  # its texts are the store's
    return found


def replayed_alerts(stream: Path) -> list[dict[str, Any]]:
    """The same from history on a virtual clock."""
    data = DataConfig(sources=(str(stream),))
    rows: dict[str, dict[str, Any]] = {}
    for signal in replay(read_items(data), READER, SETTINGS).signals:
        state = {"resolved": "resolved", "withdrawn": "withdrawn"}.get(signal.what, "firing")
        opened = signal.at if signal.what == "opened" else rows[signal.alert]["opened_at"]
        rows[signal.alert] = {
            "id": signal.alert,
            "series": signal.series,
            "kind": signal.kind,
            "severity": signal.severity,
            "opened_at": opened,
            "evidence": signal.evidence.to_json() | {"hits": list(signal.hits)},
            "state": state if signal.what != "extended" else rows[signal.alert]["state"],
        }
    return sorted(rows.values(), key=lambda row: (row["opened_at"], row["series"]))


def as_bytes(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, sort_keys=True, default=str).encode()


def test_history_gives_the_very_bytes_of_the_alerts_that_the_monitor_gave_live(tmp_path: Path) -> None:
    stream = write_lines(tmp_path / "stream.jsonl", make_records(900, per_hour=12.0, surges=(0.8,)))
    live = live_alerts(stream, f"sqlite:///{tmp_path / 'live.db'}")
    assert {row["series"] for row in live} >= {"overall", "topic:energy"}
    assert as_bytes(replayed_alerts(stream)) == as_bytes(live)


def test_items_come_in_the_order_of_arrival_and_without_a_time_not_at_all(tmp_path: Path) -> None:
    records = make_records(20)
    untimed = {"id": "x", "title": "Nobody knows when"}
    stream = write_lines(tmp_path / "news.jsonl", [*reversed(records), untimed])
    items = read_items(DataConfig(sources=(str(stream),)))
    assert [item.ingested_at for item in items] == sorted(item.ingested_at for item in items)
    assert len(items) == 20


def test_history_without_a_single_time_is_refused(tmp_path: Path) -> None:
    stream = write_lines(tmp_path / "news.jsonl", [{"title": "Nobody knows when"}])
    with pytest.raises(DataError, match="no item with a time"):
        read_items(DataConfig(sources=(str(stream),)))


def test_withdrawn_alert_is_still_an_alarm_that_someone_heard() -> None:
    from tests.kits.sentiment.surge.test_detector import LATENESS, arrive, make_items, run

    for seed in range(12):
        signals = run(arrive(make_items(seed), seed, LATENESS))
        alarms: list[Alarm] = gather_alarms(signals)
        assert len(alarms) == sum(signal.what == "opened" for signal in signals)
        assert sum(alarm.is_withdrawn for alarm in alarms) == sum(signal.what == "withdrawn" for signal in signals)

"""For tests of what is sent: messages, and a database with their alerts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from core.store.database import transaction
from kits.sentiment.notify.message import Message, Severity, ToldAlert, ToldStory, What, make_message
from kits.sentiment.store import schema
from kits.sentiment.store.store import open_store
from tests.databases import own_database

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
EVIDENCE = {
    "scale": 1, "window_seconds": 3600.0, "at": "2026-01-15T11:00:00+00:00", "count": 12, "stories": 15,
    "expected": 1.3, "expected_given_volume": 1.6, "critical": 6, "dispersion": 0.2, "share": 0.8,
    "expected_share": 0.31, "adjusted": 14.0, "p_value": 2.51e-9, "wave_p_value": 1e-6,
    "threshold": 0.00032, "history_windows": 300,
}  # fmt: skip


def make_alert(
    series: str = "topic:security", severity: Severity = "warning", titles: tuple[str, ...] = (), **values: Any
) -> ToldAlert:
    """An alert of noon, with a story for each title."""
    stories = tuple(
        ToldStory(f"s{n}", f"i{n}", title, f"https://wire.example/{n}", "Harbour Wire", NOON, 0.93, n + 1)
        for n, title in enumerate(titles)
    )
    start, opened = NOON - timedelta(hours=1), NOON - timedelta(minutes=31)
    made = {
        "id": f"{series}!{severity}", "series": series, "kind": "volume", "severity": severity, "state": "firing",
        "starts_at": start, "last_window_at": start, "opened_at": opened, "is_escalated": False,
        "model_version": "7f3a9c51d2e84b06", "evidence": EVIDENCE, "stories": stories,
    }  # fmt: skip
    return ToldAlert(**made | values)


def make_messages(count: int, what: What = "opened") -> list[Message]:
    """Messages about as many alerts."""
    return [make_message(what, NOON, [make_alert(f"topic:t{number}")]) for number in range(count)]


def store_alerts(engine: Engine, *messages: Message) -> None:
    """The rows that the outbox refers to."""
    columns = schema.alerts.c.keys()
    alerts = {alert.id: alert for message in messages for alert in message.alerts}
    rows = [
        {name: getattr(alert, name) for name in columns if hasattr(alert, name)} | {"evidence": {}}
        for alert in alerts.values()
    ]
    with transaction(engine) as connection:
        connection.execute(insert(schema.alerts), rows)


@contextmanager
def open_engine(kind: str, folder: Path) -> Iterator[Engine]:
    """An empty database of the monitor."""
    with own_database(kind, folder) as address:
        store = open_store(address)
        yield store.engine
        store.engine.dispose()

"""The verb ``monitor``: from options to a monitor that runs, and what it found."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import func, select

from core.config import load_config
from core.console import say, show_table
from core.errors import ModelError
from core.store.database import reading
from kits.sentiment.config import SentimentConfig, read_config
from kits.sentiment.monitor.process import Monitor, open_monitor
from kits.sentiment.notify.channel import parse_channel
from kits.sentiment.store.schema import alerts, dead_letters, items, stories
from kits.sentiment.store.store import MonitorStore

_STOPPING = ("SIGTERM", "SIGINT")
_RELOADING = "SIGHUP"


def run(
    *,
    model: Path,
    source: list[str] | None = None,
    store: str | None = None,
    notify: list[str] | None = None,
    once: bool = False,
    replay: bool = False,
    map: list[str] | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: take in what comes, until stopped or, with ``--once``, to the end of what is there.

    Raises:
        ConfigError: Options or settings are wrong.
        ModelError: The model cannot be loaded.
        StoreError: The database cannot be reached, refuses, or another monitor has taken over.
        FeedError: With ``--once`` a source could not be read.
    """
    settings = read_settings(model, store, notify, config=config, set=set, seed=seed, map=map)
    monitor = open_monitor(settings, model, source or [], once=once, is_replay=replay)
    clock = monitor.store.clock()
    say(f"Monitor: {len(source or [])} sources and what is posted, kept in {monitor.store.address}")
    with stopped_by_signals(monitor):
        monitor.run(once=once, is_replay=replay)
    found = summarise(monitor.store, clock)
    if not as_json:
        rows = [
            (
                a["series"],
                a["severity"],
                *(str(a[key])[:16].replace("T", " ") for key in ("starts_at", "opened_at")),
                a["state"],
            )
            for a in found["alerts"]
        ]
        show_table(f"Alerts: {len(rows)}, times in UTC", ("series", "severity", "surge begins", "seen", "state"), rows)
    say(f"{found['items']} items in {found['stories']} stories; {found['dead']} records could not be read")
    return found


def read_settings(model: Path, store: str | None, notify: list[str] | None, **options: Any) -> SentimentConfig:
    """The model's settings, with what the command line says in their place.

    Args:
        model: Folder of the model, whose settings are the beginning.
        store: URL of the database.
        notify: URLs of channels.
        options: As ``read_config`` takes them.

    Raises:
        ConfigError: A setting is wrong.
        ModelError: There is no model.
    """
    file = model / "config.toml"
    if not file.is_file():
        raise ModelError("there is no model", where=str(model), fix="train one: python -m kits.sentiment train")
    settings = read_config(base=load_config(SentimentConfig, file=file), **options)
    if store is not None:
        settings = settings.model_copy(update={"store": settings.store.model_copy(update={"url": store})})
    if notify:
        channels = (*settings.notify.channels, *(parse_channel(url) for url in notify))
        settings = settings.model_copy(update={"notify": settings.notify.model_copy(update={"channels": channels})})
    return settings


def summarise(store: MonitorStore, since: datetime | None) -> dict[str, Any]:
    """What is kept, and the alerts that were opened since a time: what ``--json`` prints."""
    columns = (alerts.c.id, alerts.c.series, alerts.c.kind, alerts.c.severity, alerts.c.state)
    times = (alerts.c.starts_at, alerts.c.last_window_at, alerts.c.opened_at)
    found = select(*columns, *times).order_by(alerts.c.opened_at, alerts.c.series)
    with reading(store.engine) as connection:
        counts = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in (("items", items), ("stories", stories), ("dead", dead_letters))
        }
        rows = connection.execute(found if since is None else found.where(alerts.c.opened_at > since)).mappings().all()
    shown = [{k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]
    return {**counts, "alerts": shown}


@contextmanager
def stopped_by_signals(monitor: Monitor) -> Iterator[None]:
    """While the block runs, SIGTERM and Ctrl-C stop the monitor gently, and SIGHUP lets it look for another model."""

    def stop(number: int, frame: FrameType | None) -> None:
        say("Stopping; what has come in is kept")
        monitor.stop()

    def reload(number: int, frame: FrameType | None) -> None:
        monitor.reload()

    handlers = dict.fromkeys(_STOPPING, stop) | {_RELOADING: reload}
    known = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, handler) for number, handler in known.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

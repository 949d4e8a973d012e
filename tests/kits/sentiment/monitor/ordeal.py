"""A monitor in a process of its own that may be killed, what it must have kept, and who it must have told.

A recorded stream is taken in, so that all that is kept follows from the records: after any number
of kills and failures every table holds what it holds after one run that nothing disturbed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, func, select

from core.config import DataConfig
from core.deliver import deliverer
from core.store.database import open_database, reading
from kits.sentiment.config import AlertConfig, Channel, FeedConfig, NotifyConfig, SentimentConfig, SurgeConfig
from kits.sentiment.feed import Record, make_item
from kits.sentiment.feed.file import FileFeed
from kits.sentiment.item import Item
from kits.sentiment.monitor.process import Monitor, load_reader
from kits.sentiment.monitor.watch import WatchList
from kits.sentiment.reading import Reader
from kits.sentiment.store.schema import items, metadata, outbox
from kits.sentiment.store.store import open_store
from tests.kits.sentiment.news import START, StubReader, make_records
from tests.receiver import Answer, Post, Receiver, answer

BAD_EVERY = 400  # of so many records one is broken
WHEN_TOLD = {"number", "attempts", "next_at", "delivered_at", "given_up_at", "last_error"}
LEFT_OUT = {  # numbers may have gaps; the rest is when and how often something was tried
    "alert_events": {"number"},
    "dead_letters": {"number", "at"},
    "outbox": WHEN_TOLD,
    "feeds": {"address", "cursor", "last_error", "last_error_at"},
    "models": {"folder", "since"},
}
COUNTED = ("alert_events", "outbox", "dead_letters")
# Not the vectors: each start drops those that nothing is compared with any more.
TABLES = ("items", "stories", "scores", "windows", "alerts", "feeds", "models", *COUNTED)
STUB = Path("stub")
_NEEDED_BY_MODELS = ("torch", "transformers.models.bert.modeling_bert", "core.predict.engine", "core.predict.load")
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Trial:
    """One stream, where it is kept, and who is told.

    Attributes:
        source: The records, as JSON lines.
        store: URL of the database.
        hook: URL that is told.
        model: Folder of a trained model; ``stub``: words are read instead of meaning.
        batch_rows: Items of one transaction.
        lease_seconds: A message that was under way at a kill is due again after about so long.
        retry_seconds: Pause after the first delivery that fails.
        most_file_bytes: No file may grow beyond; None: any may.
    """

    source: Path
    store: str
    hook: str
    model: Path = STUB
    batch_rows: int = 16
    lease_seconds: float = deliverer.LEASE_MARGIN_SECONDS
    retry_seconds: float = 0.1
    most_file_bytes: int | None = None

    @property
    def settings(self) -> SentimentConfig:
        """Of a monitor that is impatient with its receivers."""
        channels = (
            Channel(name="desk", url=self.hook, secret="key"),
            Channel(name="chief", url=f"{self.hook}/chief", secret="key", escalation=True, language="zh"),
        )
        notify = NotifyConfig(
            channels=channels, max_attempts=1000, send_seconds=0.5, allow_private=True,
            first_retry_seconds=self.retry_seconds, max_retry_seconds=max(1.0, self.retry_seconds),
        )  # fmt: skip
        return SentimentConfig(
            feed=FeedConfig(batch_rows=self.batch_rows),
            surge=SurgeConfig(min_history_days=2.0),
            alert=AlertConfig(escalate_after="45m"),
            notify=notify,
        )


def write_stream(path: Path, count: int) -> list[str]:
    """Write a stream of so many items, with surges and some broken records; the keys of its items."""
    rhythm: dict[str, Any] = {"per_hour": 12.0, "surges": (0.3, 0.5, 0.7, 0.9)}
    if count < 1000:
        rhythm = {"per_hour": count / 75, "surges": (0.8,)}
    records: list[Mapping[str, Any]] = list(make_records(count, **rhythm))
    lines = [json.dumps(record) for record in records]
    for place in range(BAD_EVERY // 2, len(lines), BAD_EVERY):
        lines.insert(place, '{"id": "broken", "title": ')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = [make_item(Record(r, ""), str(path), DataConfig(), START, is_trusted_time=True) for r in records]
    return [one.key for one in made if isinstance(one, Item)]


def start(trial: Trial) -> tuple[ForkServerProcess, Connection]:
    """Start a monitor; what comes out of the connection says that it has begun."""
    context = multiprocessing.get_context("forkserver")
    needed = () if trial.model == STUB else _NEEDED_BY_MODELS  # or each start would be slow
    context.set_forkserver_preload([__name__, *needed])
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=run_monitor, args=(trial, its), daemon=True)
    process.start()
    its.close()
    return process, mine


def run_monitor(trial: Trial, begun: Connection | None = None) -> None:
    """Take the stream in, from where it was left to its end."""
    deliverer.LEASE_MARGIN_SECONDS = trial.lease_seconds
    if trial.most_file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (trial.most_file_bytes, resource.RLIM_INFINITY))
    if begun is not None:
        os.dup2(os.open(trial.source.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)

    def load(folder: Path) -> Reader:
        """The stub, or a trained model; what comes after that is work."""
        reader = StubReader(dimensions=16) if folder == STUB else load_reader(folder, WatchList({}))
        if begun is not None:
            with suppress(BrokenPipeError):  # nobody wants to know
                begun.send("begun")
        return reader

    store = open_store(trial.store)
    feed = FileFeed(trial.source, follow=False)
    Monitor(store, trial.model, load, [feed], trial.settings).run(once=True, is_replay=True)
    store.engine.dispose()


def run_undisturbed(trial: Trial, folder: Path) -> Rows:
    """What is kept when nothing happens; nobody is told."""
    store = f"sqlite:///{folder / 'undisturbed.db'}"
    process, _ = start(replace(trial, store=store, hook="http://127.0.0.1:9", retry_seconds=3600.0, batch_rows=256))
    process.join()
    return read_rows(store)


def read_rows(store: str) -> Rows:
    """All that is kept and follows from the stream, in a fixed order."""
    engine = open_database(store)
    found: Rows = {}
    with reading(engine) as connection:
        for name in TABLES:
            table = metadata.tables[name]
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            out = LEFT_OUT.get(name, set())
            found[name] = [{key: value for key, value in row.items() if key not in out} for row in rows]
    engine.dispose()
    found["outbox"].sort(key=lambda row: str(row["key"]))
    return found


class Gauge:
    """Looks into a database while a monitor writes."""

    def __init__(self, store: str) -> None:
        self._engine: Engine = create_engine(store, pool_pre_ping=True)

    def count(self) -> int:
        """How many items are kept; 0 while there is no table."""
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                return int(connection.execute(select(func.count()).select_from(items)).scalar_one())
        except DBAPIError:
            return 0

    def undelivered(self) -> int:
        """How many messages have not arrived."""
        with self._engine.connect() as connection:
            waiting = select(func.count()).select_from(outbox).where(outbox.c.delivered_at.is_(None))
            return int(connection.execute(waiting).scalar_one())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def be_moody(receiver: Receiver) -> Answer:
    """Answer in turn as receivers do that fail: well, with 500, not at all, with what is no HTTP, and by hanging up."""

    def garbage(handler: BaseHTTPRequestHandler, post: Post) -> None:
        handler.wfile.write(b"\x00\xff no HTTP\r\n\r\n")

    def hang_up(handler: BaseHTTPRequestHandler, post: Post) -> None:
        handler.connection.close()

    well = answer(200)
    moods = (well, answer(500), garbage, well, receiver.hang, hang_up, answer(429, {"Retry-After": "0"}), well)
    count = iter(range(10**9))

    def give(handler: BaseHTTPRequestHandler, post: Post) -> None:
        moods[next(count) % len(moods)](handler, post)

    return give


def compare(rows: Rows, undisturbed: Rows, keys: Sequence[str], receiver: Receiver) -> dict[str, Any]:
    """What was lost, what is there twice, and what differs from a run that nothing disturbed."""
    kept = Counter(row["key"] for row in rows["items"])
    alerts = Counter((row["series"], row["starts_at"]) for row in rows["alerts"])
    wanted = {row["key"] for row in rows["outbox"]}
    bodies: dict[str, set[bytes]] = {}
    for post in receiver.posts:
        bodies.setdefault(post.headers["Idempotency-Key"], set()).add(post.body)
    told = Counter((path, body) for path, body in {(post.path, post.body) for post in receiver.posts})
    return {
        "items": len(rows["items"]),
        "lost": len(set(keys) - set(kept)),
        "twice": sum(count - 1 for count in kept.values()) + len(set(kept) - set(keys)),
        "alerts": len(rows["alerts"]),
        "alerts_twice": sum(count - 1 for count in alerts.values()),
        "tables_that_differ": [name for name in TABLES if rows[name] != undisturbed[name]],
        "messages": len(wanted),
        "posts": len(receiver.posts),
        "keys_at_the_webhook": len(bodies),
        "not_told": len(wanted - set(bodies)),
        "told_without_a_row": len(set(bodies) - wanted),
        "keys_with_two_bodies": sum(len(found) > 1 for found in bodies.values()),
        "told_twice_after_keys": len(bodies) - len(told),
    }

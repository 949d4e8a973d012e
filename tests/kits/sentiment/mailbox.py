"""For tests of what is sent: messages, a database with their alerts, and a receiver that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


@dataclass
class Post:
    """What was received."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler, Post], None]


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """An answer as HTTP has it."""

    def give(handler: BaseHTTPRequestHandler, post: Post) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return give


@dataclass
class Receiver:
    """A server on this machine; ``answers`` are used up, the last one stays."""

    answers: list[Answer] = field(default_factory=lambda: [answer(200)])
    posts: list[Post] = field(default_factory=list)
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def receive(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep the request and answer it."""
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        if len(body) < length:  # the sender died in the middle of it: no request has arrived
            return
        post = Post(handler.path, dict(handler.headers), body)
        with self.changed:
            self.posts.append(post)
            chosen = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.changed.notify_all()
        chosen(handler, post)

    def wait_for(self, count: int, seconds: float = 10.0) -> None:
        """Wait until so many requests have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.posts) >= count, seconds), f"only {len(self.posts)} came"

    def hang(self, handler: BaseHTTPRequestHandler, post: Post) -> None:
        """An answer that does not come before the test is over."""
        self.released.wait(20)

    def trickle(self, handler: BaseHTTPRequestHandler, post: Post) -> None:
        """An answer that comes byte by byte and never ends."""
        try:
            while not self.released.wait(0.05):
                handler.wfile.write(b"H")
                handler.wfile.flush()
        except OSError:
            return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the tests."""


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    """A receiver that runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.receive(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()

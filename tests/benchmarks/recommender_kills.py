"""Kill a recommender that takes events in: ``python -m tests.benchmarks.recommender_kills --kills 100``.

A process of its own serves over HTTP, two clients post events and items, and at a random moment it is
killed with SIGKILL. Then every event that was answered with 201 must be in the database once, memory
must be what the database says, and a new process goes on. Without ``--store`` a new SQLite file is used.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from sqlalchemy import select

from core.config import ProcessServeConfig
from core.serve.key import make_key
from core.serve.listen import bind, make_server
from core.store.database import reading, transaction
from kits.recommender.config import RecommenderConfig
from kits.recommender.live.living import Living
from kits.recommender.serve.server import make_app
from kits.recommender.store.schema import api_keys, events, items
from kits.recommender.store.store import open_store
from tests.benchmarks.measuring import wait_until_ready
from tests.kits.recommender.shop import NOW, make_recommender

CLIENTS, START_SECONDS = 2, 120.0
MOST_ANSWERS, MOST_WAIT_SECONDS = 12, 0.03  # before the kill: anywhere within the post after so many


@dataclass
class Outcome:
    """What came of many kills: events and items that were accepted, and posts that were never answered."""

    kills: int = 0
    accepted_events: int = 0
    accepted_items: int = 0
    unanswered_posts: int = 0
    unanswered_but_kept_events: int = 0
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass
class Sent:
    """What clients know: keys of events and ids of items by whether they were answered."""

    accepted: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    unanswered: int = 0
    answers: int = 0


def kill_often(address: str, kills: int, seed: int = 0) -> Outcome:
    """Kill a server so many times, and compare after each what it left."""
    chance, outcome, sent, started = random.Random(seed), Outcome(), Sent(), time.monotonic()
    store = open_store(address)
    with transaction(store.engine) as connection:
        key = make_key(connection, api_keys, "bench", ["admin"], NOW)
    store.engine.dispose()
    for number in range(kills):
        _live_and_die(address, key, number, chance, sent)
        _compare(address, sent, outcome)
        outcome.kills += 1
        if outcome.lost or outcome.faults:
            break
    outcome.accepted_events, outcome.accepted_items = len(sent.accepted), len(sent.items)
    outcome.unanswered_posts, outcome.seconds = sent.unanswered, round(time.monotonic() - started, 1)
    return outcome


def _live_and_die(address: str, key: str, number: int, chance: random.Random, sent: Sent) -> None:
    settings = ProcessServeConfig(port=0)
    with closing(bind(settings)) as listener:
        port, child = listener.getsockname()[1], os.fork()
        if child == 0:
            _serve(address, listener, settings)
        try:
            wait_until_ready(port)
            is_over, lock = threading.Event(), threading.Lock()
            seeds = [chance.random() for _ in range(CLIENTS)]
            clients = [
                threading.Thread(target=_post, args=(port, key, f"{number}-{at}", seeds[at], sent, lock, is_over))
                for at in range(CLIENTS)
            ]
            for client in clients:
                client.start()
            _wait_for_answers(sent, sent.answers + chance.randint(1, MOST_ANSWERS))
            time.sleep(chance.random() * MOST_WAIT_SECONDS)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    is_over.set()
    for client in clients:
        client.join()


def _serve(address: str, listener: socket.socket, settings: ProcessServeConfig) -> None:
    """Serve until killed; never returns."""
    with suppress(BaseException):
        living = Living(open_store(address), make_recommender())
        app = make_app(living, RecommenderConfig(serve=settings))

        async def nothing() -> None:
            """No streams."""

        make_server(app, settings, nothing, lambda: True).run([listener])
    os._exit(1)


def _wait_for_answers(sent: Sent, answers: int) -> None:
    until = time.monotonic() + START_SECONDS
    while sent.answers < answers and time.monotonic() < until:
        time.sleep(0.001)


def _post(
    port: int, key: str, name: str, seed: float, sent: Sent, lock: threading.Lock, is_over: threading.Event
) -> None:
    chance, step = random.Random(seed), 0
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        while not is_over.is_set():
            step += 1
            keys, path, body = _make_post(chance, f"{name}-{step}")
            with lock:
                sent.pending.update(keys)
            try:
                connection.request("POST", path, json.dumps(body), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException):
                with lock:
                    sent.unanswered += 1
                return
            if answer.status == 201:
                with lock:
                    sent.answers += 1
                    sent.pending.difference_update(keys)
                    (sent.items if path == "/items" else sent.accepted).update(keys)


def _make_post(chance: random.Random, name: str) -> tuple[list[str], str, dict[str, object]]:
    if chance.random() < 0.1:
        return [name], "/items", {"items": [{"item_id": name, "title": "harbour tide boat", "category": "sea"}]}
    keys = [f"{name}-{at}" for at in range(chance.choice([1, 1, 3, 20]))]
    rows = [
        {
            "user_id": f"u{chance.randrange(50)}",
            "item_id": f"i{chance.randrange(80)}",
            "event": "click",
            "event_id": key,
        }
        for key in keys
    ]
    return keys, "/events", {"events": rows}


def _compare(address: str, sent: Sent, outcome: Outcome) -> None:
    store = open_store(address)
    try:
        with reading(store.engine) as connection:
            kept = set(connection.execute(select(events.c.key)).scalars())
            there = set(connection.execute(select(items.c.item_id)).scalars())
        outcome.lost = sorted((sent.accepted - kept) | (sent.items - there))
        outcome.unanswered_but_kept_events = len(sent.pending & kept)
        outcome.faults = Living(store, make_recommender()).check()
    finally:
        store.engine.dispose()


def main() -> None:
    """Kill, and print the outcome as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--store", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_often(options.store or f"sqlite:///{Path(folder) / 'kills.db'}", options.kills)
    print(json.dumps(asdict(outcome), indent=1))
    raise SystemExit(bool(outcome.lost or outcome.faults))


if __name__ == "__main__":
    main()

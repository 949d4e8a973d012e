"""How fast lists are served over HTTP: ``python -m tests.benchmarks.recommender_serving --items 100000``.

Servers of their own over so many items with drawn vectors, 2,000 users with histories and a ranker as
large as training makes one; eight clients ask for lists at the same time. Reported: p50 and p99 of a list
and requests a second; the processor time that the servers spend on one; how long after an event a list
that is asked for over another connection knows it; memory; and the recall of the candidates against exact
search: ``search_recall`` of as many items as a search is asked for, ``candidate_recall`` of a hundred,
which is more than it is asked for. All times but the processor's are those of the wall clock, so run it
on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from core.config import ProcessServeConfig
from core.model.latent import fit_latent
from core.serve.key import make_key
from core.serve.listen import bind, make_server
from core.serve.share import Shares
from core.store.database import transaction
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Event, Item
from kits.recommender.live.living import Living
from kits.recommender.model.feature import COLUMN
from kits.recommender.model.rank import Lists, Ranker, fit_ranker
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.tower import plain_tower
from kits.recommender.serve.server import make_app
from kits.recommender.state.catalog import Catalog
from kits.recommender.store.schema import api_keys
from kits.recommender.store.store import open_store
from tests.benchmarks.measuring import wait_until_ready
from tests.kits.recommender.shop import make_items

USERS, HISTORY, CLUSTERS, CLIENTS, EVENTS, EXACT_USERS = 2_000, 30, 200, 8, 30, 50
PATIENCE_SECONDS = 10.0
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
RANKED_LISTS, RANKED_ITEMS = 1_000, 50
# What the drawn clicks depend on.
TASTE = {"text_nearest": 8.0, "text_mean": 8.0, "popularity_recent": 0.5, "age_days": -0.02, "category_affinity": 2.0}


def main() -> None:
    """Serve, ask, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=2, help="that serve")
    options = parser.parse_args()
    recommender = make_recommender(options.items, options.dimension)
    found: dict[str, Any] = {"items": options.items, "dimension": options.dimension, "clients": CLIENTS}
    found["processes"] = options.processes
    found["search_recall"] = round(measure_recall(recommender, recommender.config.candidate.per_interest), 4)
    found["candidate_recall"] = round(measure_recall(recommender, 100), 4)
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:///{Path(folder) / 'speed.db'}"
        store = open_store(address)
        with transaction(store.engine) as connection:
            key = make_key(connection, api_keys, "bench", ["admin"], datetime.now(UTC))
        store.engine.dispose()
        settings = ProcessServeConfig(port=0, processes=options.processes)
        with (
            closing(bind(settings)) as listener,
            serving(Path(folder), address, listener, settings, recommender) as servers,
        ):
            port = listener.getsockname()[1]
            before = sum(map(_processor_seconds, servers))
            found |= measure_lists(port, key, options.seconds)
            used = sum(map(_processor_seconds, servers)) - before
            found["processor_ms_a_list"] = round(1000 * used / found["lists"], 2)
            found["event_to_next_list_ms"] = measure_events(port, key)
            found["megabytes_of_a_server"] = round(max(map(_resident_megabytes, servers)))
    print(json.dumps(found, indent=1))


def make_recommender(count: int, dimension: int) -> Recommender:
    """Items around cluster centres, as texts of topics are, and users who like two topics each."""
    random, now = np.random.default_rng(0), datetime.now(UTC)
    centres = random.normal(size=(CLUSTERS, dimension)).astype(np.float32)
    topic = random.integers(CLUSTERS, size=count)
    texts = centres[topic]
    texts += random.normal(scale=1.2, size=(count, dimension)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    items = [
        Item(f"i{number}", f"item {number}", "", (), f"c{topic[number] % 24}", now - timedelta(hours=number % 2000))
        for number in range(count)
    ]
    encoder = fit_latent([item.text for item in make_items()], 16)  # stands in: no text is read here
    recommender = Recommender(
        RecommenderConfig(), Catalog(items), encoder, plain_tower(dimension, HISTORY), texts=texts, version="bench"
    )
    by_topic = [np.flatnonzero(topic == one) for one in range(CLUSTERS)]
    for user in range(USERS):
        own = random.choice(CLUSTERS, size=2)
        for step in range(HISTORY):
            inside = by_topic[own[step % 2]]
            item = int(random.choice(inside)) if len(inside) else int(random.integers(count))
            at = now - timedelta(hours=float(HISTORY - step))
            recommender.observe(Event(f"u{user}", f"i{item}", "click", at))
    recommender.ranker = draw_ranker(recommender)
    return recommender


def draw_ranker(recommender: Recommender) -> Ranker:
    """A ranker of features as they are served and clicks that depend on them, as large as training may make one."""
    random, now = np.random.default_rng(1), datetime.now(UTC)
    every = [item.item_id for item in recommender.catalog.items]
    features, weights = [], []
    for user in random.integers(USERS, size=RANKED_LISTS):
        state = recommender.user(f"u{user}")
        drawn = [every[number] for number in random.integers(len(every), size=RANKED_ITEMS // 2)]
        near = [one.item_id for one in recommender.similar(every[state.items[-1]], RANKED_ITEMS // 2)]
        own = recommender.rank(state, drawn + near, now).features
        told = np.nan_to_num(own[:, [COLUMN[name] for name in TASTE]])
        liking = told @ np.array(list(TASTE.values())) + random.logistic(scale=0.3, size=len(own))
        features.append(own)
        weights.append((liking > np.quantile(liking, 0.9)).astype(np.float32))
    sizes = np.array([len(own) for own in features], dtype=np.int64)
    lists = Lists(np.concatenate(features), np.concatenate(weights), sizes)
    return fit_ranker(lists, lists, recommender.config.rank, seed=0)  # seen lists never stop it before the last tree


def measure_recall(recommender: Recommender, nearest: int) -> float:
    """Share of the exact nearest so many items of a user's query that are among the candidates."""
    shares = []
    for user in range(EXACT_USERS):
        state = recommender.user(f"u{user}")
        query = recommender.tower.query(state, recommender.texts)
        scores = recommender.texts @ query
        scores[list(state.seen)] = -np.inf
        exact = {recommender.catalog.items[row].item_id for row in np.argsort(-scores)[:nearest].tolist()}
        found = {one.item_id for one in recommender.shortlist(state, k=1_000)}
        shares.append(len(exact & found) / len(exact))
    return float(np.mean(shares))


def measure_lists(port: int, key: str, seconds: float) -> dict[str, Any]:
    """Times of lists that several clients ask for at once."""
    times: list[float] = []
    until = time.monotonic() + seconds
    head = f"host: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"

    def ask(client: int) -> None:
        random, own = np.random.default_rng(client), []
        with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
            while time.monotonic() < until:
                asked = f"GET /users/u{random.integers(USERS)}/recommendations HTTP/1.1\r\n{head}\r\n"
                started = time.perf_counter()
                _ask(connection, asked.encode())
                own.append(time.perf_counter() - started)
        times.extend(own[5:])  # the first few warm the connection

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p99 = np.quantile(times, (0.5, 0.99)) * 1000
    return {
        "lists": len(times),
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "per_second": round(len(times) / seconds),
    }


def measure_events(port: int, key: str) -> dict[str, float]:
    """Time from sending an event to having a list that knows it, for users one by one; maybe of another process."""
    times = []
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    for user in range(EVENTS):
        address = f"/users/u{user}/recommendations?log=false"
        with _connect(port) as one, _connect(port) as other:
            item = _get(one, key, address)["items"][0]["item"]["item_id"]
            _get(other, key, address)
            started = time.perf_counter()
            body = {"events": [{"user_id": f"u{user}", "item_id": item, "event": "click"}]}
            one.request("POST", "/events", json.dumps(body), headers)
            answer = one.getresponse()
            answer.read()
            if answer.status != 201:
                raise SystemExit(f"the event was not taken in: {answer.status}")
            while item in [place["item"]["item_id"] for place in _get(other, key, address)["items"]]:
                if time.perf_counter() - started > PATIENCE_SECONDS:
                    raise SystemExit("the next lists do not know the event")
            times.append(1000 * (time.perf_counter() - started))
    return {"median": round(float(np.median(times)), 1), "most": round(max(times), 1)}


def _ask(connection: socket.socket, request: bytes) -> None:
    """Send a request and read its answer to the end, with as little work as can be: it is the servers that count."""
    connection.sendall(request)
    answer = connection.recv(65_536)
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += connection.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(answer.decode(errors="replace"))
    length = int(LENGTH.search(answer[:end]).group(1))  # type: ignore[union-attr]
    missing = end + 4 + length - len(answer)
    while missing > 0:
        missing -= len(connection.recv(missing))


def _connect(port: int) -> closing[HTTPConnection]:
    return closing(HTTPConnection("127.0.0.1", port, timeout=60))


def _get(connection: HTTPConnection, key: str, path: str) -> Any:
    connection.request("GET", path, headers={"authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {body[:200]!r}")
    return json.loads(body)


@contextmanager
def serving(
    folder: Path, address: str, listener: socket.socket, settings: ProcessServeConfig, recommender: Recommender
) -> Iterator[list[int]]:
    """The processes that serve, as ``serve.processes`` has it, with a recommender that they need not load."""
    servers = []
    Shares.create(folder / "shares", settings.processes)
    for place in range(settings.processes):
        if (server := os.fork()) == 0:
            _serve(address, listener, settings, recommender, Shares(folder / "shares", place))
        servers.append(server)
    try:
        wait_until_ready(listener.getsockname()[1])
        time.sleep(settings.processes)  # until the others are ready, too
        yield servers
    finally:
        for server in servers:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)


def _serve(
    address: str, listener: socket.socket, settings: ProcessServeConfig, recommender: Recommender, shares: Shares
) -> None:
    async def nothing() -> None:
        """No streams."""

    with suppress(BaseException):
        app = make_app(Living(open_store(address), recommender), RecommenderConfig(serve=settings))
        make_server(app, settings, nothing, lambda: True, shares if settings.processes > 1 else None).run([listener])
    os._exit(1)


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_megabytes(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


if __name__ == "__main__":
    main()

"""What a server takes on, on a real socket: large bodies, slow and silent clients, too many at once, and its end."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from core.config import ServeConfig
from core.serve.listen import GracefulServer
from tests.core.serve.site import Steered, add_key, make_app, running

WAIT_SECONDS = 10.0


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Site(NamedTuple):
    """A running server, with what is needed to ask it."""

    url: str
    key: str
    steered: Steered
    server: GracefulServer

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=WAIT_SECONDS)
        try:
            own = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
            connection.request(method, path, body, own | headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def raw(self, *lines: str) -> socket.socket:
        """A connection on which the lines of a request were sent."""
        connection = socket.create_connection(self.address, timeout=WAIT_SECONDS)
        connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return connection


@contextmanager
def serve(folder: Path, **settings: float) -> Iterator[Site]:
    chosen = ServeConfig.model_validate({"port": 0, **settings})
    app, engine, steered = make_app(folder, chosen)
    with running(app, chosen) as (url, server):
        try:
            yield Site(url, add_key(engine), steered, server)
        finally:
            steered.go.set()


def read_all(connection: socket.socket) -> bytes:
    """What the server says until it closes the connection."""
    parts = []
    with connection:
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_body_up_to_the_limit_is_taken_and_a_larger_one_refused(tmp_path: Path) -> None:
    with serve(tmp_path, max_body_bytes=2048) as site:
        frame = len(json.dumps({"a": ""}))
        fits = json.dumps({"a": "x" * (2048 - frame)}).encode()
        assert site.ask("POST", "/write", fits).status == 200
        answer = site.ask("POST", "/write", fits + b" ")
        assert answer.status == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"


def test_large_body_without_a_stated_length_is_refused_too(tmp_path: Path) -> None:
    with serve(tmp_path, max_body_bytes=2048) as site:
        head = ("POST /write HTTP/1.1", "host: x", f"authorization: Bearer {site.key}", "transfer-encoding: chunked")
        chunk = ("400", "x" * 1024)
        assert b" 413 " in read_all(site.raw(*head, "", *chunk, *chunk, *chunk, "0", ""))


def test_stranger_s_large_body_is_not_even_read(tmp_path: Path) -> None:
    with serve(tmp_path, max_body_bytes=2048) as site:
        said = site.raw("POST /write HTTP/1.1", "host: x", "content-length: 2000", "connection: close", "")
        assert b" 401 " in read_all(said)


def test_client_that_never_sends_its_body_gets_408_and_takes_nobody_s_turn(tmp_path: Path) -> None:
    with serve(tmp_path, max_seconds=0.5, max_concurrent=1) as site:
        head = ("POST /write HTTP/1.1", "host: x", f"authorization: Bearer {site.key}", "content-length: 10", "")
        slow = [site.raw(*head) for _ in range(5)]
        assert site.ask("GET", "/read").status == 200
        assert all(b" 408 " in read_all(connection) for connection in slow)


def test_client_that_never_finishes_its_head_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.serve.listen.HEAD_SECONDS", 0.3)
    with serve(tmp_path) as site:
        silent, half = site.raw(), site.raw("GET /read HTTP/1.1", "host: x")
        second = site.raw("GET /health/live HTTP/1.1", "host: x", "")
        said = b""
        while not said.endswith(b'{"status":"alive"}'):
            said += second.recv(65536)
        second.sendall(b"GET /hea")
        assert read_all(silent) == read_all(half) == read_all(second) == b""


def test_what_is_no_http_gets_a_problem(tmp_path: Path) -> None:
    with serve(tmp_path) as site:
        said = read_all(site.raw("what is this", ""))
        assert said.startswith(b"HTTP/1.1 400 ")
        assert json.loads(said.rpartition(b"\r\n")[2])["status"] == 400


def test_client_that_reads_nothing_is_let_go(tmp_path: Path) -> None:
    with serve(tmp_path, max_seconds=0.5, max_streams=1) as site:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.connect(site.address)
        connection.sendall(f"GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {site.key}\r\n\r\n".encode())

        def is_free() -> bool:
            site.steered.version += 1
            return not site.server.server_state.tasks

        until(lambda: bool(site.server.server_state.tasks))
        with connection:
            site.steered.filler = "x" * 1_000_000
            until(is_free)


def test_too_many_at_once_are_answered_429_and_health_still_is(tmp_path: Path) -> None:
    with serve(tmp_path, max_concurrent=2, max_waiting=3) as site, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(site.ask, "GET", "/slow") for _ in range(2)]
        for _ in asked:
            assert site.steered.begun.acquire(timeout=WAIT_SECONDS)
        asked += [pool.submit(site.ask, "GET", "/slow") for _ in range(3)]
        until(lambda: len(site.server.server_state.tasks) == 5)
        refused = site.ask("GET", "/read")
        assert refused.status == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["content-type"] == "application/problem+json"
        assert site.ask("GET", "/health/live").status == 200
        site.steered.go.set()
        assert [one.result().status for one in asked] == [200] * 5
        assert site.ask("GET", "/read").status == 200
        assert b'http_refused_total{reason="busy"} 1.0' in site.ask("GET", "/metrics").body


def test_request_that_takes_too_long_is_answered_but_keeps_its_place_until_it_is_done(tmp_path: Path) -> None:
    with serve(tmp_path, max_seconds=0.4, max_concurrent=1, max_waiting=0) as site:
        late = site.ask("GET", "/slow")
        assert (late.status, "retry-after" in late.headers) == (503, True)
        assert site.ask("GET", "/read").status == 429
        site.steered.go.set()
        until(lambda: site.ask("GET", "/read").status == 200)


def test_only_so_many_watch_at_once(tmp_path: Path) -> None:
    with serve(tmp_path, max_streams=2) as site:
        head = ("GET /events HTTP/1.1", "host: x", f"authorization: Bearer {site.key}", "")
        watching = [site.raw(*head) for _ in range(2)]
        assert all(b" 200 " in connection.recv(4096) for connection in watching)
        assert site.ask("GET", "/events").status == 429
        watching.pop().close()
        until(lambda: len(site.server.server_state.tasks) == 1)
        again = site.raw(*head)
        assert b" 200 " in again.recv(4096)
        again.close()
        watching.pop().close()


def test_stop_answers_what_was_asked_ends_streams_and_takes_no_more(tmp_path: Path) -> None:
    with serve(tmp_path) as site, ThreadPoolExecutor(2) as pool:
        asked = pool.submit(site.ask, "GET", "/slow")
        assert site.steered.begun.acquire(timeout=WAIT_SECONDS)
        watching = site.raw("GET /events HTTP/1.1", "host: x", f"authorization: Bearer {site.key}", "")
        assert b" 200 " in watching.recv(4096)
        site.server.should_exit = True
        assert read_all(watching).endswith(b"0\r\n\r\n")
        with pytest.raises(ConnectionError):
            until(lambda: not site.ask("GET", "/read"))
        site.steered.go.set()
        assert asked.result().status == 200

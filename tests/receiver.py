"""A receiver of HTTP POSTs on this machine, for tests: it keeps what comes and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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

"""A web server on this machine, for tests of what fetches."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Handle = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; a test's function answers it."""

    protocol_version = "HTTP/1.1"
    handle_path: dict[str, Handle]
    seen: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.handle_path[self.path](self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Site:
    """Where the server is, what it answers to, and what it was asked."""

    def __init__(self, context: ssl.SSLContext | None, host: str) -> None:
        self.paths: dict[str, Handle] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        request = type("Request", (Request,), {"handle_path": self.paths, "seen": self.seen})
        self.server = ThreadingHTTPServer((host, 0), request)
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def open_site(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Site]:
    """A server that stops with the block."""
    site = Site(context, host)
    site.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on purpose
    thread = Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join()

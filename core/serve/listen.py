"""Binds the address, runs the server until it is told to stop, and ends without dropping anyone."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import h11
import uvicorn
from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.config import ServeConfig
from core.errors import ConfigError, ServeError
from core.serve.log import log
from core.serve.share import Shares, take

HEAD_SECONDS = 10.0
MOST_HEAD_BYTES = 32_768
MOST_CONNECTIONS = 1_000
MOST_WAITING = 2_048
YOUNG_OBJECTS = 10_000  # new ones between two collections; Python's 700 are made by every request


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("192.168.1.7")
    (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(host: str, has_keys: bool) -> None:
    """Refuse to be reachable by others before there is a key for them.

    Raises:
        ConfigError: The address is not this machine's own, and there is no key.
    """
    if not is_loopback(host) and not has_keys:
        raise ConfigError(
            "others could reach this address, and there is no API key yet",
            where="serve.host",
            got=host,
            fix="make one first with the verb key, or listen on 127.0.0.1",
        )


def bind(settings: ServeConfig) -> socket.socket:
    """Take the address; who comes before it is served waits.

    Raises:
        ServeError: It is in use, or not of this machine.
    """
    where = f"{settings.host}:{settings.port}"
    try:
        kind, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Only where the protocol is named does asyncio switch Nagle's algorithm off; with it each answer waits 40 ms.
        listener = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise ServeError(f"no address to listen on: {error.strerror}", where="serve.host", got=settings.host) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(MOST_WAITING)
    except OSError as error:
        listener.close()
        fix = "is it running already? another port: --set serve.port=8001"
        raise ServeError(f"cannot listen: {error.strerror}", where=where, fix=fix) from error
    return listener


def show_url(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_server(
    app: ASGIApp,
    listener: socket.socket,
    settings: ServeConfig,
    on_stop: Callable[[], Awaitable[None]],
    goes_on: Callable[[], bool],
    shares: Shares | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what was asked, and return.

    Args:
        app: What is served.
        listener: As ``bind`` gives it.
        settings: How long requests may take, and so the end.
        on_stop: Ends the answers that would go on for ever.
        goes_on: Asked all the time; the server stops when it says no.
        shares: What this and the other processes hold that take connections from the same address; None: it is alone.

    Raises:
        ServeError: The app could not start.
    """
    server = make_server(app, settings, on_stop, goes_on, shares)
    try:
        server.run([listener])
    except SystemExit as error:
        raise ServeError("the server could not start; the log says why") from error


def make_server(
    app: ASGIApp,
    settings: ServeConfig,
    on_stop: Callable[[], Awaitable[None]],
    goes_on: Callable[[], bool],
    shares: Shares | None = None,
) -> GracefulServer:
    """The server that ``run_server`` runs."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        backlog=MOST_WAITING,
        timeout_graceful_shutdown=round(settings.max_seconds) + 1,
    )
    return GracefulServer(config, on_stop, goes_on, shares)


class GracefulServer(uvicorn.Server):
    """Ends streams before it waits for answers to end, and returns instead of dying of the signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_stop: Callable[[], Awaitable[None]],
        goes_on: Callable[[], bool],
        shares: Shares | None,
    ) -> None:
        super().__init__(config)
        self._on_stop, self._goes_on, self._shares = on_stop, goes_on, shares
        self._taking: list[asyncio.Task[None]] = []

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base does, without threads inside of a matrix product.

        Requests are answered side by side and their matrices are small: BLAS's threads would only wait for each
        other, and do so by spinning, which takes the cores from whoever has something to do.
        """
        with threadpool_limits(1, "blas"):
            super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base does; but where several processes share an address, each takes its share of the connections."""
        gc.collect()
        gc.freeze()  # models and what they know stay to the end: looking through them for garbage stops all answers
        gc.set_threshold(YOUNG_OBJECTS)
        if self._shares is None or sockets is None:
            await super().startup(sockets)
            return
        await super().startup([])
        for listener in sockets:
            self._taking.append(asyncio.create_task(self._take(listener, self._shares)))

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop."""
        if self._shares is not None:  # some connections may have been closed
            self._shares.hold(len(self.server_state.connections))
        return await super().on_tick(counter) or not self._goes_on()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base does, with streams ended first."""
        for task in self._taking:
            task.cancel()
        if self._shares is not None:
            self._shares.leave()
        await self._on_stop()
        await super().shutdown(sockets)

    async def _take(self, listener: socket.socket, shares: Shares) -> None:
        loop = asyncio.get_running_loop()
        async for connection in take(listener, shares):
            try:
                await loop.connect_accepted_socket(self._make_protocol, connection)
            except OSError as error:  # gone already; whoever comes next is to be served all the same
                log("a connection was lost", error=error)
                connection.close()
            shares.hold(len(self.server_state.connections))

    def _make_protocol(self) -> asyncio.Protocol:
        return PatientProtocol(self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at the first signal, at once at the second Ctrl-C."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and number == signal.SIGINT
        self.should_exit = True


class PatientProtocol(H11Protocol):
    """HTTP/1.1 for whoever says in time what they want; else the connection is closed."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a request."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take what came; stop waiting once the head of the request is whole."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say as JSON, too, that this is no HTTP."""
        body = json.dumps({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": msg}).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch_head(self) -> None:
        is_waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if is_waiting and self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)
        elif not is_waiting and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

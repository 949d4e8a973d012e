"""How much a server takes on: size of a body, time of a request, requests at once, people watching.

    a request ─▶ room? ─▶ its whole body, in time ─▶ its turn ─▶ work, in time ─▶ the answer
                  429            413, 408              429           503

Work in a thread cannot be broken off. A request that takes too long is answered, but keeps its
place until its thread is done: more threads than ``max_concurrent`` are never at work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from anyio import CancelScope
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.config import ServeConfig
from core.serve.metrics import Metrics
from core.serve.problem import busy, problem

LINGER_SECONDS = 1.0
_SMOOTHING = 0.1


class Limits:
    """Keeps every request within the settings.

    Args:
        app: What does the work.
        settings: The limits.
        metrics: Where the load is shown.
        streams: Paths whose answer goes on for as long as someone watches.
        free: Paths that are answered however busy the server is.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeConfig,
        metrics: Metrics,
        streams: frozenset[str] = frozenset(),
        free: frozenset[str] = frozenset(),
    ) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self.streams, self.free = streams, free
        self._turns = asyncio.Semaphore(settings.max_concurrent)
        self._inside = self._streams = 0
        self._usual_seconds = 0.1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer why it may not."""
        if scope["type"] != "http" or scope["path"] in self.free:
            await self.app(scope, receive, send)
        elif scope["path"] in self.streams:
            await self._stream(scope, receive, send)
        elif self._inside >= self.settings.max_concurrent + self.settings.max_waiting:
            await self._refuse("busy", busy(scope, "too many requests at once", self._wait()), scope, receive, send)
        else:
            self._inside += 1
            try:
                await self._admit(scope, receive, send)
            finally:
                self._inside -= 1

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = time.monotonic() + self.settings.max_seconds
        most = self.settings.max_body_bytes
        try:
            async with asyncio.timeout(self.settings.max_seconds):
                body = await _read_body(scope, receive, most)
        except TimeoutError:
            detail = f"the request was not sent within {self.settings.max_seconds:g} s"
            answer = problem(scope, 408, detail, headers=CLOSE)
            await self._refuse("slow", answer, scope, receive, send)
            return
        if body is None:
            answer = problem(scope, 413, f"the body is larger than {most} bytes; send it in parts", headers=CLOSE)
            await self._refuse("large", answer, scope, receive, send)
            return
        with self.metrics.waiting.track_inprogress():
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await self._turns.acquire()
            except TimeoutError:
                await self._refuse("busy", busy(scope, "no turn in time", self._wait()), scope, receive, send)
                return
        await self._work(scope, _replay(body, receive), send, deadline)

    async def _work(self, scope: Scope, receive: Receive, send: Send, deadline: float) -> None:
        """Do the work in a task of its own, which gives its place back only when it is really done."""
        answer = _Answer(send, self.settings.max_seconds)
        started = time.monotonic()
        self.metrics.working.inc()
        task = asyncio.ensure_future(answer.come_from(self.app, scope, receive))

        def give_back(done: asyncio.Future[None]) -> None:
            self._turns.release()
            self.metrics.working.dec()
            self._usual_seconds += _SMOOTHING * (time.monotonic() - started - self._usual_seconds)
            if not done.cancelled():
                done.exception()  # maybe nobody waits for it any more

        task.add_done_callback(give_back)
        begun = asyncio.ensure_future(answer.begun.wait())
        try:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.wait({task, begun}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done() or answer.begun.is_set():
                await task
                return
            answer.give_up()
            seconds = self.settings.max_seconds
            answered = busy(scope, f"it took longer than {seconds:g} s", self._wait(), status=503)
            await self._refuse("time", answered, scope, receive, send)
        except asyncio.CancelledError:
            answer.give_up()
            raise
        finally:
            begun.cancel()

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._streams >= self.settings.max_streams:
            answer = busy(scope, "too many pages are open", self.settings.max_seconds)
            await self._refuse("streams", answer, scope, receive, send)
            return
        self._streams += 1
        try:
            with self.metrics.streams.track_inprogress():
                await self.app(scope, receive, _Answer(send, self.settings.max_seconds).send)
        except TimeoutError:
            raise ConnectionAbortedError("the reader does not read") from None
        finally:
            self._streams -= 1

    async def _refuse(self, reason: str, answer: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.metrics.count_refused(reason)
        await answer(scope, receive, send)

    def _wait(self) -> float:
        """Seconds until there may be room: what is inside, at the usual pace."""
        return min(60.0, self._usual_seconds * self._inside / self.settings.max_concurrent)


CLOSE = {"connection": "close"}


class _Answer:
    """Passes an answer on, unless it is over; a reader who does not read is not waited for."""

    def __init__(self, send: Send, seconds: float) -> None:
        self._send, self._seconds = send, seconds
        self._scope = CancelScope()
        self.begun = asyncio.Event()
        self.is_over = False

    async def come_from(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        with self._scope:
            await app(scope, receive, self.send)

    def give_up(self) -> None:
        """Break off what waits; work in a thread goes on, and is waited for (a task's ``cancel`` would not)."""
        self.is_over = True
        self._scope.cancel()

    async def send(self, message: Message) -> None:
        if self.is_over:
            return
        self.begun.set()
        async with asyncio.timeout(self._seconds):
            await self._send(message)


async def _read_body(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """The whole body, so that a slow sender takes nobody's turn; None if it is too large."""
    stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(stated) > most:  # the HTTP layer has made sure that it is a number
        await _swallow(receive)
        return None
    parts, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        size += len(message.get("body", b""))
        if size > most:
            await _swallow(receive)
            return None
        parts.append(message.get("body", b""))
        is_more = message.get("more_body", False)
    return b"".join(parts)


async def _swallow(receive: Receive) -> None:
    """Read on for a moment: who is cut off while still sending sees a broken connection, not the answer."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again

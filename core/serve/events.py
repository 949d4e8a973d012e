"""Server-sent events: one cheap look at the database a second, however many people watch.

A stream remembers by itself how far it has told; the id of each event says so, and a browser that
comes back shows the last one it saw. So nothing is kept here for those who are away, and it does
not matter which process a browser comes back to.

Source: HTML Living Standard, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from core.serve.log import log

RETRY_MILLISECONDS = 2000


@dataclass(frozen=True, slots=True)
class Event:
    """What a page is told.

    Attributes:
        name: Of its kind.
        data: JSON.
        id: How far a stream is once it is told; None: no further than before.
    """

    name: str
    data: Mapping[str, Any]
    id: str | None = None

    def encode(self) -> bytes:
        r"""As it is sent.

        >>> Event("alert", {"state": "firing"}, "7").encode()
        b'event: alert\nid: 7\ndata: {"state": "firing"}\n\n'
        """
        head = f"event: {self.name}\n" + (f"id: {self.id}\n" if self.id is not None else "")
        return f"{head}data: {json.dumps(self.data, default=str)}\n\n".encode()


class Pulse:
    """Notices that something changed, by asking for a version that changes with it.

    Args:
        read: The version; called on a thread, only while someone waits.
        seconds: Between two looks.
    """

    def __init__(self, read: Callable[[], Hashable], seconds: float = 1.0) -> None:
        self._read, self._seconds = read, seconds
        self._beat = asyncio.Condition()
        self._version: Hashable = None
        self._watchers = 0
        self._looking: asyncio.Task[None] | None = None
        self.is_stopped = False

    async def changes(self, heartbeat_seconds: float) -> AsyncIterator[bool]:
        """True at the start and after every change, False when nothing changed for a while; until ``stop``."""
        self._watchers += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            seen = self._version
            yield True
            while not self.is_stopped:
                is_changed = await self._next(seen, heartbeat_seconds)
                seen = self._version
                if not self.is_stopped:
                    yield is_changed
        finally:
            self._watchers -= 1
            if not self._watchers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def stop(self) -> None:
        """End all streams: the server is going down."""
        async with self._beat:
            self.is_stopped = True
            self._beat.notify_all()

    async def _next(self, seen: Hashable, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds), self._beat:
                await self._beat.wait_for(lambda: self.is_stopped or self._version != seen)
        except TimeoutError:
            return False
        return True

    async def _look(self) -> None:
        was_well = True
        while True:
            try:
                version = await run_in_threadpool(self._read)
                was_well = True
            except Exception as error:  # the database is away: say so once, and look again
                if was_well:
                    log("cannot look for changes", error=error)
                was_well, version = False, self._version
            if version != self._version:
                async with self._beat:
                    self._version = version
                    self._beat.notify_all()
            await asyncio.sleep(self._seconds)


def event_response(events: AsyncIterator[Event | None]) -> StreamingResponse:
    """The answer that goes on.

    Args:
        events: What is told; None is a sign of life.
    """

    async def lines() -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        async for event in events:
            yield b": alive\n\n" if event is None else event.encode()

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)

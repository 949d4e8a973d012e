"""How many connections each of several processes holds, so that whoever holds the fewest takes the next one.

All that listen on an address are woken by a connection, and the quickest takes it. Left to that, one
process can come to hold nearly all connections, for as long as their clients keep them open.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from core.serve.log import log

LOOK_SECONDS, MOST_LOOKS = 0.005, 10  # so long is a connection left to a process that holds fewer, but is busy
PAUSE_SECONDS = 1.0
_BYTES, _NOBODY = 8, 2**62


class Shares:
    """A file of one number for each process, which all of them have mapped into memory.

    Args:
        file: As ``create`` has made it.
        place: This process's own, from 0.
    """

    def __init__(self, file: Path, place: int) -> None:
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), 0)
        self._held, self._place = memoryview(self._map).cast("q"), place

    @staticmethod
    def create(file: Path, count: int) -> None:
        """A file for so many processes, none of which is there yet."""
        file.write_bytes(b"".join(_NOBODY.to_bytes(_BYTES, "little") for _ in range(count)))

    def hold(self, count: int) -> None:
        """Tell the others how many connections this process has."""
        self._held[self._place] = count

    def leave(self) -> None:
        """Tell the others that this process takes none any more."""
        self._held[self._place] = _NOBODY

    def is_another_free(self) -> bool:
        """Whether some other process holds fewer than this one."""
        return min(self._held) < self._held[self._place]


async def take(listener: socket.socket, shares: Shares) -> AsyncIterator[socket.socket]:
    """Connections that come, for ever; where another process holds fewer, after leaving it the time to take them.

    Args:
        listener: On which all processes listen.
        shares: What each of them holds.
    """
    listener.setblocking(False)
    while True:
        await _readable(listener)
        for _ in range(MOST_LOOKS):
            if not shares.is_another_free():
                break
            await asyncio.sleep(LOOK_SECONDS)
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            continue  # another process took it, or the client went away
        except OSError as error:  # too many files are open
            log("cannot take a connection", error=error)
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        yield connection


async def _readable(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(listener, wake)
    try:
        await ready
    finally:
        with suppress(ValueError, OSError):  # the listener is closed already
            loop.remove_reader(listener)

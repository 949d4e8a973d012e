"""A message broker as a feed: NATS JetStream, Kafka, Redis streams or RabbitMQ, by FastStream.

FastStream lives in a thread with an event loop of its own. A message is acknowledged only after
its item is kept, so what was under way at a crash comes again; its key tells that it is known.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from core.data.jsonl import read_object
from core.data.row import Rejected
from core.errors import ConfigError, hide_secrets
from kits.sentiment.feed.intake import LIMIT_RAW_CHARACTERS
from kits.sentiment.feed.record import Batch, DeadRecord, FeedError, Record
from kits.sentiment.feed.subscribe import PREFETCH, Line, Wanted, parse_broker, subscribe

START_SECONDS = 10.0
WAIT_SECONDS = 0.2
FIRST_WAIT_SECONDS = 3.0  # a new subscription needs a moment before its first message
CHECK_SECONDS = 15.0
ACK_SECONDS = 10.0
LIMIT_BYTES = 4_000_000
INSTALL = "pip install 'fieldkits[broker]'"

Result = TypeVar("Result")


class BrokerFeed:
    """The messages of a broker, each a JSON object.

    Args:
        url: As ``subscribe`` says.
        follow: Go on for ever; otherwise end when no message comes for a moment.

    Raises:
        ConfigError: The URL is incomplete, or FastStream is not installed.
    """

    pause_seconds = 0.0  # polling waits by itself

    def __init__(self, url: str, *, follow: bool) -> None:
        self._wanted = parse_broker(url)
        if importlib.util.find_spec("faststream") is None:
            raise ConfigError("message brokers need FastStream", where="--source", fix=INSTALL)
        self.name = self.address = hide_secrets(url)
        self._follow = follow
        self._client: _Client | None = None

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """What has come in; the broker itself remembers how far it was read.

        Raises:
            FeedError: The broker cannot be reached, or there is nothing of that name.
        """
        wait = WAIT_SECONDS
        try:
            if self._client is None:
                self._client = _Client(self._wanted)
                wait = WAIT_SECONDS if self._follow else FIRST_WAIT_SECONDS
            messages = self._client.take(limit, wait)
        except ImportError as error:
            raise FeedError(f"its client is not installed ({error.name})", where=self.address, fix=INSTALL) from None
        except Exception as error:  # what a client raises when its server is away is not foreseeable
            self.close()
            reason = hide_secrets(str(error).split("\n")[0][:200]) or type(error).__name__
            raise FeedError(f"does not answer ({reason})", where=self.address) from None
        client = self._client
        records = tuple(_read(message, client.name_place(message)) for message in messages)
        acknowledge = (lambda: client.acknowledge(messages)) if messages else None
        return Batch(records, cursor, is_last=not messages, acknowledge=acknowledge)

    def close(self) -> None:
        """Give back what was not acknowledged, and end the thread."""
        if self._client is not None:
            self._client.close()
            self._client = None


class _Client:
    """A subscription in a thread of its own.

    Args:
        wanted: What to subscribe to.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=f"broker {wanted.kind}", daemon=True)
        self._thread.start()
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_closing = False
        self._line: Line | None = None
        self._open: dict[int, Any] = {}  # came in, and not acknowledged
        self._heard_at = time.monotonic()
        try:
            self._run(self._start(wanted), START_SECONDS)
        except BaseException:
            self.close()
            raise

    def take(self, limit: int, wait_seconds: float) -> list[Any]:
        """Messages in the order in which they came, waiting for the first one."""
        messages = self._run(self._take(limit, wait_seconds), wait_seconds + START_SECONDS)
        now = time.monotonic()
        if messages:
            self._heard_at = now
        elif now - self._heard_at > CHECK_SECONDS:
            self._run(self._check(), START_SECONDS)
            self._heard_at = now
        return messages

    def name_place(self, message: Any) -> str:
        """Where a message stood."""
        return "" if self._line is None else self._line.name_place(message)

    def acknowledge(self, messages: Sequence[Any]) -> None:
        """Tell the broker that messages are kept."""
        if self._line is not None:
            self._run(self._line.acknowledge(messages), ACK_SECONDS)
            for message in messages:
                self._open.pop(id(message), None)

    def close(self) -> None:
        """Give back what is not acknowledged, leave the broker and end the thread."""
        with suppress(Exception):  # the broker may be away; what it has given comes again
            self._run(self._stop(), ACK_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ACK_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        future: Future[Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise TimeoutError(f"no answer within {seconds:g} s") from None

    async def _start(self, wanted: Wanted) -> None:
        self._line = await subscribe(wanted, self._put)
        await self._line.broker.start()

    async def _put(self, message: Any) -> None:
        """Take a message in; while many are waiting, no more are fetched."""
        self._open[id(message)] = message
        self._waiting.put_nowait(message)
        if self._waiting.qsize() >= PREFETCH and not self._is_closing:
            self._has_room.clear()
        await self._has_room.wait()

    async def _take(self, limit: int, wait_seconds: float) -> list[Any]:
        messages: list[Any] = []
        with suppress(TimeoutError):
            messages.append(await asyncio.wait_for(self._waiting.get(), wait_seconds))
        while messages and len(messages) < limit and not self._waiting.empty():
            messages.append(self._waiting.get_nowait())
        if self._waiting.qsize() < PREFETCH:
            self._has_room.set()
        return messages if self._line is None else sorted(messages, key=self._line.number)

    async def _check(self) -> None:
        """Find out whether the silence means that nobody is there.

        Raises:
            ConnectionError: Nobody is.
        """
        if self._line is not None and not (self._line.is_alive() and await self._line.broker.ping(5.0)):
            raise ConnectionError("the connection was lost")

    async def _stop(self) -> None:
        self._is_closing = True
        self._has_room.set()
        if self._line is not None:
            await self._line.end()  # first, or what is given back would be sent here again
            for message in list(self._open.values()):
                with suppress(Exception):  # not every broker can take a message back at once
                    await message.nack()
            await self._line.broker.stop()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _read(message: Any, place: str) -> Record | DeadRecord:
    """A message as a record, if it is a JSON object."""
    body = bytes(message.body)
    shown = body[: 4 * LIMIT_RAW_CHARACTERS].decode("utf-8", "backslashreplace")
    if len(body) > LIMIT_BYTES:
        return DeadRecord(place, f"longer than {LIMIT_BYTES:,} bytes", shown)
    try:
        row = read_object(body.decode("utf-8-sig"), place)
    except UnicodeDecodeError as error:
        return DeadRecord(place, f"not valid UTF-8 at byte {error.start + 1}", shown)
    return DeadRecord(place, row.reason, shown) if isinstance(row, Rejected) else Record(row.values, place)

"""Polls each feed in a thread of its own, one batch in flight, so that none waits for another.

A batch waits until the monitor has kept it; only then is it acknowledged and the next one asked
for. A feed that fails is asked again later, more and more seldom, and stops no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Event, Thread
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from core.console import logger
from core.errors import KitError
from kits.sentiment.config import SentimentConfig
from kits.sentiment.feed import Batch, DeadRecord, Feed, Record, make_item
from kits.sentiment.item import DeadLetter, Item
from kits.sentiment.store.store import MonitorStore

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
TOUCH_SECONDS = 30.0
MOST_FAILURES_ONCE = 3
_STOP_SECONDS = 0.2
_LONGEST_CLOSE_SECONDS = 15.0


@dataclass(frozen=True)
class Delivery:
    """What a feed brought, waiting to be kept.

    Attributes:
        feed: Which.
        cursor: How far it will have been read.
        items: In their order.
        letters: Records that could not become items.
        at: When it came.
        remove: Numbers in the inbox.
        kept: To be set when all that is stored.
    """

    feed: Feed
    cursor: str | None
    items: tuple[Item, ...]
    letters: tuple[DeadLetter, ...]
    at: datetime
    remove: tuple[int, ...] = ()
    kept: Event = field(default_factory=Event)


class Pump:
    """The threads that poll.

    Args:
        store: Where cursors are read and failures noted.
        feeds: Each gets a thread.
        settings: How records are read, and how many a batch may have.
        now: The time of arrival.
        replay: Records say themselves when they arrived.
        once: Stop at the end of what is there.

    Attributes:
        failed: Feeds that were given up, when running once, and why.
    """

    def __init__(
        self,
        store: MonitorStore,
        feeds: Sequence[Feed],
        settings: SentimentConfig,
        now: Callable[[], datetime],
        *,
        replay: bool = False,
        once: bool = False,
    ) -> None:
        self._store, self._data, self._limit, self._now = store, settings.data, settings.feed.batch_rows, now
        self._zone = ZoneInfo(settings.feed.timezone)
        self.failed: dict[str, str] = {}
        self._replay, self._once = replay, once
        self._queue: SimpleQueue[Delivery] = SimpleQueue()
        self._stop = Event()
        self._threads = [Thread(target=self._work, args=(feed,), name=feed.name, daemon=True) for feed in feeds]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Poll no more; what has been delivered and not kept is delivered again after the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_LONGEST_CLOSE_SECONDS)

    def collect(self, timeout_seconds: float) -> list[Delivery]:
        """What has been delivered, about as many items as one batch has; waits for the first."""
        found: list[Delivery] = []
        try:
            found.append(self._queue.get(timeout=timeout_seconds))
            while sum(len(delivery.items) for delivery in found) < self._limit:
                found.append(self._queue.get_nowait())
        except Empty:
            pass
        return found

    def is_done(self) -> bool:
        """Whether all feeds have come to their end and all they brought was collected."""
        return not any(thread.is_alive() for thread in self._threads) and self._queue.empty()

    def _work(self, feed: Feed) -> None:
        cursor: str | None = None
        is_placed, failures, touched = False, 0, time.monotonic()
        while not self._stop.is_set():
            try:
                if not is_placed:
                    cursor, is_placed = self._store.cursor(feed.name), True
                batch = feed.poll(cursor, self._limit)
                failures = 0
            except Exception as error:  # whatever a source does, the others go on
                failures += 1
                self._note(feed, error)
                if self._once and failures == MOST_FAILURES_ONCE:
                    self.failed[feed.name] = str(error)
                    break
                pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE_SECONDS)
                self._stop.wait(max(feed.pause_seconds, pause))
                continue
            is_quiet = time.monotonic() - touched > TOUCH_SECONDS
            if batch.records or batch.acknowledge or batch.cursor != cursor or is_quiet:
                if not self._deliver(feed, batch):
                    break
                cursor, touched = batch.cursor, time.monotonic()
                self._acknowledge(feed, batch)
            if batch.is_last:
                if self._once:
                    break
                self._stop.wait(feed.pause_seconds)
        feed.close()

    def _deliver(self, feed: Feed, batch: Batch) -> bool:
        """Hand a batch over and wait until it is kept; False if it will not be any more."""
        made = [self._make(feed, record) for record in batch.records]
        items = tuple(one for one in made if isinstance(one, Item))
        letters = tuple(one for one in made if isinstance(one, DeadLetter))
        delivery = Delivery(feed, batch.cursor, items, letters, self._now(), batch.remove)
        self._queue.put(delivery)
        while not delivery.kept.wait(_STOP_SECONDS):
            if self._stop.is_set():
                return False
        return True

    def _make(self, feed: Feed, record: Record | DeadRecord) -> Item | DeadLetter:
        now = self._now()
        try:
            return make_item(record, feed.name, self._data, now, is_trusted_time=self._replay, zone=self._zone)
        except Exception as error:  # a record that nobody foresaw is kept, and stops no other
            logger.debug("unforeseen record", exc_info=True)
            return DeadLetter(feed.name, record.place, f"unexpected {type(error).__name__}: {error}", "", now)

    def _note(self, feed: Feed, error: Exception) -> None:
        foreseen = isinstance(error, KitError)
        reason = str(error) if foreseen else f"unexpected {type(error).__name__}: {error}"
        logger.debug("feed %s failed", feed.name, exc_info=not foreseen)
        try:
            self._store.note_failure(feed.name, feed.address, reason, self._now())
        except SQLAlchemyError:
            logger.debug("its failure could not be noted", exc_info=True)

    def _acknowledge(self, feed: Feed, batch: Batch) -> None:
        if batch.acknowledge is not None:
            try:
                batch.acknowledge()
            except Exception as error:  # it comes again, and is known by its keys
                self._note(feed, error)

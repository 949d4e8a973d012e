"""Sends what is in an outbox: one thread for each channel, so that a slow or failing one delays no other.

A message is tried until it arrives or ``max_attempts`` are made; the pauses grow, are
random up to twice the one before (so that many senders do not come back at the same moment), and
are as long as the receiver asks for. What becomes of each is in the outbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Condition, Event, Thread
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from core.config import DeliverConfig
from core.console import logger
from core.deliver.outbox import Due, Outbox
from core.deliver.post import Failure

LOOK_SECONDS = 1.0  # another process may have put a message out, which wakes nobody here
LEASE_MARGIN_SECONDS = 30.0  # for the database and for clocks that differ between machines
FIRST_DATABASE_PAUSE_SECONDS, LONGEST_DATABASE_PAUSE_SECONDS = 0.25, 30.0
Result = TypeVar("Result")


class Sender(Protocol):
    """Sends messages of one channel."""

    def send(self, payload: Mapping[str, Any], key: str) -> Failure | None:
        """Try once; None if it arrived."""


def choose_pause(attempts: int, settings: DeliverConfig, random: Random, asked_seconds: float | None = None) -> float:
    """Seconds until the next attempt: random between none and a limit that doubles each time.

    Args:
        attempts: Made so far.
        settings: The first pause and the longest.
        random: Where chance comes from.
        asked_seconds: The receiver's Retry-After; kept to, up to the longest pause.

    Source: "Exponential Backoff and Jitter" (M. Brooker, AWS Architecture Blog, 2015), full jitter.

    >>> choose_pause(3, DeliverConfig(first_retry_seconds=5), Random(0)) <= 20
    True
    >>> choose_pause(3, DeliverConfig(), Random(0), asked_seconds=120)
    120.0
    """
    limit = min(settings.max_retry_seconds, settings.first_retry_seconds * 2.0 ** min(attempts - 1, 60))
    pause = random.uniform(0.0, limit)
    return pause if asked_seconds is None else max(pause, min(float(asked_seconds), settings.max_retry_seconds))


class Deliverer:
    """The threads that send. Any number of processes may do so on one database.

    Args:
        outbox: What is to be sent.
        senders: By the name of the channel; each gets a thread.
        settings: Limits and pauses.
        now: The time.
        random: For the pauses.
    """

    def __init__(
        self,
        outbox: Outbox,
        senders: Mapping[str, Sender],
        settings: DeliverConfig,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Random | None = None,
    ) -> None:
        self._outbox, self._names = outbox, list(senders)
        chance = random or Random()
        self._workers = [
            _Worker(outbox, name, sender, settings, now, chance) for name, sender in senders.items()
        ]

    def start(self) -> None:
        """Begin to send."""
        for worker in self._workers:
            worker.thread.start()
        try:
            stranded = self._outbox.count_stranded(self._names)
        except SQLAlchemyError:
            return  # only a hint was lost; the workers wait for the database themselves
        for name, count in stranded.items():
            logger.warning("%d messages wait for the channel %s, which is not configured here.", count, name)

    def wake(self) -> None:
        """Look into the outbox now; to be called after a commit."""
        for worker in self._workers:
            worker.wake.set()

    def drain(self, seconds: float) -> bool:
        """Wait until each channel has tried whatever is due now.

        Returns:
            Whether that was so within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        asked = [worker.ask() for worker in self._workers]
        pairs = zip(self._workers, asked, strict=True)
        return all(worker.wait_for(number, max(0.0, deadline - time.monotonic())) for worker, number in pairs)

    def stop(self, seconds: float = 20.0) -> None:
        """End after the deliveries that are under way; those that last longer are made again by whoever is next."""
        for worker in self._workers:
            worker.stopping.set()
        self.wake()
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            if worker.thread.is_alive():
                worker.thread.join(max(0.0, deadline - time.monotonic()))


class _Worker:
    """Sends the messages of one channel, one after the other."""

    def __init__(
        self,
        outbox: Outbox,
        channel: str,
        sender: Sender,
        settings: DeliverConfig,
        now: Callable[[], datetime],
        random: Random,
    ) -> None:
        self._outbox, self._channel, self._sender, self._settings = outbox, channel, sender, settings
        self._now, self._random = now, random
        self._lease = timedelta(seconds=settings.send_seconds + LEASE_MARGIN_SECONDS)
        self.wake, self.stopping = Event(), Event()
        self._asked = self._answered = 0
        self._answer = Condition()
        self.thread = Thread(target=self._work, name=f"deliver {channel}", daemon=True)

    def _work(self) -> None:
        while not self.stopping.is_set():
            self.wake.clear()  # before looking: what is put out from now on is not overlooked
            asked = self._asked
            due = self._insist(lambda: self._outbox.claim(self._channel, self._lease, self._now()))
            if due is not None:
                self._deliver(due)
                continue
            with self._answer:
                self._answered = asked
                self._answer.notify_all()
            self.wake.wait(LOOK_SECONDS)

    def ask(self) -> int:
        """Ask for a look into the outbox; ``wait_for`` the number says when nothing was left to do."""
        with self._answer:
            self._asked += 1
        self.wake.set()
        return self._asked

    def wait_for(self, number: int, seconds: float) -> bool:
        """Whether a look that was asked for, and all that it brought to do, has ended within so long."""
        with self._answer:
            return self._answer.wait_for(lambda: self._answered >= number, seconds)

    def _deliver(self, due: Due) -> None:
        most = self._settings.max_attempts
        if due.attempts > most:  # the process that made the last attempt did not live to say what came of it
            failure: Failure | None = Failure("the last attempt was interrupted")
        else:
            failure = self._send(due)
        now = self._now()
        if failure is None:
            self._insist(lambda: self._outbox.note_delivered(due, now))
            return
        next_at = None
        if due.attempts < most:
            pause = choose_pause(due.attempts, self._settings, self._random, failure.retry_seconds)
            next_at = now + timedelta(seconds=pause)
        self._insist(lambda: self._outbox.note_failed(due, failure.reason, next_at, now))
        became = "tried again" if next_at else f"given up after {most} attempts"
        logger.warning("Channel %s, message %s: %s; %s.", self._channel, due.key[:8], failure.reason, became)

    def _send(self, due: Due) -> Failure | None:
        try:
            return self._sender.send(due.payload, due.key)
        except Exception as error:  # whatever a message or a service brings up, the next message is sent
            logger.debug("Channel %s", self._channel, exc_info=True)
            return Failure(f"it could not be sent: {type(error).__name__}")

    def _insist(self, work: Callable[[], Result]) -> Result | None:
        """Do work on the database, again and again until it can be done or sending is to end."""
        pause = FIRST_DATABASE_PAUSE_SECONDS
        while True:
            try:
                return work()
            except SQLAlchemyError as error:
                if pause == FIRST_DATABASE_PAUSE_SECONDS:
                    logger.warning("Channel %s waits: the database fails (%s).", self._channel, type(error).__name__)
            if self.stopping.wait(pause):
                return None
            pause = min(2 * pause, LONGEST_DATABASE_PAUSE_SECONDS)

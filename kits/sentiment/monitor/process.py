"""``monitor``: takes news in as it comes, counts it, raises alerts; for ever, or once.

    feeds ─▶ pump ─▶ ledger (read, place, count, store, alert) ─▶ deliverer ─▶ channels
                       ▲ one transaction for each batch

The one loop here hands batches over, lets time pass, goes over to a new model and deletes what is
old. Whatever the database does, nothing is lost: the same batch is tried until it is kept.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from core.console import say
from core.errors import ConfigError, KitError
from core.store.database import explain, is_transient
from kits.sentiment.alert.book import AlertBook
from kits.sentiment.config import SentimentConfig
from kits.sentiment.feed import Feed, FeedError, open_feed
from kits.sentiment.feed.inbox import InboxFeed
from kits.sentiment.monitor.ledger import Ledger
from kits.sentiment.monitor.pipeline import Pipeline
from kits.sentiment.monitor.pump import Pump
from kits.sentiment.monitor.shadow import Shadow, window_shape
from kits.sentiment.monitor.swap import Candidate, Swap
from kits.sentiment.monitor.watch import WatchList, read_watch
from kits.sentiment.notify.deliver import open_deliverer
from kits.sentiment.reading import ErrorRates, Reader
from kits.sentiment.step import BEGINNING
from kits.sentiment.store.store import MonitorStore, open_store

TICK_SECONDS, BEAT_SECONDS = 0.25, 5.0
RETENTION_SECONDS, RETENTION_PAUSE_SECONDS = 600.0, 1.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.25, 5.0
DRAIN_SECONDS = 30.0
Load = Callable[[Path], Reader]
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Monitor:
    """The one process that takes items in.

    Args:
        store: Where everything is kept.
        folder: Of the model; when another model is put there, it is gone over to.
        load: Reads a model from a folder.
        feeds: Where items come from.
        settings: Of everything.
        now: The time.
    """

    _ledger: Ledger
    _swap: Swap

    def __init__(
        self,
        store: MonitorStore,
        folder: Path,
        load: Load,
        feeds: Sequence[Feed],
        settings: SentimentConfig,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.settings = store, settings
        self._folder, self._load, self._feeds, self._now = folder, load, feeds, now
        self._deliverer = open_deliverer(store.engine, settings.notify.channels, settings.notify)
        self._stop, self._look = Event(), Event()
        self._beat_due = self._retention_due = 0.0

    def stop(self) -> None:
        """Let ``run`` end after the transaction it is in; from any thread."""
        self._stop.set()

    def reload(self) -> None:
        """Look now whether there is another model in the folder; from any thread."""
        self._look.set()

    def run(self, *, once: bool = False, is_replay: bool = False) -> None:
        """Take in what comes until stopped.

        Args:
            once: End with what is there now.
            is_replay: The time is when the records say they arrived, not what the clock on the wall says.

        Raises:
            StoreError: The database refuses, or another monitor has taken over.
            ModelError: The model cannot be loaded.
        """
        try:
            self._start(is_patient=once)
            self._work(once, is_replay)
        except _Stopped:
            pass
        except SQLAlchemyError as error:
            raise explain(error, self.store.address) from error

    def _start(self, is_patient: bool) -> None:
        """Become the writer; with another model than before only when it knows the history.

        Args:
            is_patient: Wait for that; otherwise the former model goes on meanwhile, if it still is there.
        """
        reader = self._load(self._folder)
        epoch = self._insist(self.store.take_over)
        active, clock = self._insist(self.store.active_model), self._insist(self.store.clock)
        self._swap = Swap(self.store, epoch, self.settings, self._load, self._folder)
        self._ledger = Ledger(self.store, reader, self.settings, epoch)
        has_shape = active is not None and active.shape == window_shape(self.settings)
        if active is not None and has_shape and active.version == reader.version:
            return
        if active is not None and has_shape and clock is not None and not is_patient:
            former = self._load_former(active.folder)
            if former is not None and former.version == active.version:
                self._ledger = Ledger(self.store, former, self.settings, epoch)
                self._swap.begin(Candidate(self._folder), clock, former.version, reader)
                return
        if clock is not None:
            say(f"Model {reader.version} reads the history; then the monitor begins")
        shadow = Shadow(self.store, epoch, reader, self.settings, clock or self._now())
        self._insist(shadow.take_over, str(self._folder), self._now())

    def _load_former(self, folder: str) -> Reader | None:
        try:
            return self._load(Path(folder))
        except KitError:
            return None

    def _work(self, once: bool, is_replay: bool) -> None:
        pump = Pump(self.store, self._feeds, self.settings, self._now, replay=is_replay, once=once)
        pump.start()
        self._deliverer.start()
        try:
            while not self._stop.is_set() and not (once and pump.is_done()):
                deliveries = pump.collect(TICK_SECONDS)
                if deliveries:
                    self._tell_if(self._insist(self._ledger.take_in, deliveries))
                self._pass_time(is_replay)
                self._insist(self._change_model)
                self._insist(self._delete_old)
            if once and not self._stop.is_set():
                self._beat_due = 0.0
                self._pass_time(is_replay)
                self._deliverer.drain(DRAIN_SECONDS)
        finally:
            pump.stop()
            self._swap.stop()
            self._deliverer.stop()
        if pump.failed:
            reasons = "; ".join(pump.failed.values())
            raise FeedError(f"{len(pump.failed)} of {len(self._feeds)} sources could not be read: {reasons}")

    def _pass_time(self, is_replay: bool) -> None:
        is_beat = time.monotonic() >= self._beat_due
        if is_beat:
            self._beat_due = time.monotonic() + BEAT_SECONDS
        if is_beat or not is_replay:
            now = BEGINNING if is_replay else self._now()  # the clock does not go back
            self._tell_if(self._insist(self._ledger.advance, now, is_beat=is_beat))

    def _tell_if(self, is_signalled: bool) -> None:
        if is_signalled:
            self._deliverer.wake()

    def _change_model(self) -> None:
        is_asked = self._look.is_set()
        self._look.clear()
        shadow = self._swap.step(self._ledger.clock, self._ledger.reader.version, is_asked=is_asked)
        if shadow is not None:
            self._insist(shadow.take_over, str(self._swap.folder), self._now())
            self._ledger = self._ledger.with_reader(shadow.reader)
            say(f"Model {shadow.reader.version} is active")
            self._insist(self._swap.done, shadow.reader.version, self._now())

    def _delete_old(self) -> None:
        if time.monotonic() >= self._retention_due:
            deleted = self._ledger.delete_old()
            self._retention_due = time.monotonic() + (RETENTION_PAUSE_SECONDS if deleted else RETENTION_SECONDS)

    def _insist(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Do what needs the database, again and again until it answers or the monitor is stopped."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                result = work(*args, **kwargs)
            except SQLAlchemyError as error:
                if not is_transient(error):
                    raise
                if pause == FIRST_RETRY_SECONDS:
                    say(f"{explain(error, self.store.address)}; trying again, nothing is lost")
            else:
                if pause > FIRST_RETRY_SECONDS:
                    say("The database answers again")
                return result
            if self._stop.wait(pause):
                raise _Stopped
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)


def open_monitor(
    settings: SentimentConfig, model: Path, sources: Sequence[str], *, once: bool = False, is_replay: bool = False
) -> Monitor:
    """Put a monitor together: its database, its feeds, what it watches, whom it tells.

    Args:
        settings: Of everything.
        model: Folder of the model; it is loaded when the monitor runs.
        sources: As ``open_feed`` takes them. What is posted to the database is always taken in too.
        once: End with what is there.
        is_replay: The sources are one recorded stream.

    Raises:
        ConfigError: Settings or sources are wrong.
        StoreError: The database cannot be reached, or was made by a newer version.
    """
    if is_replay and (len(sources) != 1 or not once):
        raise ConfigError("one recorded stream is replayed, once", where="--replay", fix="--once and one --source")
    AlertBook(settings.alert, settings.notify.channels)  # these two refuse what is wrong before anything is opened
    history = Pipeline(settings, ErrorRates()).detector.history
    if (kept := timedelta(days=settings.store.retention_days)) < history + timedelta(hours=settings.story.hours):
        fix = f"keep at least {(history + timedelta(hours=settings.story.hours)).days + 1} days"
        raise ConfigError("the baseline needs a longer history", where="store.retention_days", got=kept.days, fix=fix)
    watch = read_watch(settings.surge.watch)
    opened = [open_feed(source, settings.feed, settings.data, follow=not once) for source in sources]
    names = Counter(feed.name for feed in opened)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError("the same source twice", where="--source", got=twice[0])
    store = open_store(settings.store.url)
    feeds = opened if is_replay else [InboxFeed(store.engine), *opened]
    return Monitor(store, model, partial(load_reader, watch=watch), feeds, settings)


def load_reader(folder: Path, watch: WatchList) -> Reader:
    """A model that reads items; torch is imported only now.

    Raises:
        ModelError: The folder holds no usable model.
    """
    from kits.sentiment.monitor.reader import ModelReader

    return ModelReader.load(folder, watch)


class _Stopped(Exception):
    """The monitor was stopped while it waited for the database."""

"""Takes items in so that each is kept once, whatever fails: pipeline and store go together or not at all.

The pipeline works in memory, ahead of the transaction that stores what it made. When that fails
the pipeline is thrown away and rebuilt from the store, and the same work is done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.console import logger
from core.store.database import is_transient, reading
from kits.sentiment.alert.book import AlertBook
from kits.sentiment.config import SentimentConfig
from kits.sentiment.item import DeadLetter, Item
from kits.sentiment.monitor.pipeline import Pipeline
from kits.sentiment.monitor.pump import Delivery
from kits.sentiment.reading import Reader
from kits.sentiment.step import BEGINNING, Step
from kits.sentiment.store.recall import (
    first_window,
    known_alerts,
    last_number,
    open_stories,
    window_counts,
    writer_clock,
)
from kits.sentiment.store.retention import delete_old
from kits.sentiment.store.store import (
    FeedProgress,
    MonitorStore,
    Superseded,
    empty_inbox,
    move_feed,
    save_dead,
    save_step,
)

MOST_RAW_CHARACTERS = 4_000
LEAST_SYSTEMATIC = 8  # when so many items in a row fail one by one, it is not the items that are at fault


class Ledger:
    """What the monitor knows and keeps, for one model.

    Args:
        store: Where it is kept.
        reader: Reads the items.
        settings: Of stories, surges, alerts and channels.
        epoch: As ``store.take_over`` gave it.
    """

    def __init__(self, store: MonitorStore, reader: Reader, settings: SentimentConfig, epoch: int) -> None:
        self.reader = reader
        self._store, self._settings, self._epoch = store, settings, epoch
        self._book = AlertBook(settings.alert, settings.notify.channels)
        self._pipeline: Pipeline | None = None

    @property
    def clock(self) -> datetime:
        """Until when everything due has happened."""
        return self._ready().clock

    def with_reader(self, reader: Reader) -> Ledger:
        """The same with another model, which has taken over in the store."""
        return Ledger(self._store, reader, self._settings, self._epoch)

    def take_in(self, deliveries: Sequence[Delivery]) -> bool:
        """Keep what feeds delivered, in one transaction.

        An item that cannot be kept for a reason of its own becomes a dead letter.

        Returns:
            Whether something was signalled.

        Raises:
            SQLAlchemyError: The database does not answer; nothing was kept, and it may be tried again.
            Superseded: Another monitor has taken over.
        """
        fresh = self._fresh(deliveries)
        try:
            is_signalled = self._keep(fresh, deliveries, Counter(item.feed for item in fresh))
        except Superseded:
            raise
        except Exception as error:
            if is_transient(error) or not fresh:
                raise
            logger.debug("a batch failed; its items are taken in one by one", exc_info=True)
            is_signalled = self._keep_singly(fresh, deliveries)
        for delivery in deliveries:
            delivery.kept.set()
        return is_signalled

    def advance(self, clock: datetime, *, is_beat: bool) -> bool:
        """Let time pass: what is due happens and is kept.

        Args:
            clock: The time.
            is_beat: Also see to what is due in the tables, and give a sign of life.

        Returns:
            Whether something was signalled.

        Raises:
            SQLAlchemyError: The database does not answer; it may be tried again.
            Superseded: Another monitor has taken over.
        """
        pipeline = self._ready()
        self._pipeline = None  # until it is stored
        step = pipeline.advance(clock)
        if is_beat or step.signals or step.windows:
            self._store_steps([step], pipeline.clock, (), {})
        self._pipeline = pipeline
        return bool(step.signals)

    def delete_old(self) -> int:
        """Take one step in deleting what is too old; returns how many rows went."""
        clock = self.clock
        before = clock - timedelta(days=self._settings.store.retention_days)
        compared_before = clock - timedelta(hours=self._settings.story.hours + 1)
        with self._store.writing(self._epoch) as connection:
            return delete_old(connection, before, compared_before)

    def _ready(self) -> Pipeline:
        """The pipeline, rebuilt from the store if the last transaction failed."""
        if self._pipeline is None:
            self._pipeline = self._rebuild()
        return self._pipeline

    def _rebuild(self) -> Pipeline:
        pipeline = Pipeline(self._settings, self.reader.errors)
        version = self.reader.version
        with reading(self._store.engine) as connection:
            clock = writer_clock(connection)
            if clock is not None:
                since = clock - pipeline.detector.history
                placed = open_stories(connection, version, pipeline.memory_start(clock))
                counts = window_counts(connection, version, since)
                alerts, first = known_alerts(connection, since), first_window(connection, version)
                pipeline.restore(clock, last_number(connection), placed, counts, alerts, first)
        return pipeline

    def _fresh(self, deliveries: Iterable[Delivery]) -> list[Item]:
        """The items that are not there yet, each once."""
        items = {item.key: item for delivery in deliveries for item in delivery.items}
        known = self._store.known(list(items))
        return [item for key, item in items.items() if key not in known]

    def _keep(self, items: Sequence[Item], deliveries: Sequence[Delivery], counted: Mapping[str, int]) -> bool:
        """Take items in and note that their feeds delivered, with so many new items of each feed."""
        readings, vectors = self.reader.read(items) if items else ([], None)
        pipeline = self._ready()
        self._pipeline = None  # until it is stored
        steps = list(pipeline.take_in(items, readings, vectors))
        self._store_steps(steps, pipeline.clock, deliveries, counted)
        self._pipeline = pipeline
        return any(step.signals for step in steps)

    def _keep_singly(self, items: Sequence[Item], deliveries: Sequence[Delivery]) -> bool:
        letters: list[DeadLetter] = []
        is_signalled = False
        for position, item in enumerate(items, start=1):
            try:
                is_signalled |= self._keep([item], (), {})
            except Superseded:
                raise
            except Exception as error:
                if is_transient(error) or len(letters) == position - 1 == LEAST_SYSTEMATIC - 1:
                    raise
                letters.append(_bury(item, error))
        counted = Counter(item.feed for item in items) - Counter(letter.feed for letter in letters)
        own = {one.feed.name: tuple(letter for letter in letters if letter.feed == one.feed.name) for one in deliveries}
        self._keep((), [replace(one, letters=one.letters + own[one.feed.name]) for one in deliveries], counted)
        return is_signalled

    def _store_steps(
        self, steps: Sequence[Step], clock: datetime, deliveries: Sequence[Delivery], counted: Mapping[str, int]
    ) -> None:
        version = self.reader.version
        with self._store.writing(self._epoch) as connection:
            for step in steps:
                save_step(connection, step, version)
                if step.signals:
                    self._book.apply(connection, step.signals, version)
            self._book.advance(connection, clock)
            for delivery in deliveries:
                feed, dead = delivery.feed, len(delivery.letters)
                save_dead(connection, delivery.letters)
                empty_inbox(connection, delivery.remove)
                count, at = counted.get(feed.name, 0), clock if clock > BEGINNING else delivery.at
                progress = FeedProgress(feed.name, feed.address, delivery.cursor, count, dead, at)
                move_feed(connection, progress)


def _bury(item: Item, error: Exception) -> DeadLetter:
    """A dead letter of an item that could not be kept, in characters that every database keeps."""
    lines = str(getattr(error, "orig", None) or error).splitlines() or [""]
    reason = f"unexpected {type(error).__name__}: {lines[0]}"
    texts = (item.url or item.key, reason, f"{item.title}\n{item.body}"[:MOST_RAW_CHARACTERS])
    place, reason, raw = (text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0") for text in texts)
    return DeadLetter(item.feed, place, reason, raw, item.ingested_at)

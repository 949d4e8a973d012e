"""Lets a model read the history before it takes over, so that its first counts are no surge.

What the former model called negative says nothing of what is usual under the new one. So the new
one reads the items of the baseline's span in the background, its own windows are counted as if it
had been there all the time, and then it becomes the active one in a single transaction.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, update

from core.config import parse_duration
from core.store.database import reading
from core.store.upsert import upsert
from kits.sentiment.config import SentimentConfig
from kits.sentiment.monitor.pipeline import observation_of
from kits.sentiment.reading import Reader
from kits.sentiment.step import Placed
from kits.sentiment.store.recall import Recalled, items_after
from kits.sentiment.store.schema import models, windows, writer
from kits.sentiment.store.store import MonitorStore, save_readings
from kits.sentiment.surge.detector import SurgeDetector
from kits.sentiment.surge.signal import WindowCount

CHUNK_ITEMS = 256


class Shadow:
    """A model on its way to become the active one.

    Args:
        store: With the history.
        epoch: Of the writer.
        reader: The model.
        settings: Of stories and surges.
        clock: The monitor's.
    """

    def __init__(
        self, store: MonitorStore, epoch: int, reader: Reader, settings: SentimentConfig, clock: datetime
    ) -> None:
        self.reader = reader
        self._store, self._epoch, self._shape = store, epoch, window_shape(settings)
        self._detector = SurgeDetector(settings.surge, settings.alert, settings.story, reader.errors)
        seconds, then = parse_duration(settings.surge.window), (clock - self._detector.history).timestamp()
        self._since = datetime.fromtimestamp(then - then % seconds, UTC)  # whole windows only
        self._compared_since = clock - timedelta(hours=settings.story.hours + 1)
        self._number = 0
        self._counts: dict[tuple[str, datetime], WindowCount] = {}

    def read_on(self) -> int:
        """Read and count the next items.

        Returns:
            How many there were; 0: the model knows all that has been taken in.
        """
        version = self.reader.version
        with reading(self._store.engine) as connection:
            recalled = items_after(connection, version, self._number, self._since, CHUNK_ITEMS)
        if not recalled:
            return 0
        read = {one.number: one.reading for one in recalled if one.reading is not None}
        if unread := [one for one in recalled if one.reading is None]:
            placed = self._read(unread)
            with self._store.writing(self._epoch) as connection:
                save_readings(connection, placed, version)
            read |= {one.number: one.reading for one in placed}
        for one in recalled:
            self._detector.observe(observation_of(one.item, one.story, read[one.number]))  # counts; is not listened to
        self._number = recalled[-1].number
        return len(recalled)

    def take_over(self, folder: str, at: datetime) -> None:
        """Become the active model, with what is left to read and all counts.

        Nothing may be taken in meanwhile.

        Args:
            folder: Where the model lies.
            at: The time.
        """
        while self.read_on():
            pass
        version = self.reader.version
        self._counts |= {(count.series, count.starts_at): count for count in self._detector.take_changed()}
        counts = [{"model_version": version} | asdict(count) for count in self._counts.values()]
        with self._store.writing(self._epoch) as connection:
            connection.execute(delete(windows).where(windows.c.model_version == version))
            upsert(connection, windows, counts)
            retire = update(models).where(models.c.state == "active", models.c.version != version)
            connection.execute(retire.values(state="retired"))
            errors = asdict(self.reader.errors)
            row = {"version": version, "folder": folder, "state": "active", "since": at, "errors": errors}
            upsert(connection, models, [row])
            connection.execute(update(writer).values(shape=self._shape))

    def _read(self, unread: list[Recalled]) -> list[Placed]:
        readings, vectors = self.reader.read([one.item for one in unread])
        kept = None if vectors is None else vectors.astype("<f2")
        return [
            Placed(
                one.number,
                one.item,
                one.story,
                readings[row],
                None if kept is None or one.item.event_at < self._compared_since else kept[row],
            )
            for row, one in enumerate(unread)
        ]


def window_shape(settings: SentimentConfig) -> str:
    """What must be the same for counts to be comparable, beside the model: length and lateness of windows.

    >>> window_shape(SentimentConfig())
    '3600 s + 7200 s'
    """
    length, lateness = (parse_duration(text) for text in (settings.surge.window, settings.surge.lateness))
    return f"{length:.0f} s + {lateness:.0f} s"

"""What the pipeline makes of items, as plain data for the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.item import Item
from kits.sentiment.reading import Reading
from kits.sentiment.story.card import StoryRow
from kits.sentiment.surge.signal import Signal, WindowCount

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # where the clock stands before the first item


@dataclass(frozen=True, slots=True)
class Placed:
    """An item that has its place: its number in the order of arrival, its story, its reading.

    Attributes:
        number: Counts the items that were taken in.
        item: With the clock as ``ingested_at``.
        story: Key of its story.
        reading: What the model reads in it.
        vector: ``(dimensions,)`` float16 of length one; None if the model has none.
    """

    number: int
    item: Item
    story: str
    reading: Reading
    vector: NDArray[np.float16] | None


@dataclass(frozen=True, slots=True)
class Step:
    """What one piece of the sequence made. A piece ends where something was signalled.

    Attributes:
        clock: At its end.
        placed: Its items.
        stories: Those that changed, as they stand now.
        windows: Likewise.
        signals: In order of time.
        late_items: How many items came when their window was final.
    """

    clock: datetime
    placed: tuple[Placed, ...] = ()
    stories: tuple[StoryRow, ...] = ()
    windows: tuple[WindowCount, ...] = ()
    signals: tuple[Signal, ...] = ()
    late_items: int = 0

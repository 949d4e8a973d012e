"""What the kit is about: items, what users did with them, and what they were shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

# How much an event says that the user wanted the item. ``show``: it was on the page, nothing more.
EVENT_WEIGHTS: Mapping[str, float] = {
    "show": 0.0,
    "view": 0.3,
    "click": 1.0,
    "comment": 2.0,
    "share": 3.0,
    "purchase": 4.0,
    "dislike": -1.0,
}
CLICK_WEIGHT = EVENT_WEIGHTS["click"]  # an event of at least this weight is a click, in every count and label


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be recommended. Any text may be empty.

    Attributes:
        item_id: Its key.
        title: A line.
        description: Text below it.
        tags: Any number of words.
        category: One word; what caps and calibration count by.
        published_at: In UTC; None: always there.
        author: Who made it.
        is_available: False: out of stock or withdrawn; never recommended, but history may hold it.
        place: ``file:line`` where it was read.
    """

    item_id: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    category: str = ""
    published_at: datetime | None = None
    author: str = ""
    is_available: bool = True
    place: str = ""

    @property
    def text(self) -> str:
        """All that the model reads of it.

        >>> Item("1", "Tide tables", tags=("sea", "harbour"), category="local").text
        'Tide tables. local. sea, harbour'
        """
        parts = (self.title, self.category, ", ".join(self.tags), self.description)
        return ". ".join(part.strip().rstrip(".") for part in parts if part.strip())


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a user did, or (``show``) was shown.

    Attributes:
        user_id: Who.
        item_id: With what.
        kind: A key of ``EVENT_WEIGHTS``.
        at: In UTC.
        impression_id: The list that the item stood in.
        position: Its place there, from 1.
        value: Such as the price paid, or stars given.
        propensity: Probability with which the item was put there, if it was drawn.
        place: ``file:line`` where it was read.
    """

    user_id: str
    item_id: str
    kind: str
    at: datetime
    impression_id: str | None = None
    position: int | None = None
    value: float | None = None
    propensity: float | None = None
    place: str = ""

    @property
    def weight(self) -> float:
        """How much it says that the user wanted the item; below zero: did not."""
        return EVENT_WEIGHTS[self.kind]

    @property
    def is_click(self) -> bool:
        """Whether it is a click or more."""
        return self.weight >= CLICK_WEIGHT


@dataclass(frozen=True, slots=True)
class Impression:
    """A list that a user was shown, or a click beside sampled items that might have been.

    Attributes:
        user_id: Who.
        at: When it was shown; every feature of it is computed from what was known before.
        item_ids: What was in it.
        weights: Of each item the largest weight of an event in this list; 0: shown and not touched.
        positions: Of each item, from 1; empty where not known.
        propensities: Of each item, 0 where it was not drawn; empty where none was.
        impression_id: As in the log.
        is_sampled: Its negatives were drawn, not shown.
    """

    user_id: str
    at: datetime
    item_ids: tuple[str, ...]
    weights: tuple[float, ...]
    positions: tuple[int, ...] = ()
    propensities: tuple[float, ...] = ()
    impression_id: str = ""
    is_sampled: bool = False

    @property
    def clicks(self) -> tuple[bool, ...]:
        """Which items were clicked or more."""
        return tuple(weight >= CLICK_WEIGHT for weight in self.weights)

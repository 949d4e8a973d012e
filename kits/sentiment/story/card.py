"""What is shown of a story, kept up while items may still join it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kits.sentiment.item import Item

MOST_TITLE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class StoryRow:
    """A story as it stands in the table ``stories``."""

    key: str
    lead_item: str
    title: str
    language: str
    first_at: datetime
    last_at: datetime
    items: int
    sources: int


class StoryCard:
    """A story that items may still join; it is the same in whatever order they came.

    Args:
        key: Of the story.
        item: Its first one.

    Attributes:
        last_at: Event time of its latest item.
    """

    __slots__ = ("_items", "_key", "_lead", "_sources", "last_at")

    def __init__(self, key: str, item: Item) -> None:
        self._key = key
        self._lead = item
        self._items = 1
        self._sources = {item.source or item.feed}
        self.last_at = item.event_at

    def add(self, item: Item) -> None:
        """Let another item join."""
        self._items += 1
        self._sources.add(item.source or item.feed)
        self.last_at = max(self.last_at, item.event_at)
        if (item.event_at, item.key) < (self._lead.event_at, self._lead.key):
            self._lead = item

    def row(self) -> StoryRow:
        """As it is stored."""
        lead = self._lead
        title = (lead.title or lead.body)[:MOST_TITLE_CHARACTERS]
        at, sources = lead.event_at, len(self._sources)
        return StoryRow(self._key, lead.key, title, lead.language, at, self.last_at, self._items, sources)

"""What comes in: a news item, or why a record is none.

Three times are kept apart: when it happened or was meant for (``event_at``, which decides the
window it counts in), when it was published, and when it reached us (``ingested_at``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Item:
    """One news item, report or comment.

    Attributes:
        key: Tells it from every other; the same item, delivered twice, has the same key.
        feed: Name of the feed that brought it.
        source: Who published it, ``""`` if not known.
        title: Headline; ``""`` if there is only a body.
        body: Text below it; may be empty.
        url: Where it stands, http or https only; None if not known.
        entity: The company it was marked with; None if not marked.
        language: ``en`` or ``zh``.
        event_at: The instant that decides its window; never after ``ingested_at``.
        published_at: As its source says; None if it does not.
        ingested_at: When it reached us.
    """

    key: str
    feed: str
    source: str
    title: str
    body: str
    url: str | None
    entity: str | None
    language: str
    event_at: datetime
    published_at: datetime | None
    ingested_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not become an item; kept, so that nothing is lost.

    Attributes:
        feed: Name of the feed that brought it.
        place: Where it stood: ``file:line``, a URL, a message's subject and sequence.
        reason: What is wrong, what was expected, and the fix.
        raw: Its beginning, at most 4,000 characters.
        at: When it reached us.
    """

    feed: str
    place: str
    reason: str
    raw: str
    at: datetime

"""Turns what a program posted into events and items, or says what is wrong with each of them.

Types are not guessed: a position that is a text, or a time without a zone, is a fault of the sender
that would otherwise be found months later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from kits.recommender.event import EVENT_WEIGHTS, Event, Item

FUTURE = timedelta(minutes=5)  # by so much the clocks of a sender and a server may differ
OLDEST = timedelta(days=3650)
LONGEST_ID, LONGEST_KEY, LONGEST_TEXT, MOST_TAGS = 128, 64, 20_000, 50
EVENT_FIELDS = ("user_id", "item_id", "event", "at", "event_id", "impression_id", "position", "value", "propensity")
ITEM_FIELDS = ("item_id", "title", "description", "tags", "category", "published_at", "author", "available")


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be taken in: its place in the request, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Events that can be kept, with the sender's own keys, and those that cannot."""

    events: tuple[Event, ...]
    keys: tuple[str | None, ...]
    refused: tuple[Refused, ...]


def read_events(given: Sequence[object], has_item: Callable[[str], bool], now: datetime) -> Sent:
    """Check events one by one; a bad one stops no other.

    Args:
        given: As JSON was read.
        has_item: Whether there is an item of an id.
        now: The time; an event without one happened now.
    """
    events, keys, refused = [], [], []
    for index, record in enumerate(given):
        try:
            event, key = _event(record, has_item, now)
        except ValueError as error:
            refused.append(Refused(index, str(error)))
        else:
            events.append(event)
            keys.append(key)
    return Sent(tuple(events), tuple(keys), tuple(refused))


def read_item(record: object, item_id: str | None = None) -> Item:
    """Check an item.

    Args:
        record: As JSON was read.
        item_id: Its id, where the address of the request names it.

    Raises:
        ValueError: Says what is wrong.
    """
    fields = _fields(record, ITEM_FIELDS)
    if item_id is not None:
        if fields.get("item_id", item_id) != item_id:
            raise ValueError(f"item_id is {_show(fields['item_id'])}, but the address says {_show(item_id)}")
        fields["item_id"] = item_id
    texts = {name: _text(fields, name, LONGEST_TEXT) for name in ("title", "description", "category", "author")}
    tags = fields.get("tags") or ()
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags) or len(tags) > MOST_TAGS:
        raise ValueError(f"tags is {_show(tags)}, expected a list of up to {MOST_TAGS} texts")
    available = fields.get("available", True)
    if not isinstance(available, bool):
        raise ValueError(f"available is {_show(available)}, expected true or false")
    if not any(texts[name] for name in ("title", "description")) and not tags:
        raise ValueError("has neither title, description nor tags: nothing says what it is")
    published = None if fields.get("published_at") is None else _time(fields, "published_at")
    return Item(
        _id(fields, "item_id"), texts["title"], texts["description"], tuple(tag for tag in tags if tag.strip()),
        texts["category"], published, texts["author"], available,
    )  # fmt: skip


def _event(record: object, has_item: Callable[[str], bool], now: datetime) -> tuple[Event, str | None]:
    fields = _fields(record, EVENT_FIELDS)
    user_id, item_id = _id(fields, "user_id"), _id(fields, "item_id")
    kind = fields.get("event")
    if not isinstance(kind, str) or kind not in EVENT_WEIGHTS:
        raise ValueError(f"event is {_show(kind)}, expected one of {' '.join(EVENT_WEIGHTS)}")
    if not has_item(item_id):
        raise ValueError(f"no item {_show(item_id)}; put it first")
    at = now if fields.get("at") is None else _time(fields, "at")
    if at > now + FUTURE:
        raise ValueError(f"at is {at.isoformat()}, which is yet to come (it is {now.isoformat(timespec='seconds')})")
    if at < now - OLDEST:
        raise ValueError(f"at is {at.isoformat()}, more than ten years ago")
    position = fields.get("position")
    if position is not None and (
        isinstance(position, bool) or not isinstance(position, int) or not 0 < position < 10_000
    ):
        raise ValueError(f"position is {_show(position)}, expected a whole number from 1")
    value = _number(fields, "value", -1e12, 1e12)
    propensity = _number(fields, "propensity", 0.0, 1.0)
    if propensity == 0.0:
        raise ValueError("propensity is 0, expected a number above 0 and up to 1")
    shown = None if fields.get("impression_id") is None else _id(fields, "impression_id", LONGEST_KEY)
    key = None if fields.get("event_id") is None else _id(fields, "event_id", LONGEST_KEY)
    return Event(user_id, item_id, kind, at, shown, position, value, propensity), key


def _fields(record: object, known: Collection[str]) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise ValueError(f"is {_show(record)}, expected an object")
    if unknown := sorted(str(name) for name in record if name not in known):
        raise ValueError(f"has no field {_show(unknown[0])}; there are {' '.join(known)}")
    return {str(name): value for name, value in record.items()}


def _id(fields: Mapping[str, Any], name: str, longest: int = LONGEST_ID) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise ValueError(f"{name} is {_show(value)}, expected a text of 1 to {longest} characters")
    return _storable(value, name)


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"{name} is {_show(value)}, expected a text of up to {longest:,} characters")
    return _storable(value, name).strip()


def _storable(value: str, name: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{name} holds a character that no database keeps")
    return value


def _time(fields: Mapping[str, Any], name: str) -> datetime:
    value = fields.get(name)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1970 <= found.year < 9000:
        raise ValueError(f"{name} is {_show(value)}, expected a time with its zone, such as 2026-03-02T09:30:00Z")
    return found.astimezone(UTC)


def _number(fields: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not low <= value <= high:
        raise ValueError(f"{name} is {_show(value)}, expected a number from {low:g} to {high:g}")
    return float(value)


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"

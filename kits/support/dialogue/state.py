"""What the assistant remembers of a conversation between two turns: plain data, kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from kits.support.answer.response import Audience
from kits.support.dialogue.slot import LASTING, Found, Slot
from kits.support.reading import Language


@dataclass(frozen=True, slots=True)
class Kept:
    """A slot that was filled.

    Attributes:
        words: The customer's own.
        value: What answers show.
        at: When it was said, ISO 8601 with its zone.
        topic: The intents that it was said for.
    """

    words: str
    value: str
    at: str
    topic: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """Where a conversation stands.

    Attributes:
        language: Of the customer's last words.
        audience: Of the topic: the customer's own, or whom the last words spoke of.
        topic: The intents that are talked about; empty at the start.
        question: The words that began the topic.
        at: When the customer last wrote, ISO 8601 with its zone; empty at the start.
        asked: The slot that was asked for last.
        tries: How often in a row it was.
        options: The meanings that were offered last.
        misses: How many turns in a row nothing could be answered.
        last: What the last answer was made of; never given twice running to two questions.
        slots: What was filled.
    """

    language: Language
    audience: Audience
    topic: tuple[str, ...] = ()
    question: str = ""
    at: str = ""
    asked: str | None = None
    tries: int = 0
    options: tuple[str, ...] = ()
    misses: int = 0
    last: str = ""
    slots: Mapping[str, Kept] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> State:
        """The state that ``to_json`` gave."""
        slots = {
            name: Kept(kept["words"], kept["value"], kept["at"], tuple(kept["topic"]))
            for name, kept in value["slots"].items()
        }
        lists = {name: tuple(value[name]) for name in ("topic", "options")}
        return cls(**{**value, **lists, "slots": slots})

    def forget_old(self, now: datetime, slot_minutes: float, topic_minutes: float) -> State:
        """The state without what was said too long ago."""
        slots = {name: kept for name, kept in self.slots.items() if _is_recent(kept.at, now, slot_minutes)}
        if self.at and not _is_recent(self.at, now, topic_minutes):
            return replace(
                self, topic=(), question="", asked=None, tries=0, options=(), misses=0, last="", slots=slots
            )
        return replace(self, slots=slots)

    def fill(self, found: Mapping[str, Found], now: datetime, topic: tuple[str, ...]) -> State:
        """The state with what was found in the last words."""
        new = {name: Kept(one.words, one.value, now.isoformat(), topic) for name, one in found.items()}
        return replace(self, slots={**self.slots, **new})

    def slots_for(self, topic: tuple[str, ...], slots: Mapping[str, Slot]) -> dict[str, Found]:
        """What is filled for a topic: what was said for it, and what holds for others, too."""
        return {
            name: Found(kept.words, kept.value)
            for name, kept in self.slots.items()
            if name in slots and (slots[name].kind in LASTING or set(kept.topic) & set(topic))
        }


def _is_recent(at: str, now: datetime, minutes: float) -> bool:
    return now - datetime.fromisoformat(at) <= timedelta(minutes=minutes)

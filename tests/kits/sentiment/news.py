"""Invented news for tests of the monitor, and a reader that needs no model: the same at every run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.item import Item
from kits.sentiment.reading import ErrorRates, Judgement, Reading

START = datetime(2026, 3, 2, tzinfo=UTC)
TOPICS = ("credit", "energy", "metals", "retail")
_BAD = ("default", "fraud", "loss", "strike", "recall")
_GOOD = ("profit", "growth", "upgrade")
_PLAIN = ("meeting", "report", "schedule", "agenda", "visit")
_SYLLABLES = ("ka", "lo", "mi", "ren", "tas", "vor", "zu", "bel", "dor", "fin", "gar", "hul", "jek", "nop", "pral")


class StubReader:
    """Reads words instead of meaning: bad words are negative, names of topics are topics.

    Args:
        version: As which it reads.
        bad: Words that it takes for bad.
        dimensions: Of vectors it makes from the words; None: none.
    """

    errors = ErrorRates(0.9, 0.02, 500)

    def __init__(self, version: str = "stub-1", bad: Sequence[str] = _BAD, dimensions: int | None = None) -> None:
        self.version = version
        self._bad, self._dimensions = frozenset(bad), dimensions

    def read(self, items: Sequence[Item]) -> tuple[list[Reading], NDArray[np.float32] | None]:
        """What the words say."""
        readings = [self._read(item) for item in items]
        return readings, None if self._dimensions is None else self._vectors(items, self._dimensions)

    def _read(self, item: Item) -> Reading:
        words = item.title.split()
        if not self._bad.isdisjoint(words):
            whole = Judgement("negative", 0.9, 0.02)
        elif not _GOODS.isdisjoint(words):
            whole = Judgement("positive", 0.02, 0.9)
        else:
            whole = Judgement("neutral", 0.1, 0.1)
        return Reading(item.key, whole, {topic: 0.8 for topic in TOPICS if topic in words}, {})

    def _vectors(self, items: Sequence[Item], dimensions: int) -> NDArray[np.float32]:
        vectors = np.zeros((len(items), dimensions), dtype=np.float32)
        for row, item in enumerate(items):
            for word in item.title.split():
                vectors[row, random.Random(word).randrange(dimensions)] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_records(
    count: int, *, seed: int = 0, per_hour: float = 20.0, start: datetime = START, surges: Sequence[float] = ()
) -> list[dict[str, Any]]:
    """Records of a stream in order of arrival: a third of them reprints, some late, some bad.

    Args:
        count: How many.
        seed: Of all that is random.
        per_hour: How many arrive in an hour of the stream.
        start: When the first one arrives.
        surges: Shares of the stream at which two hours of bad news on one topic begin.
    """
    chance = random.Random(seed)
    records: list[dict[str, Any]] = []
    hours = count / per_hour
    for number in range(count):
        hour = number / per_hour
        at = start + timedelta(hours=hour)
        surging = next((s for s in surges if 0 <= hour - s * hours < 2), None)
        if records and chance.random() < 0.25 and surging is None:
            earlier = records[-chance.randrange(1, min(len(records), 200) + 1)]
            title = earlier["title"]
        else:
            is_bad = chance.random() < (0.9 if surging is not None else 0.12)
            word = chance.choice(_BAD if is_bad else _GOOD if chance.random() < 0.3 else _PLAIN)
            topic = "energy" if surging is not None else chance.choice(TOPICS)
            title = f"{_name(chance)} {_name(chance)} {topic} {word} {_name(chance)} {_name(chance)} in {_name(chance)}"
        late = timedelta(minutes=chance.choice((0, 0, 0, 1, 5, 50)))
        records.append(
            {
                "id": f"n{number}",
                "title": title,
                "source": f"Paper {chance.randrange(12)}",
                "url": f"https://example.com/{seed}/{number}",
                "published_at": (at - late).isoformat(),
                "ingested_at": at.isoformat(),
            }
        )
    return records


def _name(chance: random.Random) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(3)).capitalize()


_GOODS = frozenset(_GOOD)

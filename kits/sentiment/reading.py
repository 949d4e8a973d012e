"""What is read in items, and by whom: plain data, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.item import Item

OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How often the model calls a text negative, from the held-out rows of its training.

    Attributes:
        negative_when_negative: Share of the negative texts that it calls negative.
        negative_when_not: Share of the others that it calls negative.
        rows: How many held-out rows that rests on; 0: not known, and taken to be perfect.
    """

    negative_when_negative: float = 1.0
    negative_when_not: float = 0.0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether news is good or bad, for someone.

    Attributes:
        sentiment: ``negative``, ``neutral`` or ``positive``.
        negative: Calibrated probability.
        positive: Likewise.
    """

    sentiment: str
    negative: float
    positive: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model reads in one item.

    Attributes:
        item: Its key.
        whole: The item as a whole.
        topics: Those above their threshold, with their probability.
        companies: Each watched company that it mentions.
    """

    item: str
    whole: Judgement
    topics: Mapping[str, float]
    companies: Mapping[str, Judgement]

    def sentiments(self) -> dict[str, str]:
        """Every series that the item belongs to, and the sentiment it has there."""
        own = self.whole.sentiment
        return (
            {OVERALL: own}
            | {f"topic:{topic}": own for topic in self.topics}
            | {f"company:{name}": judged.sentiment for name, judged in self.companies.items()}
        )


class Reader(Protocol):
    """Reads items: a trained model, or a stand-in."""

    version: str
    errors: ErrorRates

    def read(self, items: Sequence[Item]) -> tuple[list[Reading], NDArray[np.float32] | None]:
        """Readings in the order of the items, and ``(items, dimensions)`` vectors of length one if it has them."""

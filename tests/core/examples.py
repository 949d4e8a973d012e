"""Made-up labelled rows that a tiny model can learn."""

from __future__ import annotations

import numpy as np

from core.data.example import Example, Task

SENTIMENT = Task("sentiment", "single", ("negative", "neutral", "positive"))
TOPICS = Task("topics", "multi", ("commodities", "credit", "labour"))
_MOODS = {
    "positive": ("profit rises sharply", "record dividend raised", "strong demand outlook raised"),
    "negative": ("loss after weak demand", "profit falls sharply", "dividend cut after loss"),
    "neutral": ("annual meeting date", "agenda of the annual meeting", "report on the quarter"),
}
_THEMES = {"commodities": "oil and steel", "credit": "default of the bank", "labour": "strike in the plant"}


def make_examples(rows: int, seed: int = 0, *, partly: bool = False) -> list[Example]:
    """Rows with sentiment and topics; ``partly``: each row carries only one of the two."""
    random = np.random.default_rng(seed)
    examples = []
    for row in range(rows):
        mood = SENTIMENT.labels[random.integers(3)]
        themes = tuple(t for t in TOPICS.labels if random.random() < 0.4)
        words = [_MOODS[mood][random.integers(3)], *(_THEMES[t] for t in themes), f"on the {_ordinal(row)}"]
        labels: dict[str, str | tuple[str, ...]] = {"sentiment": mood, "topics": themes}
        if partly:
            del labels["sentiment" if row % 2 else "topics"]
        examples.append(Example(" . ".join(words), labels=labels, place=f"made.csv:{row + 2}", source="made.csv"))
    return examples


def _ordinal(row: int) -> str:
    return " ".join("abcdefghij"[int(digit)] for digit in str(row))

"""Which words moved a prediction: each is taken out in turn, and the change is its effect.

Source:
    Occlusion after Zeiler and Fergus 2014, section 2.1, with words in place of image patches. It
    asks the model itself, so it holds for every rung; words that only matter together share
    their effect unevenly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.data.example import Text
from core.predict.load import Model

MOST_SPANS = 96
_SPAN = re.compile(r"[㐀-鿿豈-﫿]{1,2}|[^\W㐀-鿿豈-﫿]+(?:[.,'’&-][^\W㐀-鿿豈-﫿]+)*%?|[%$€£¥]")


@dataclass(frozen=True, slots=True)
class Influence:
    """One word and what it did.

    Attributes:
        word: As it stands in the text.
        start: Its first character.
        end: One past its last character.
        effect: Probability of the label with the word, minus without it.
    """

    word: str
    start: int
    end: int
    effect: float


def explain_label(model: Model, text: Text, task: str, label: str) -> list[Influence]:
    """The effect of each word on the probability of one label, in the order of the text.

    Args:
        model: The model.
        text: The text with its pair; the pair is left as it is.
        task: Name of the task.
        label: One of its labels.

    Returns:
        At most ``MOST_SPANS`` words, from the start; Chinese is taken two characters at a time.
    """
    first, pair = text
    spans = [match.span() for match in _SPAN.finditer(first)][:MOST_SPANS]
    variants: list[Text] = [text, *((f"{first[:a]} {first[b:]}", pair) for a, b in spans)]
    column = next(t for t in model.tasks if t.name == task).labels.index(label)
    chances = model.probabilities(variants)[task][:, column]
    return [
        Influence(first[a:b], a, b, float(chances[0] - without))
        for (a, b), without in zip(spans, chances[1:], strict=True)
    ]


def strongest(influences: list[Influence], count: int = 5) -> list[Influence]:
    """The words with the largest effect in either direction, largest first."""
    return sorted(influences, key=lambda i: -abs(i.effect))[:count]

"""A text that asks for two things: the parts it may consist of, and whether two of them are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST_WORDS, FEWEST_HAN = 2, 2  # of a part; one word that is set off at the beginning is one, too: "thanks, …"
MOST_PARTS = 6
_BREAK = re.compile(
    r"[.!?;:\n。！？；：]+\s*|,\s+(?:and|but|also|or)\s+|\s+(?:and also|and|plus|as well as|but also|then)\s+|"
    r",\s+|，|、?(?:还有|另外|以及|并且|而且|同时|顺便|再就是|此外)",
    re.IGNORECASE,
)
_GREETING = re.compile(r"\s*(\w{4,})\s*[.,!]\s")
_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile("[\u3400-\u9fff]")


def cut_parts(text: str) -> list[str]:
    """The parts of a text that might ask for something of their own; none where it is one.

    >>> cut_parts("I lost my card and what is my balance?")
    ['I lost my card', 'what is my balance']
    >>> cut_parts("salt and pepper")
    []
    """
    parts = [part.strip() for part in _BREAK.split(text)]
    kept = [part for part in parts if len(_WORD.findall(part)) >= FEWEST_WORDS or len(_HAN.findall(part)) >= FEWEST_HAN]
    greeting = _GREETING.match(text)
    if greeting and greeting[1] not in kept:
        kept.insert(0, greeting[1])
    return kept[:MOST_PARTS] if len(kept) > 1 else []


def second_wish(chances: NDArray[np.float64]) -> tuple[int, int, float] | None:
    """The two intents that two different parts ask for most clearly.

    Args:
        chances: ``(parts, intents)``.

    Returns:
        Both in the order of the text, and how sure the less sure part is; None where all parts
        ask for the same.
    """
    best = chances.argmax(axis=1)
    sure = chances[np.arange(len(best)), best]
    found: tuple[int, int, float] | None = None
    for i in range(len(best)):
        for j in range(i + 1, len(best)):
            weaker = float(min(sure[i], sure[j]))
            if best[i] != best[j] and (found is None or weaker > found[2]):
                found = int(best[i]), int(best[j]), weaker
    return found


def fit_cut(several: Sequence[tuple[bool, float]], single: Sequence[float]) -> float:
    """From how sure the weaker part must be, so that most texts are read as they should be.

    Args:
        several: For each text that asks for two things: whether the two found are right, and how
            sure the weaker part was (0 where none was found).
        single: The same sureness for texts that ask for one thing.

    Returns:
        Infinity where it is better never to find two.
    """
    if not several:
        return 2.0
    # A company's rows hold as many of both kinds as its customers ask: what is counted is mistakes.
    candidates = sorted({sure for right, sure in several if right and sure > 0})
    best, least = 2.0, float(len(several))
    for cut in candidates:
        missed = sum(not right or sure < cut for right, sure in several)
        wrong = missed + sum(sure >= cut for sure in single)
        if wrong < least:
            best, least = cut, wrong
    return best

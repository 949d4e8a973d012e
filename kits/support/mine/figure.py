"""Figures in answers that contradict other answers, or the FAQ that holds today.

Two sentences that read the same but for their figures speak of the same thing. Where most of such
sentences, or one out of the FAQ, have another figure in a place, an agent was probably wrong, or right
at a time that is over. Sentences that nobody else says cannot be checked this way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.predict.match import Matcher

LEAST_COSINE = 0.75
FEWEST_AGREEING = 2
MOST_SENTENCES = 30_000
_FIGURE = re.compile(r"(?<![\w-])\d[\d.,:]*\d|(?<![\w-])\d")
_PERSONAL = re.compile(r"\b[A-Z]{2}-\w+|\bending \d+|尾号\s?\d+|(?<!\d)\d{4} \d{3} \d{4}(?!\d)|(?<!\d)\d{7,}(?!\d)")
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+|(?<=[。！？；：])|,\s+(?=and |but )")


def find_contradictions(
    answers: Sequence[str], groups: Sequence[str], trusted: Sequence[str], matcher: Matcher
) -> dict[int, str]:
    """Answers with a figure that others contradict, and what these have in its place.

    Args:
        answers: What agents said.
        groups: The conversation of each; agreeing with oneself does not count.
        trusted: Approved texts, of which one is enough to contradict.
        matcher: Compares sentences without their figures.
    """
    units = [(text, row, groups[row]) for row, answer in enumerate(answers) for text in _sentences(answer)]
    units += [(text, -1, f"\0{number}") for number, answer in enumerate(trusted) for text in _sentences(answer)]
    units = units[:MOST_SENTENCES]
    if len(units) < 2:
        return {}
    vectors = matcher.embed([_FIGURE.sub("#", text) for text, _, _ in units])
    figures = [_figures(text) for text, _, _ in units]
    found: dict[int, str] = {}
    for unit, (_, row, group) in enumerate(units):
        if row < 0:
            continue
        near = np.flatnonzero(vectors @ vectors[unit] >= LEAST_COSINE)
        others = [int(o) for o in near if units[o][2] != group and len(figures[o]) == len(figures[unit])]
        for place, own in enumerate(figures[unit]):
            said: Counter[str] = Counter()
            for value, _ in {(figures[o][place], units[o][2]): None for o in others if units[o][1] >= 0}:
                said[value] += 1
            approved = {figures[o][place] for o in others if units[o][1] < 0}
            usual, count = said.most_common(1)[0] if said else ("", 0)
            if approved and own not in approved:
                found[row] = f"{own} where the FAQ has {' or '.join(sorted(approved))}"
            elif not approved and usual != own and count >= FEWEST_AGREEING and count > 2 * said[own]:
                found[row] = f"{own} where {count} others have {usual}"
    return found


def _sentences(text: str) -> list[str]:
    """The sentences that hold a figure which is not one customer's alone."""
    return [part for part in _SENTENCE.split(_PERSONAL.sub(" ", text)) if _FIGURE.search(part)]


def _figures(text: str) -> tuple[str, ...]:
    return tuple(figure.replace(",", "") for figure in _FIGURE.findall(text))

"""Answers that say the same, put together; and those among them that differ from the others in a figure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.predict.match import Matcher
from kits.support.mine.pair import Mined

LEAST_COSINE = 0.72
FEWEST_AGREEING = 2
_FIGURE = re.compile(r"(?:[€$£¥]\s?)?\d[\d.,:]*\d|\d")
_PERSONAL = re.compile(r"\b(?:MK-\w+|\d{4,}|ending \d+)\b|尾号\s?\d+")


@dataclass(slots=True)
class Template:
    """Answers that say the same.

    Attributes:
        number: From 1, the most used first.
        members: Positions among the mined pairs.
        best: The position of the one to keep.
        differing: Members whose figures differ from those of most, with these figures.
    """

    number: int
    members: list[int]
    best: int
    differing: dict[int, str] = field(default_factory=dict)


def find_templates(mined: Sequence[Mined], matcher: Matcher, least: float = LEAST_COSINE) -> list[Template]:
    """Put answers together that are as near as ``least``, each to the first of its template.

    Args:
        mined: The pairs.
        matcher: Compares the answers.
        least: Least cosine.
    """
    if not mined:
        return []
    vectors = matcher.embed([_without_figures(pair.answer) for pair in mined])
    groups = _lead(vectors, [pair.outcome == "resolved" for pair in mined], least)
    groups.sort(key=lambda rows: (-len({mined[row].conversation for row in rows}), rows[0]))
    return [_describe(number, rows, mined, vectors) for number, rows in enumerate(groups, start=1)]


def _lead(vectors: NDArray[np.float32], is_trusted: Sequence[bool], least: float) -> list[list[int]]:
    """Groups around leaders: whoever has the most near others leads, and takes them along."""
    near = [np.flatnonzero(vectors @ vector >= least) for vector in vectors]
    order = sorted(range(len(vectors)), key=lambda row: (-len(near[row]), not is_trusted[row], row))
    free = np.ones(len(vectors), dtype=bool)
    groups = []
    for leader in order:
        if free[leader]:
            rows = [int(row) for row in near[leader] if free[row]]
            free[rows] = False
            groups.append(sorted(rows))
    return groups


def _describe(number: int, rows: list[int], mined: Sequence[Mined], vectors: NDArray[np.float32]) -> Template:
    """The member to keep: of a conversation that ended well, with the usual figures, late, and central."""
    figures = {row: _figures(mined[row].answer) for row in rows}
    differing = _differing(rows, figures, mined)
    centre = vectors[rows].mean(axis=0)

    def worth(row: int) -> tuple[bool, bool, bool, float]:
        return (
            row not in differing,
            mined[row].outcome == "resolved",
            mined[row].is_first,
            float(vectors[row] @ centre),
        )

    return Template(number, rows, max(rows, key=worth), differing)


def _differing(rows: list[int], figures: dict[int, frozenset[str]], mined: Sequence[Mined]) -> dict[int, str]:
    """Members that lack a figure which most others have, and have one that nobody else has."""
    counts = Counter(figure for row in rows for figure in figures[row])
    usual = {figure for figure, count in counts.items() if count >= FEWEST_AGREEING and count * 2 > len(rows)}
    found = {}
    for row in rows:
        own = {figure for figure in figures[row] if counts[figure] * 2 <= len(rows) and counts[figure] <= _few(rows)}
        if own and usual - figures[row]:
            found[row] = f"{', '.join(sorted(own))} where others have {', '.join(sorted(usual - figures[row]))}"
    return found


def _few(rows: list[int]) -> int:
    return max(1, len(rows) // 4)


def _figures(answer: str) -> frozenset[str]:
    """Amounts, shares and durations; not what belongs to one customer, such as a reference."""
    return frozenset(found.strip(".,:") for found in _FIGURE.findall(_PERSONAL.sub(" ", answer)))


def _without_figures(answer: str) -> str:
    return _FIGURE.sub("#", answer)


def newest(mined: Sequence[Mined], rows: Sequence[int]) -> datetime | None:
    """When a template was last used, if that is known."""
    return max((at for row in rows if (at := mined[row].at)), default=None)

"""Answers that say the same, put together."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.predict.match import Matcher
from kits.support.mine.pair import Mined

LEAST_COSINE = 0.72
_FIGURE = re.compile(r"\d[\d.,:]*\d|\d")


@dataclass(slots=True)
class Template:
    """Answers that say the same.

    Attributes:
        number: From 1, the most used first.
        members: Positions among the mined pairs.
        best: The position of the one to keep.
    """

    number: int
    members: list[int]
    best: int


def find_templates(
    mined: Sequence[Mined], matcher: Matcher, least: float = LEAST_COSINE, doubtful: Collection[int] = ()
) -> list[Template]:
    """Put answers together that are as near as ``least``, each to the first of its template.

    Args:
        mined: The pairs.
        matcher: Compares the answers.
        least: Least cosine.
        doubtful: Positions of answers that others contradict: the last to be kept.
    """
    if not mined:
        return []
    vectors = matcher.embed([_FIGURE.sub("#", pair.answer) for pair in mined])
    groups = _lead(vectors, [pair.outcome == "resolved" for pair in mined], least)
    groups.sort(key=lambda rows: (-len({mined[row].conversation for row in rows}), rows[0]))
    return [_describe(number, rows, mined, vectors, doubtful) for number, rows in enumerate(groups, start=1)]


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


def _describe(
    number: int, rows: list[int], mined: Sequence[Mined], vectors: NDArray[np.float32], doubtful: Collection[int]
) -> Template:
    """The member to keep: not contradicted, of a conversation that ended well and began with it, and central."""
    centre = vectors[rows].mean(axis=0)

    def worth(row: int) -> tuple[bool, bool, bool, float]:
        return (
            row not in doubtful,
            mined[row].outcome == "resolved",
            mined[row].is_first,
            float(vectors[row] @ centre),
        )

    return Template(number, rows, max(rows, key=worth))


def newest(mined: Sequence[Mined], rows: Sequence[int]) -> datetime | None:
    """When a template was last used, if that is known."""
    return max((at for row in rows if (at := mined[row].at)), default=None)

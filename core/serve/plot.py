"""Shapes of charts as SVG paths in the data's own units, one unit wide for each value.

A chart is part of the page: it prints, needs no script, takes its colours from the style sheet,
and widens with its frame, because shapes may be stretched while lines and letters may not. A
charting library would inject styles that the content security policy forbids, and weigh megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence


def bars(values: Iterable[float], base: Sequence[float] | None = None, gap: float = 0.2) -> str:
    """Upright bars, downwards being positive as in SVG: a bar of 3 reaches from 0 to -3.

    Args:
        values: Heights; a bar of none is left out.
        base: Where each bar starts, to stack it on others.
        gap: Share of a unit that is left free.

    >>> bars([2, 0, 1])
    'M0.1 0h0.8v-2h-0.8zM2.1 0h0.8v-1h-0.8z'
    """
    parts = []
    for position, value in enumerate(values):
        if value:
            foot = base[position] if base else 0
            width = _number(1 - gap)
            parts.append(f"M{_number(position + gap / 2)} {_number(-foot)}h{width}v{_number(-value)}h-{width}z")
    return "".join(parts)


def steps(values: Sequence[float | None]) -> str:
    """A line that is level over each unit; it breaks where there is no value.

    >>> steps([1, 1, 2])
    'M0 -1H2V-2H3'
    """
    parts: list[str] = []
    before: float | None = None
    for position, value in enumerate(values):
        if value is None:
            if before is not None:
                parts.append(f"H{position}")
        elif before is None:
            parts.append(f"M{position} {_number(-value)}")
        elif value != before:
            parts.append(f"H{position}V{_number(-value)}")
        before = value
    if before is not None:
        parts.append(f"H{len(values)}")
    return "".join(parts)


def band(low: Sequence[float | None], high: Sequence[float | None]) -> str:
    """The area between two such lines; it breaks where either has no value.

    >>> band([0, 0], [1, 2])
    'M0 -1H1V-2H2V0H1V0H0z'
    """
    parts = []
    known = [bottom is not None and top is not None for bottom, top in zip(low, high, strict=True)]
    for start, stop in _runs(known):
        there = [f"V{_number(-(high[at] or 0))}H{at + 1}" for at in range(start, stop)]
        back = [f"V{_number(-(low[at] or 0))}H{at}" for at in range(stop - 1, start - 1, -1)]
        parts.append(f"M{start} {there[0][1:]}{''.join(there[1:])}{''.join(back)}z")
    return "".join(parts)


def ticks(most: float, count: int = 3) -> list[int]:
    """Round numbers from 0 up to about ``most``, the last of them at or above it.

    >>> ticks(7), ticks(0), ticks(41)
    ([0, 5, 10], [0, 1], [0, 20, 40, 60])
    """
    if most <= 1:
        return [0, 1]
    rough = most / count
    scale = 10 ** math.floor(math.log10(rough))
    step = max(1, round(next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough)))
    return list(range(0, math.ceil(most / step) * step + 1, step))


def _runs(known: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where values are known without a gap: first and one past the last."""
    start = None
    for position, is_known in enumerate([*known, False]):
        if is_known and start is None:
            start = position
        elif not is_known and start is not None:
            yield start, position
            start = None


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

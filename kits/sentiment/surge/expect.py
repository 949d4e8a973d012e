"""What each series should have in each window, as the tests of the surge detector ask for it.

Everything here is a function of windows that were final before the tested ones began, and is kept
until the day moves on: a test costs a look into a table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.reading import OVERALL
from kits.sentiment.surge.baseline import Level, Normal, Stretch, fit_normal
from kits.sentiment.surge.budget import Budget
from kits.sentiment.surge.chance import CountChance, ShareChance
from kits.sentiment.surge.grid import Grid
from kits.sentiment.surge.season import EVEN, Floats, hours_of_week
from kits.sentiment.surge.share import NormalShare
from kits.sentiment.surge.tally import ITEMS, NEGATIVE, STORIES, Tally

_OUTAGE_ITEMS = 10.0


class Expectations:
    """What is normal, fitted once a day and remembered.

    Args:
        grid: How time is divided.
        tally: The counts.
        surges: Per series the first and last windows of its surges, oldest first.
        budget: False alarms that are allowed.
        threshold: The largest p-value that is an alarm, instead of the budget.
    """

    def __init__(
        self,
        grid: Grid,
        tally: Tally,
        surges: Mapping[str, list[tuple[int, int]]],
        budget: Budget,
        threshold: float | None,
    ) -> None:
        self._grid, self._tally, self._surges = grid, tally, surges
        self._budget, self._threshold = budget, threshold
        self._normals: dict[tuple[int, str, int], Normal | None] = {}
        self._shares: dict[tuple[int, str], NormalShare] = {}
        self._levels: dict[tuple[str, int, int], list[Level]] = {}
        self._busy: dict[int, NDArray[np.bool_]] = {}
        self._series: dict[int, int] = {}
        self._chances: dict[tuple[int, str, int, int], CountChance | None] = {}
        self._critical: dict[tuple[int, str, int], int | None] = {}

    def volume(self, series: str, window: int, scale: int, column: int = NEGATIVE) -> CountChance | None:
        """The chances of the sum that ends with ``window``; None where there is too little history."""
        key = (window, series, scale, column)
        if key not in self._chances:
            self._chances[key] = self._expect(series, window - scale + 1, scale, column)
        return self._chances[key]

    def critical(self, series: str, window: int, scale: int, least: int) -> int | None:
        """The smallest number of negative stories that is an alarm; None where there is too little history."""
        key = (window, series, scale)
        if key not in self._critical:
            chance = self.volume(series, window, scale)
            level = self.level(series, window)
            self._critical[key] = None if chance is None else chance.smallest_beyond(level, least)
        return self._critical[key]

    def usual_share(self, series: str, window: int, scale: int) -> float | None:
        """The negative share that is expected of the sum that ends with ``window``."""
        normal = self._share(series, window - scale + 1)
        return None if normal is None else normal.mean

    def share(self, series: str, window: int, scale: int) -> ShareChance | None:
        """The chances of that share."""
        normal = self._share(series, window - scale + 1)
        return None if normal is None else normal.expect(scale, self._grid.gap)

    def level(self, series: str, window: int) -> float:
        """The largest p-value that is an alarm."""
        if self._threshold is not None:
            return self._threshold
        return self._budget.level(series, self._series_count(window), self._grid.tests_per_day)

    def windows_behind(self, window: int, scale: int) -> int:
        """How many windows the baseline of a sum looks at."""
        end = window - scale + 1 - self._grid.gap
        start = self._start(self._anchor(end))
        return 0 if start is None else end - start

    def forget(self, window: int) -> None:
        """Drop what no test from ``window`` on asks for."""
        self._chances = {key: value for key, value in self._chances.items() if key[0] >= window}
        self._critical = {key: value for key, value in self._critical.items() if key[0] >= window}
        anchor = self._anchor(window - max(self._grid.scales) + 1 - self._grid.gap)
        self._normals = {key: value for key, value in self._normals.items() if key[0] >= anchor}
        self._shares = {key: value for key, value in self._shares.items() if key[0] >= anchor}
        self._levels = {key: value for key, value in self._levels.items() if key[2] >= anchor}
        self._busy = {key: value for key, value in self._busy.items() if key >= anchor}
        self._series = {key: value for key, value in self._series.items() if key >= anchor}

    def _expect(self, series: str, first: int, scale: int, column: int) -> CountChance | None:
        end = first - self._grid.gap
        normal = self._normal(series, self._anchor(end), column)
        return None if normal is None else normal.expect(self._level(series, column, end, normal), first, scale)

    def _level(self, series: str, column: int, end: int, normal: Normal) -> Level:
        """The level up to a window, each window of the day counted once."""
        anchor = normal.level.end
        key = (series, column, anchor)
        levels = self._levels.setdefault(key, [normal.level])
        for window in range(anchor + len(levels) - 1, end):
            count = self._tally.total(series, column, window, window + 1)
            levels.append(normal.go_on(levels[-1], count, self._is_used(series, window, anchor)))
        return levels[end - anchor]

    def _share(self, series: str, first: int) -> NormalShare | None:
        anchor = self._anchor(first - self._grid.gap)
        key = (anchor, series)
        if key not in self._shares:
            start = self._start(anchor)
            if start is None:
                return None
            negative, stories = (self._tally.column(series, c, start, anchor) for c in (NEGATIVE, STORIES))
            self._shares[key] = NormalShare(negative, stories, self._used(series, start, anchor, anchor))
        return self._shares[key]

    def _anchor(self, window: int) -> int:
        return window // self._grid.day * self._grid.day

    def _start(self, anchor: int) -> int | None:
        """The first window of the history up to an anchor; None where it is too short."""
        if self._tally.first is None:
            return None
        start = max(self._tally.first, anchor - self._grid.history)
        return start if anchor - start >= self._grid.least_history else None

    def _normal(self, series: str, anchor: int, column: int) -> Normal | None:
        key = (anchor, series, column)
        if key not in self._normals:
            start = self._start(anchor)
            self._normals[key] = None if start is None else self._fit(series, start, anchor, column)
        return self._normals[key]

    def _fit(self, series: str, start: int, anchor: int, column: int) -> Normal:
        grid = self._grid
        counts = self._tally.column(series, column, start, anchor)
        history = Stretch(start, grid.seconds, counts, self._used(series, start, anchor, anchor))
        return fit_normal(history, grid.gap, grid.scales, self._guess(series, anchor, column))

    def _guess(self, series: str, anchor: int, column: int) -> Floats:
        """The rhythm to start from: that of the same stories of all series, and for those that of all news."""
        if (series, column) == (OVERALL, STORIES):
            return EVEN
        wider = self._normal(OVERALL, anchor, STORIES if series == OVERALL else column)
        return EVEN if wider is None else wider.rhythm

    def _used(self, series: str, start: int, stop: int, anchor: int) -> NDArray[np.bool_]:
        """Which windows say what is normal: those neither inside a surge nor in an outage."""
        is_empty = self._tally.column(OVERALL, ITEMS, start, stop) == 0
        hours = hours_of_week(np.arange(start, stop), self._grid.seconds)
        used = ~_reach_over(is_empty, is_empty & self._usually_busy(anchor)[hours])
        for first, end in self._left_out(series):
            used[max(0, first - start) : max(0, end - start)] = False
        return np.asarray(used)

    def _is_used(self, series: str, window: int, anchor: int) -> bool:
        """The same of one window."""
        if any(first <= window < end for first, end in self._left_out(series)):
            return False
        if self._tally.total(OVERALL, ITEMS, window, window + 1):
            return True
        return not self._usually_busy(anchor)[window * self._grid.seconds // 3600 % len(EVEN)]

    def _left_out(self, series: str) -> list[tuple[int, int]]:
        """From which windows to before which a series surged; what lasts longer than a week is normal."""
        grid = self._grid
        spans = self._surges.get(series, ())
        return [(first, min(last + grid.aftermath + 1, first + grid.new_normal)) for first, last in spans]

    def _usually_busy(self, anchor: int) -> NDArray[np.bool_]:
        """``(168,)``: hours of the week in which so much comes that nothing at all means an outage.

        An hour of the week that was seen once is judged by that hour of all days: one silent Friday
        does not tell that Fridays are quiet.
        """
        if anchor not in self._busy:
            start = self._start(anchor)
            if start is None:
                return np.zeros(len(EVEN), dtype=bool)
            items = self._tally.column(OVERALL, ITEMS, start, anchor)
            hours = hours_of_week(np.arange(start, anchor), self._grid.seconds)
            came = np.bincount(hours, weights=items, minlength=len(EVEN))
            seen = np.bincount(hours, minlength=len(EVEN))
            by_week = came >= _OUTAGE_ITEMS * np.maximum(seen - 1, 1)
            came, days = (counts.reshape(7, 24).sum(axis=0) for counts in (came, seen))
            by_day = came >= _OUTAGE_ITEMS * np.maximum(days - 1, 1)
            self._busy[anchor] = np.where(seen <= 1, np.tile(by_day, 7), by_week)
        return self._busy[anchor]

    def _series_count(self, window: int) -> int:
        """How many series had a story in the history of a window."""
        anchor = self._anchor(window - max(self._grid.scales) + 1 - self._grid.gap)
        if anchor not in self._series:
            start = anchor - self._grid.history
            cells = self._tally.counts.values()
            self._series[anchor] = sum(any(start <= w < anchor for w in windows) for windows in cells)
        return self._series[anchor]


def _reach_over(is_empty: NDArray[np.bool_], marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The whole stretches of empty windows of which one is marked.

    >>> _reach_over(np.array([1, 1, 0, 1, 1], dtype=bool), np.array([0, 0, 0, 0, 1], dtype=bool)).tolist()
    [False, False, False, True, True]
    """
    stretch = np.cumsum(~is_empty)
    return np.asarray(is_empty & np.isin(stretch, stretch[marked]))

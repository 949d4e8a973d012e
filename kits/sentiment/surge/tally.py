"""Counts stories per series and window, each once, wherever its reprints fall.

A story counts in a series in the window of its earliest item there (by event time, then by key),
with the sentiment of that item. So the counts are a function of the set of items, whatever the
order in which they came; a late item that turns out to be the earliest moves its story.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from kits.sentiment.surge.season import Floats
from kits.sentiment.surge.signal import DrivingStory

STORIES, NEGATIVE, POSITIVE, ITEMS = range(4)
_COLUMN = {"negative": NEGATIVE, "positive": POSITIVE}
Counts = list[int]  # stories, negative, positive, items
Place = tuple[str, int]  # series and window


class _Lead:
    """The earliest item of a story in a series."""

    __slots__ = ("at", "item", "reach", "sentiment", "window")

    def __init__(self, at: float, item: str, sentiment: str, window: int) -> None:
        self.at, self.item, self.sentiment, self.window, self.reach = at, item, sentiment, window, 0


class Tally:
    """The counts and what they follow from.

    Attributes:
        counts: Series to window to counts; windows in which nothing came are absent.
        first: Number of the first window that was ever counted in; None before the first item.
    """

    def __init__(self) -> None:
        self.counts: dict[str, dict[int, Counts]] = {}
        self.first: int | None = None
        self._leads: dict[str, dict[str, _Lead]] = {}
        self._last: dict[str, int] = {}  # the latest window in which each story was told
        self._told: dict[int, set[str]] = defaultdict(set)
        self._negative: dict[Place, set[str]] = {}
        self._changed: set[Place] = set()

    def add(self, window: int, at: float, item: str, story: str, sentiments: Iterable[tuple[str, str]]) -> list[Place]:
        """Count an item.

        Args:
            window: In which it happened.
            at: When, in seconds since the epoch.
            item: Its key.
            story: Key of the story.
            sentiments: Its series and its sentiment in each.

        Returns:
            Where the number of stories changed.
        """
        self.first = window if self.first is None else min(self.first, window)
        leads, touched = self._meet(story, window), []
        for series, sentiment in sentiments:
            self._cell(series, window)[ITEMS] += 1
            self._changed.add((series, window))
            lead = leads.get(series)
            if lead is None:
                lead = leads[series] = _Lead(at, item, sentiment, window)
            elif (at, item) < (lead.at, lead.item):
                self._put(series, story, lead, -1)
                if lead.window != window:
                    touched.append((series, lead.window))
                lead.at, lead.item, lead.sentiment, lead.window = at, item, sentiment, window
            else:
                lead.reach += 1
                continue
            lead.reach += 1
            self._put(series, story, lead, 1)
            touched.append((series, window))
        return touched

    def remember(self, window: int, at: float, item: str, story: str, sentiments: Iterable[tuple[str, str]]) -> None:
        """Learn of an item that is counted already."""
        leads = self._meet(story, window)
        for series, sentiment in sentiments:
            lead = leads.get(series)
            if lead is None:
                lead = leads[series] = _Lead(at, item, sentiment, window)
            elif (at, item) < (lead.at, lead.item):
                self._mark(series, lead.window, story, False)
                lead.at, lead.item, lead.sentiment, lead.window = at, item, sentiment, window
            lead.reach += 1
            self._mark(series, lead.window, story, lead.sentiment == "negative")

    def load(self, series: str, window: int, counts: Counts) -> None:
        """Take over the counts of a window."""
        self.counts.setdefault(series, {})[window] = counts
        self.first = window if self.first is None else min(self.first, window)

    def total(self, series: str, column: int, start: int, stop: int) -> int:
        """Sum of a column over the windows from ``start`` up to, but without, ``stop``."""
        cells = self.counts.get(series)
        if cells is None:
            return 0
        total = 0
        for window in range(start, stop):
            cell = cells.get(window)
            if cell is not None:
                total += cell[column]
        return total

    def column(self, series: str, column: int, start: int, stop: int) -> Floats:
        """``(stop - start,)`` counts, zero where nothing came."""
        values = np.zeros(stop - start)
        cells = self.counts.get(series, {})
        if len(cells) < stop - start:
            for window, cell in cells.items():
                if start <= window < stop:
                    values[window - start] = cell[column]
        else:
            for window in range(start, stop):
                if window in cells:
                    values[window - start] = cells[window][column]
        return values

    def driving(self, series: str, start: int, stop: int, most: int) -> tuple[DrivingStory, ...]:
        """The negative stories of some windows, widest reach first, then the earliest."""
        stories = [story for window in range(start, stop) for story in self._negative.get((series, window), ())]
        found = [(lead.reach, lead.at, lead.item, story) for story in stories if (lead := self._leads[story][series])]
        found.sort(key=lambda row: (-row[0], row[1], row[2]))
        return tuple(DrivingStory(story, item, reach) for reach, _, item, story in found[:most])

    def take_changed(self) -> list[tuple[str, int, Counts]]:
        """The windows that changed since the last call, in order."""
        changed = [(series, window, list(self._cell(series, window))) for series, window in sorted(self._changed)]
        self._changed.clear()
        return changed

    def negative_places(self, start: int, stop: int) -> list[Place]:
        """Where there are negative stories in the windows from ``start`` up to, but without, ``stop``, in order."""
        places = (
            (series, window)
            for series, cells in self.counts.items()
            for window in range(start, stop)
            if window in cells and cells[window][NEGATIVE] > 0
        )
        return sorted(places)

    def forget_stories(self, last: int) -> None:
        """Drop the stories that were last told in window ``last`` or before."""
        for window in [window for window in self._told if window <= last]:
            for story in self._told.pop(window):
                if self._last.get(story) == window:
                    del self._last[story]
                    for series, lead in self._leads.pop(story).items():
                        self._mark(series, lead.window, story, False)

    def forget_counts(self, first: int) -> None:
        """Drop the counts of the windows before ``first``."""
        for series, cells in list(self.counts.items()):
            self.counts[series] = {window: cell for window, cell in cells.items() if window >= first}
            if not self.counts[series]:
                del self.counts[series]

    def _meet(self, story: str, window: int) -> dict[str, _Lead]:
        """The leads of a story, which is told again."""
        last = self._last.get(story)
        if last is None or window > last:
            self._last[story] = window
            self._told[window].add(story)
        return self._leads.setdefault(story, {})

    def _cell(self, series: str, window: int) -> Counts:
        cells = self.counts.get(series)
        if cells is None:
            cells = self.counts[series] = {}
        cell = cells.get(window)
        if cell is None:
            cell = cells[window] = [0, 0, 0, 0]
        return cell

    def _put(self, series: str, story: str, lead: _Lead, sign: int) -> None:
        """Count a story where its lead stands, or take it from there."""
        cell = self._cell(series, lead.window)
        cell[STORIES] += sign
        column = _COLUMN.get(lead.sentiment)
        if column is not None:
            cell[column] += sign
            if column == NEGATIVE:
                self._mark(series, lead.window, story, sign > 0)
        self._changed.add((series, lead.window))

    def _mark(self, series: str, window: int, story: str, is_negative: bool) -> None:
        """Remember whether a negative story stands in a window."""
        place = (series, window)
        if is_negative:
            self._negative.setdefault(place, set()).add(story)
        elif place in self._negative:
            self._negative[place].discard(story)
            if not self._negative[place]:
                del self._negative[place]

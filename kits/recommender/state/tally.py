"""What is known of all items at one moment: clicks, what is clicked together, what stands where.

Events come in the order of their time and only move the tally on. The same code replays a log for
training and follows the events in service, so a feature of training is what service would have
seen, and nothing later.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kits.recommender.event import CLICK_WEIGHT
from kits.recommender.state.catalog import enlarge
from kits.recommender.state.user import User

DAY = 86_400.0
TOGETHER_EVENTS = 50
MOST_POSITIONS = 50
PRIOR_SHOWS = 20.0
FEW_SHARE = 4  # less than one in so many: cheaper to look up one by one
MOST_ROWS = 50_000  # of what is clicked together, kept as arrays beside
_COUNTERS = ("clicks", "recent", "touched", "first", "expected", "shown_clicks")


class Tally:
    """Counters by item number.

    Args:
        half_life_days: A click of so long ago counts half in what is popular of late.
    """

    def __init__(self, half_life_days: float = 30.0) -> None:
        self.half_life = half_life_days * DAY
        self.clock = -np.inf
        self._clicks = np.zeros(0, dtype=np.float64)
        self._recent = np.zeros(0, dtype=np.float64)
        self._touched = np.zeros(0, dtype=np.float64)
        self._first = np.zeros(0, dtype=np.float64)
        self._expected = np.zeros(0, dtype=np.float64)
        self._shown_clicks = np.zeros(0, dtype=np.float64)
        self.together: list[dict[int, float]] = []
        self._rows: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}  # of these, as arrays
        self.shows_at = np.zeros(MOST_POSITIONS + 1, dtype=np.float64)
        self.clicks_at = np.zeros(MOST_POSITIONS + 1, dtype=np.float64)
        self._shows = self._listed_clicks = 0.0
        self.size = 0

    def grow(self, items: int) -> None:
        """Make room for so many items."""
        if items <= self.size:
            return
        for name in ("_clicks", "_recent", "_expected", "_shown_clicks"):
            setattr(self, name, enlarge(getattr(self, name), items))
        for name in ("_touched", "_first"):
            setattr(self, name, enlarge(getattr(self, name), items, np.nan))
        self.together.extend({} for _ in range(items - len(self.together)))
        self.size = items

    def observe(self, user: User, item: int, weight: float, at: float, position: int | None = None) -> None:
        """Take an event in; the user must not have it yet, and ``user.observe`` is up to the caller."""
        self.grow(item + 1)
        self.clock = max(self.clock, at)
        place = min(position or 0, MOST_POSITIONS)
        if weight == 0:
            self._expected[item] += self.position_factor(place)
            self.shows_at[place] += 1
            self._shows += 1
            return
        if weight < CLICK_WEIGHT:
            return
        if position is not None:
            self._shown_clicks[item] += 1
            self.clicks_at[place] += 1
            self._listed_clicks += 1
        self._clicks[item] += 1
        if np.isnan(self._touched[item]):
            self._first[item], self._recent[item] = at, 1.0
        else:
            self._recent[item] = 1.0 + self._recent[item] * 0.5 ** ((at - self._touched[item]) / self.half_life)
        self._touched[item] = at
        if item in user.seen:
            return
        mine = self.together[item]
        self._rows.pop(item, None)
        for other, own in zip(user.items[-TOGETHER_EVENTS:], user.weights[-TOGETHER_EVENTS:], strict=True):
            if own >= CLICK_WEIGHT and other != item:
                mine[other] = mine.get(other, 0.0) + 1.0
                theirs = self.together[other]
                theirs[item] = theirs.get(item, 0.0) + 1.0
                self._rows.pop(other, None)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays, for ``restore``."""
        counters = {name: np.ascontiguousarray(getattr(self, f"_{name}")[: self.size]) for name in _COUNTERS}
        rows = [len(row) for row in self.together[: self.size]]
        pairs = sum(rows)
        return counters | {
            "together_rows": np.array(rows, dtype=np.int64),
            "together_items": np.fromiter((n for row in self.together for n in row), np.int32, pairs),
            "together_counts": np.fromiter((c for row in self.together for c in row.values()), np.float32, pairs),
            "shows_at": self.shows_at,
            "clicks_at": self.clicks_at,
            "clock": np.array([self.clock]),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what ``arrays`` gave."""
        self.size = len(arrays["clicks"])
        for name in _COUNTERS:
            setattr(self, f"_{name}", arrays[name].copy())
        self._rows.clear()
        ends = np.cumsum(arrays["together_rows"])
        items, counts = arrays["together_items"].tolist(), arrays["together_counts"].tolist()
        self.together = [
            dict(zip(items[start:end], counts[start:end], strict=True))
            for start, end in zip((ends - arrays["together_rows"]).tolist(), ends.tolist(), strict=True)
        ]
        self.shows_at, self.clicks_at = arrays["shows_at"].copy(), arrays["clicks_at"].copy()
        self._shows, self._listed_clicks = float(self.shows_at.sum()), float(self.clicks_at.sum())
        self.clock = float(arrays["clock"][0])

    def position_factor(self, place: int) -> float:
        """How much oftener than on the whole something at a position is clicked."""
        shows, clicks = self.shows_at[place], self.clicks_at[place]
        rate = self._rate()
        return float((clicks + PRIOR_SHOWS * rate) / (shows + PRIOR_SHOWS) / rate)

    def _rate(self) -> float:
        """Share of what is shown that is clicked."""
        return (self._listed_clicks + 1.0) / (self._shows + PRIOR_SHOWS)

    def clicks(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Clicks so far ``(items,)``."""
        return self._clicks[items]

    def recent(self, items: NDArray[np.int64], at: float) -> NDArray[np.float64]:
        """Clicks so far, each counted by its age ``(items,)``."""
        faded = self._recent[items] * 0.5 ** ((at - self._touched[items]) / self.half_life)
        return np.asarray(np.nan_to_num(faded, nan=0.0))

    def days_since_click(self, items: NDArray[np.int64], at: float) -> NDArray[np.float64]:
        """Days since the latest click ``(items,)``; not a number where there was none."""
        return (at - self._touched[items]) / DAY

    def days_since_first(self, items: NDArray[np.int64], at: float) -> NDArray[np.float64]:
        """Days since the first click ``(items,)``; not a number where there was none."""
        return (at - self._first[items]) / DAY

    def click_rate(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Clicks for each that the positions of the item would have brought an average one ``(items,)``.

        Source: the position-based model, e.g. Craswell et al. 2008; factors by counting, not by EM.
        """
        rate = self._rate()
        expected = self._expected[items] * rate
        prior = PRIOR_SHOWS * rate
        return np.asarray((self._shown_clicks[items] + prior) / (expected + prior))

    def clicked_together(self, history: list[int], items: list[int]) -> NDArray[np.float64]:
        """Cosine of the users of history items and candidates ``(history, items)``."""
        counts = np.zeros((len(history), len(items)), dtype=np.float64)
        is_few = [len(self.together[own]) < len(items) // FEW_SHARE for own in history]
        if len(set(items)) < len(items):
            is_few = [False] * len(history)
        for row, own in enumerate(history):
            if not is_few[row]:
                counts[row] = np.fromiter(map(self.together[own].get, items, repeat(0.0)), np.float64, len(items))
        if any(is_few):
            self._find_few(counts, history, items, np.flatnonzero(is_few))
        norms = np.sqrt(np.maximum(self._clicks[history], 1.0))[:, None] * np.sqrt(np.maximum(self._clicks[items], 1.0))
        return np.asarray(counts / norms)

    def _find_few(
        self, counts: NDArray[np.float64], history: list[int], items: list[int], rows: NDArray[np.int64]
    ) -> None:
        """Fill rows of ``clicked_together`` from the side of the few items that each was clicked with."""
        beside = [self._row(history[row]) for row in rows.tolist()]
        numbers = np.concatenate([others for others, _ in beside])
        order = np.argsort(items)
        ordered = np.array(items, dtype=np.int64)[order]
        places = np.minimum(np.searchsorted(ordered, numbers), len(items) - 1)
        is_there = ordered[places] == numbers
        own = np.repeat(rows, [len(others) for others, _ in beside])
        amounts = np.concatenate([amounts for _, amounts in beside])
        counts[own[is_there], order[places[is_there]]] = amounts[is_there]

    def neighbours(self, history: list[int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Items clicked by those who clicked any of a history, and their summed cosine up to a factor."""
        rows = [self._row(own) for own in history]
        numbers = np.concatenate([items for items, _ in rows])
        factors = 1 / np.sqrt(np.maximum(self._clicks[history], 1.0))
        shares = np.concatenate([counts * factor for (_, counts), factor in zip(rows, factors.tolist(), strict=True)])
        found, places = np.unique(numbers, return_inverse=True)
        sums = np.bincount(places, weights=shares, minlength=len(found))
        return found, sums / np.sqrt(np.maximum(self._clicks[found], 1.0))

    def _row(self, item: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Items clicked by those who clicked an item, and how many did; made once for as long as it holds."""
        row = self._rows.get(item)
        if row is None:
            beside = self.together[item]
            row = np.fromiter(beside, np.int64, len(beside)), np.fromiter(beside.values(), np.float64, len(beside))
            if len(self._rows) >= MOST_ROWS:
                self._rows.clear()
            self._rows[item] = row
        return row

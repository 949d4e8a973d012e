"""What is known of a user at one moment: the latest events, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kits.recommender.event import CLICK_WEIGHT

KEPT_EVENTS = 200


@dataclass(slots=True)
class User:
    """A user's state; ``observe`` moves it on.

    Attributes:
        items: Numbers of the latest items, the newest last.
        weights: Of these events.
        times: Of these events, in epoch seconds.
        seen: Numbers of all items ever clicked or disliked.
        shown: How often an item was shown and not clicked since.
        shows: Items shown in all.
        clicks: Clicks or more in all.
    """

    items: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    shown: dict[int, int] = field(default_factory=dict)
    shows: int = 0
    clicks: int = 0

    def observe(self, item: int, weight: float, at: float) -> None:
        """Take an event in; of weight 0 it was shown."""
        if weight == 0:
            self.shows += 1
            self.shown[item] = self.shown.get(item, 0) + 1
            return
        self.items.append(item)
        self.weights.append(weight)
        self.times.append(at)
        if weight >= CLICK_WEIGHT:
            self.clicks += 1
            self.shown.pop(item, None)
        if weight >= CLICK_WEIGHT or weight < 0:
            self.seen.add(item)
        if len(self.items) > 2 * KEPT_EVENTS:
            for values in (self.items, self.weights, self.times):
                del values[:-KEPT_EVENTS]

    def recent(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float64]]:
        """Items, weights and times of the latest ``most`` events, the newest last; each ``(events,)``."""
        return (
            np.array(self.items[-most:], dtype=np.int64),
            np.array(self.weights[-most:], dtype=np.float32),
            np.array(self.times[-most:], dtype=np.float64),
        )

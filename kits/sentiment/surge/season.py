"""The weekly rhythm of news: how much more or less comes in each hour of the week than on the mean.

News sleeps at night and on Sundays. A topic with three stories a day shows that rhythm only after
years, so each factor is drawn towards the next coarser one: an hour of the week towards its hour
of the day and its day of the week, those towards the rhythm of all news together, and that
towards none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HOURS = 168
EVEN: Floats = np.ones(HOURS)
_GUESS_WINDOWS = 6.0  # a coarser factor counts like the stories of so many windows
_USUAL_SPREAD = 0.3


def hours_of_week(windows: Integers, seconds: int) -> Integers:
    """The hour of the week, 0 to 167 in UTC, in which each window starts.

    Args:
        windows: ``(windows,)`` numbers of windows since the epoch.
        seconds: Length of a window.

    >>> hours_of_week(np.array([0, 1, 167, 168]), 3600).tolist()
    [0, 1, 167, 0]
    """
    return np.asarray(windows * seconds // 3600 % HOURS)


def estimate_rhythm(counts: Floats, hours: Integers, used: NDArray[np.bool_], guess: Floats) -> Floats:
    """Factors whose mean over the hours at which windows start is one.

    Args:
        counts: ``(windows,)``.
        hours: ``(windows,)`` the hour of the week of each.
        used: ``(windows,)`` which of them say anything.
        guess: ``(168,)`` the rhythm to start from.

    Returns:
        ``(168,)`` factors by hour of the week.

    Source:
        Shrinkage of Poisson rates by a gamma prior (Robbins 1956), applied from coarse to fine.
    """
    mean = float(counts[used].mean()) if used.any() else 0.0
    if mean == 0.0:
        return guess
    strength = _GUESS_WINDOWS * (1.0 + _USUAL_SPREAD * mean)

    def refine(part: Integers, size: int, means: Floats, prior: Floats) -> Floats:
        """By how much each part of the week exceeds ``means``, drawn towards ``prior``."""
        came = np.bincount(part[used], weights=counts[used], minlength=size)
        due = np.bincount(part[used], weights=means[used], minlength=size)
        return np.asarray((came + strength * prior) / (due + strength))

    table = guess.reshape(7, 24)
    of_hour, of_day = table.mean(axis=0), table.mean(axis=1)
    rest = table / np.outer(of_day, of_hour)
    hour, day = hours % 24, hours // 24
    by_hour = refine(hour, 24, np.full(len(counts), mean), of_hour)
    by_day = refine(day, 7, mean * by_hour[hour], of_day)
    by_both = refine(hours, HOURS, mean * by_hour[hour] * by_day[day], rest.ravel())
    rhythm = np.outer(by_day, by_hour).ravel() * by_both
    return np.asarray(rhythm / rhythm[np.unique(hours)].mean())

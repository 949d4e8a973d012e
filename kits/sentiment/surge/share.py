"""What share of a series' stories is normally negative, and how much that varies.

The share is a second look beside the number of negative stories: it sees a mood that turns while
no more is written than usual, and is blind to a day on which more of everything is written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.surge.baseline import HALF_LIVES, weighted_sums
from kits.sentiment.surge.chance import CORRELATIONS, ShareChance, weigh_correlations, without_negligible
from kits.sentiment.surge.season import Floats

_HALF = 0.5  # Jeffreys' prior of a proportion: half a story of each kind
_LARGEST_CORRELATION = 0.9


class NormalShare:
    """What is normal, as of the end of a history.

    The share itself is a division, the correlation takes a thousand times as long and is asked for
    seldom: it is found when it is.

    Args:
        negative: ``(windows,)`` negative stories.
        stories: ``(windows,)`` all stories.
        used: ``(windows,)`` false inside surges and outages.

    Attributes:
        mean: The share that is expected.
    """

    def __init__(self, negative: Floats, stories: Floats, used: NDArray[np.bool_]) -> None:
        size = len(stories)
        decay = 0.5 ** (HALF_LIVES / size)
        self._negative, self._stories, self._used = negative, stories, used.astype(np.float64)
        self._bad, self._all = weighted_sums(negative * used, decay), weighted_sums(stories * used, decay)
        self._noise = (1.0 + decay**size) / (1.0 + decay)  # sum of squared weights over sum of weights
        self._chances: dict[int, ShareChance] = {}
        self.mean = float((self._bad[-1] + _HALF) / (self._all[-1] + 2 * _HALF))

    def expect(self, scale: int, gap: int) -> ShareChance:
        """The chances of the negative stories among those of some windows.

        Args:
            scale: How many windows are summed.
            gap: Windows between the last one looked at and the first one tested.
        """
        if scale not in self._chances:
            self._chances[scale] = self._fit(scale, gap)
        return self._chances[scale]

    def _fit(self, scale: int, gap: int) -> ShareChance:
        size = len(self._stories)
        starts = np.arange(size // 8 + gap, size - scale + 1)
        counts, totals, used = (_over(part, starts, scale) for part in (self._negative, self._stories, self._used))
        says = (used == scale) & (totals > 1)
        before = starts[says] - gap
        shares = (self._bad[before] + _HALF) / (self._all[before] + 2 * _HALF)
        doubts = self._noise / (self._all[before] + 2 * _HALF)
        weights = weigh_correlations(counts[says], totals[says], shares, doubts, np.full(len(before), 1.0 / scale))
        kept = without_negligible(weights)
        doubt = self._noise / (float(self._all[-1]) + 2 * _HALF)
        correlations = np.minimum(CORRELATIONS[kept] + doubt, _LARGEST_CORRELATION)
        return ShareChance(self.mean, correlations, weights[kept] / weights[kept].sum())


def _over(values: Floats, starts: NDArray[np.int64], scale: int) -> Floats:
    """The sums of ``scale`` values from each start on."""
    sums = np.append(0.0, np.cumsum(values))
    return np.asarray(np.round(sums[starts + scale] - sums[starts]))

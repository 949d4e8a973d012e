"""What is normal for a series: its rhythm, its recent level, and how much it varies.

    history ─────────────────────────────────▶ anchor ────────▶ end ─ lateness ─▶ sum of windows
    rhythm and spread are fitted once a day up to the anchor,     the level goes on to the end

Only windows that were final before the tested ones could begin are looked at, so neither the surge
itself nor a late item changes its own baseline. Windows inside surges are left out, and what is
far above its forecast is clipped to a bound (pre-cleaning as in Gelper, Fried and Croux 2010), so
that a surge during the first days does no lasting harm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.surge.chance import SPREADS, CountChance, mix_hours, weigh_spreads, without_negligible
from kits.sentiment.surge.season import EVEN, Floats, Integers, estimate_rhythm, hours_of_week

HALF_LIVES = 4.0  # of the level, in the history
_CLIP_DEVIATIONS, _CLIP_SPREAD = 3.0, 0.3
_SOME = 0.5  # of a story, added where none may have come: Jeffreys' prior of a Poisson rate
_PASSES = 2
_MOST_FOLDS = 6


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive final windows of a series.

    Attributes:
        first: Number of the first window.
        seconds: Length of a window.
        counts: ``(windows,)`` what was counted.
        used: ``(windows,)`` false inside surges and outages.
    """

    first: int
    seconds: int
    counts: Floats
    used: NDArray[np.bool_]

    def hours(self) -> Integers:
        """The hour of the week of each window."""
        return hours_of_week(np.arange(self.first, self.first + len(self.counts)), self.seconds)


@dataclass(frozen=True, slots=True)
class Level:
    """Exponentially weighted sums up to, but without, window ``end``.

    Attributes:
        end: Number of the first window that is not in it.
        came: Stories, clipped.
        due: What the rhythm alone (with a mean of one) would have brought.
    """

    end: int
    came: float
    due: float

    @property
    def rate(self) -> float:
        """Stories per window of mean rhythm."""
        return (self.came + _SOME) / self.due


@dataclass(frozen=True, slots=True)
class Normal:
    """What is normal for the counts of a series, as of an anchor.

    Attributes:
        rhythm: ``(168,)`` factors by hour of the week.
        level: At the anchor.
        decay: Of the level, per window.
        noise: Sum of squared weights over sum of weights of the level: 1 would be a level of one window.
        weights: Scale to ``(24,)`` weights of ``chance.SPREADS``.
        windows: How many the history has.
        seconds: Length of a window.
    """

    rhythm: Floats
    level: Level
    decay: float
    noise: float
    weights: dict[int, Floats]
    windows: int
    seconds: int

    def factor(self, window: int) -> float:
        """The rhythm's factor of a window."""
        return float(self.rhythm[window * self.seconds // 3600 % len(self.rhythm)])

    def go_on(self, level: Level, count: float, is_used: bool) -> Level:
        """The level after one more window.

        Args:
            level: Up to that window.
            count: What was counted in it.
            is_used: False inside a surge or an outage.
        """
        came, due = self.decay * level.came, self.decay * level.due
        if is_used:
            factor = self.factor(level.end)
            came += min(count, clip_bound(factor * (came + _SOME) / max(due, 1.0)))
            due += factor
        return Level(level.end + 1, came, due)

    def expect(self, level: Level, first: int, scale: int) -> CountChance | None:
        """The chances of the sum of ``scale`` windows from window ``first`` on; None where no level is known."""
        if level.due <= 0.0:
            return None
        mean = level.rate * sum(self.factor(window) for window in range(first, first + scale))
        weights = self.weights[scale]
        kept = without_negligible(weights)
        spreads = SPREADS[kept]
        doubt = self.noise * (1.0 + spreads * level.rate) / (level.came + _SOME)
        mixed = mix_hours(spreads, weights[kept] / weights[kept].sum())
        return CountChance(mean, mixed[0] + np.tile(doubt, 2) * (1.0 + mixed[0]), mixed[1])


def clip_bound(mean: float) -> float:
    """A count that a quiet window of such a mean seldom exceeds."""
    return mean + _CLIP_DEVIATIONS * math.sqrt(mean + _CLIP_SPREAD * mean * mean) + 1.0


def fit_normal(history: Stretch, gap: int, scales: tuple[int, ...], guess: Floats = EVEN) -> Normal:
    """Fit rhythm, level and spread to a history.

    Args:
        history: Up to the anchor.
        gap: Windows between the last one looked at and the first one tested.
        scales: Lengths of the sums that are tested.
        guess: ``(168,)`` the rhythm of all news.
    """
    size, used = len(history.counts), history.used
    hours = history.hours()
    decay = 0.5 ** (HALF_LIVES / size)
    cleaned, rhythm = history.counts, guess
    for _ in range(_PASSES):
        rhythm = estimate_rhythm(cleaned, hours, used, guess)
        came, due = weighted_sums(cleaned * used, decay), weighted_sums(rhythm[hours] * used, decay)
        mean = rhythm[hours] * (came[-1] + _SOME) / max(float(due[-1]), 1.0)
        bounds = mean + _CLIP_DEVIATIONS * np.sqrt(mean + _CLIP_SPREAD * mean * mean) + 1.0
        cleaned = np.minimum(history.counts, bounds)
    came = weighted_sums(cleaned * used, decay)
    level = Level(history.first + size, float(came[-1]), float(due[-1]))
    noise = (1.0 + decay**size) / (1.0 + decay)
    unseen = _rhythm_unseen(cleaned, history, guess)
    due = weighted_sums(unseen * used, decay)
    weights = {}
    for scale in scales:
        sums, means, doubt, says = _forecasts(history, unseen, came, due, gap, scale)
        weights[scale] = weigh_spreads(sums, means, noise * doubt, says)
    return Normal(rhythm, level, decay, noise, weights, size, history.seconds)


def _rhythm_unseen(counts: Floats, history: Stretch, guess: Floats) -> Floats:
    """``(windows,)``: the factor of each window by a rhythm that was estimated without its week.

    A rhythm explains the weeks it was made from too well; the spread is to be that of the next one.
    """
    size, hours = len(counts), history.hours()
    days = size * history.seconds / 86400
    fold_days = 7 * math.ceil(days / 7 / _MOST_FOLDS) if days >= 14 else 1
    fold = max(1, round(fold_days * 86400 / history.seconds))
    factors = np.empty(size)
    for start in range(0, size, fold):
        part = slice(start, start + fold)
        others = history.used.copy()
        others[part] = False
        factors[part] = estimate_rhythm(counts, hours, others, guess)[hours[part]]
    return factors


def _forecasts(
    history: Stretch, rhythm: Floats, came: Floats, due: Floats, gap: int, scale: int
) -> tuple[Floats, Floats, float, Floats]:
    """What would have been forecast for each sum of the history, and what came.

    Returns:
        Sums ``(sums,)``, forecast means ``(sums,)``, squared relative error of the level, and how
        much each sum says ``(sums,)``. The first eighth of the history only gives a level.
    """
    size = len(history.counts)
    starts = np.arange(size // 8 + gap, size - scale + 1)
    starts = starts[due[starts - gap] > 0]
    ends = starts - gap

    def over(values: Floats) -> Floats:
        sums = np.append(0.0, np.cumsum(values))
        return np.asarray(sums[starts + scale] - sums[starts])

    says = (np.round(over(history.used.astype(float))) == scale) / scale
    means = (came[ends] + _SOME) / due[ends] * over(rhythm)
    doubts = (1.0 + 0.2 * came[ends] / due[ends]) / (came[ends] + _SOME)
    return np.round(over(history.counts)), means, float(np.median(doubts)) if len(doubts) else 1.0, says


def weighted_sums(values: Floats, decay: float) -> Floats:
    """``(windows + 1,)``: at each window the weighted sum of all before it, the latest of weight one.

    The history spans a few half-lives only, so the powers stay small and the cumulative sum exact.
    """
    powers = decay ** np.arange(len(values) + 1)
    return np.asarray(np.append(0.0, np.cumsum(values / powers[1:])) * powers)

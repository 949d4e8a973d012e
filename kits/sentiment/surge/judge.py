"""Whether a window surges: the tests, without any state of their own.

Volume: the negative stories of the last windows against what is expected, from the first item on.
Share: the negative ones among all stories, once the window is final.

A model calls some stories negative that are not. When much more is written than usual, such false
positives grow with it, so a wave of neutral news may look like a surge. Such waves are rare; it is
enough that few of them pass: as many negative stories must be unlikely even if all of the
additional stories were neutral.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from kits.sentiment.reading import ErrorRates
from kits.sentiment.surge.chance import SPREADS, CountChance, independent_at_least
from kits.sentiment.surge.episode import Hit
from kits.sentiment.surge.expect import Expectations
from kits.sentiment.surge.grid import Grid
from kits.sentiment.surge.signal import Evidence, Kind, round_float
from kits.sentiment.surge.tally import NEGATIVE, STORIES, Tally

CRITICAL_CHANCE = 1e-3  # an alert is critical if its p-value is as far below the threshold
WAVE_CHANCE = 0.05  # of the waves of neutral news so many may raise an alert
_WAVE_CORRELATION = 0.05  # between the errors on two stories of one wave, which are often about one thing
HIGH_CHANCE = 0.25  # a sum counts only with a window at its end that is so high on so few quiet days
CRITICAL_COUNT = 3  # or if the count is so many times what an alert needs


@dataclass(frozen=True, slots=True)
class _Finding:
    """A sum that is too high, by one test; what is shown of it is put together only where it decides."""

    kind: Kind
    scale: int
    p_value: float
    critical: int
    dispersion: float
    is_critical: bool


class Judge:
    """Tests the windows of a tally.

    Args:
        grid: How time is divided.
        tally: The counts.
        expect: What they should be.
        errors: How the model errs on negative texts.
        min_stories: No alert on fewer distinct negative stories.
    """

    def __init__(self, grid: Grid, tally: Tally, expect: Expectations, errors: ErrorRates, min_stories: int) -> None:
        self._grid, self._tally, self._expect = grid, tally, expect
        self._errors, self._least = errors, min_stories

    def is_candidate(self, series: str, window: int) -> bool:
        """Whether the number of negative stories alone would do; the quick look after every item."""
        for scale in self._grid.scales:
            count = self._tally.total(series, NEGATIVE, window - scale + 1, window + 1)
            if count >= self._least:
                critical = self._expect.critical(series, window, scale, self._least)
                if critical is not None and count >= critical:
                    return True
        return False

    def judge(self, series: str, window: int, *, is_final: bool) -> Hit | None:
        """What is found in a window; None if nothing.

        Args:
            series: Whose.
            window: Its number.
            is_final: Whether no item can change it any more; the share is tested only then.
        """
        if self._tally.total(series, NEGATIVE, window, window + 1) <= 0:
            return None
        found = list(self._volume(series, window))
        if is_final:
            found += self._share(series, window)
        strongest = min(found, key=lambda finding: round_float(finding.p_value), default=None)
        return None if strongest is None else self._hit(series, window, strongest)

    def is_calm(self, series: str, window: int, chance: float) -> bool:
        """Whether a window has no more negative stories than happen with ``chance`` on quiet days."""
        count = self._tally.total(series, NEGATIVE, window, window + 1)
        expected = self._expect.volume(series, window, 1)
        return count == 0 or expected is None or expected.at_least(count) > chance

    def _volume(self, series: str, window: int) -> Iterator[_Finding]:
        """The sums with too many negative stories."""
        level = self._expect.level(series, window)
        for scale in self._grid.scales:
            count = self._total(series, NEGATIVE, window, scale)
            critical = self._expect.critical(series, window, scale, self._least) if count >= self._least else None
            if critical is None or count < critical or not self._is_high(series, window, scale):
                continue
            chance = self._expect.volume(series, window, scale)
            if chance is None:
                continue
            p_value = chance.at_least(count)
            if p_value <= level and self._wave(series, window, scale, chance).at_least(count) <= WAVE_CHANCE:
                is_critical = p_value <= level * CRITICAL_CHANCE or count >= CRITICAL_COUNT * critical
                yield _Finding("volume", scale, p_value, critical, chance.spread, is_critical)

    def _share(self, series: str, window: int) -> Iterator[_Finding]:
        """The sums of whose stories too many are negative."""
        level = self._expect.level(series, window)
        for scale in self._grid.scales:
            count = self._total(series, NEGATIVE, window, scale)
            usual = self._expect.usual_share(series, window, scale) if count >= self._least else None
            if usual is None:
                continue
            stories = self._total(series, STORIES, window, scale)
            is_high = self._is_high(series, window, scale)
            # correlated stories do more often by chance what independent ones seldom do
            if not is_high or count <= usual * stories or independent_at_least(count, stories, usual) > level:
                continue
            chance = self._expect.share(series, window, scale)
            p_value = 1.0 if chance is None else chance.at_least(count, stories)
            if chance is not None and p_value <= level:
                critical = chance.smallest_beyond(level, stories, self._least)
                is_critical = p_value <= level * CRITICAL_CHANCE
                yield _Finding("share", scale, p_value, critical, chance.correlation, is_critical)

    def _is_high(self, series: str, window: int, scale: int) -> bool:
        """Whether the window itself has many: a peak is not to echo in the sums of quiet windows after it."""
        return scale == 1 or not self.is_calm(series, window, HIGH_CHANCE)

    def _wave(self, series: str, window: int, scale: int, chance: CountChance) -> CountChance:
        """The chances of the count if every story beyond the usual number is neutral: the model's errors are added."""
        rate = self._errors.negative_when_not
        usual = self._expect.volume(series, window, scale, STORIES)
        more = 0.0 if usual is None else max(0.0, self._total(series, STORIES, window, scale) - usual.mean)
        if rate * more == 0.0:
            return chance
        mean = chance.mean + rate * more
        errors = rate * (1.0 - rate) * more * (1.0 + max(0.0, more - 1.0) * _WAVE_CORRELATION)
        variance = chance.mean + chance.spread * chance.mean**2 + errors
        spread = max(SPREADS[0], (variance - mean) / mean**2)
        return CountChance(mean, np.array([spread]), np.ones(1))

    def _total(self, series: str, column: int, window: int, scale: int) -> int:
        return self._tally.total(series, column, window - scale + 1, window + 1)

    def _hit(self, series: str, window: int, found: _Finding) -> Hit:
        scale = found.scale
        count, stories = (self._total(series, column, window, scale) for column in (NEGATIVE, STORIES))
        volume, share = self._expect.volume(series, window, scale), self._expect.usual_share(series, window, scale)
        wave = None if volume is None else self._wave(series, window, scale, volume)
        evidence = Evidence(
            scale=scale,
            window_seconds=float(self._grid.seconds),
            at=datetime.fromtimestamp(window * self._grid.seconds, UTC).isoformat(),
            count=count,
            stories=stories,
            expected=0.0 if volume is None else volume.mean,
            expected_given_volume=0.0 if wave is None else wave.mean,
            critical=found.critical,
            dispersion=found.dispersion,
            share=count / stories,
            expected_share=0.0 if share is None else share,
            adjusted=true_negatives(count, stories, self._errors),
            p_value=found.p_value,
            wave_p_value=1.0 if wave is None else wave.at_least(count),
            threshold=self._expect.level(series, window),
            history_windows=self._expect.windows_behind(window, scale),
        )
        return Hit(window, found.kind, "critical" if found.is_critical else "warning", evidence.rounded())


def true_negatives(count: int, stories: int, errors: ErrorRates) -> float:
    """How many of the stories are negative indeed, if the model called ``count`` of them so.

    Source:
        Rogan and Gladen 1978, equation for the true prevalence, kept within 0 and ``stories``.

    >>> round(true_negatives(14, 100, ErrorRates(negative_when_negative=0.9, negative_when_not=0.05, rows=500)), 3)
    10.588
    """
    gain = errors.negative_when_negative - errors.negative_when_not
    if gain <= 0.0:  # a model that knows nothing: its word is all there is
        return float(count)
    return min(float(stories), max(0.0, (count - errors.negative_when_not * stories) / gain))

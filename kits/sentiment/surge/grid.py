"""How the surge detector divides time: settings in days and hours, turned into numbers of windows."""

from __future__ import annotations

from dataclasses import dataclass

from core.config import parse_duration
from core.errors import ConfigError
from kits.sentiment.config import AlertConfig, SurgeConfig

_DAY, _WEEK = 86_400, 604_800
_SHORTEST, _LONGEST = 60, 30 * _DAY
_KINDS = 2  # of tests: volume and share


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows and how they are looked at, all in windows but for the first.

    Attributes:
        seconds: Length of a window.
        gap: Within so many before it, windows may not yet be final when a window begins.
        scales: Lengths of the sums that are tested.
        history: Length of the baseline's history.
        min_history: No test before so much.
        day: How often the baseline is fitted anew.
        aftermath: Windows after a surge that are still part of it.
    """

    seconds: int
    gap: int
    scales: tuple[int, ...]
    history: int
    min_history: int
    day: int
    aftermath: int

    @property
    def new_normal(self) -> int:
        """A surge that has lasted so long is no longer left out of what is normal."""
        return max(7, _WEEK // self.seconds)

    @property
    def least_history(self) -> int:
        """No baseline on less."""
        return max(self.min_history, self.gap + max(self.scales) + 2)

    @property
    def warm_up(self) -> int:
        """Windows from the first item to the first test; the baseline begins with a whole day."""
        return self.least_history + self.day + self.gap

    @property
    def tests_per_day(self) -> float:
        """How many looks at a series in a day may each raise an alert of its own.

        A sum of six windows is looked at in every window, but five sixths of what it sees was there
        before, and what surges within the cooldown is one alert: it counts every sixth time.
        """
        return _DAY / self.seconds * sum(1.0 / scale for scale in self.scales) * _KINDS


def make_grid(surge: SurgeConfig, alert: AlertConfig) -> Grid:
    """Settings in windows.

    Raises:
        ConfigError: Names everything that is wrong or does not go together.
    """
    faults = []

    def seconds(name: str, text: str) -> float:
        try:
            return parse_duration(text)
        except ValueError as error:
            faults.append(f"surge.{name}: got {text!r}, {error}")
            return float(_DAY)

    length, lateness = seconds("window", surge.window), seconds("lateness", surge.lateness)
    if length % 1 or not _SHORTEST <= length <= _LONGEST or (_DAY % length and length % _DAY):
        faults.append(f"surge.window: got {surge.window!r}, expected a part of a day or whole days, 60s to 30d")
        length = _DAY
    if list(surge.scales) != sorted(set(surge.scales)) or surge.scales[0] != 1:
        faults.append(f"surge.scales: got {list(surge.scales)}, expected rising numbers of which the first is 1")
    size = int(length)
    gap = int(-(-lateness // size))
    if alert.cooldown_windows < gap:
        faults.append(
            f"alert.cooldown_windows: got {alert.cooldown_windows}, expected at least {gap}, as surge.lateness is so "
            "many windows: else a late item could make two alerts of one"
        )
    if alert.resolve_windows > alert.cooldown_windows:
        faults.append(f"alert.resolve_windows: got {alert.resolve_windows}, expected at most alert.cooldown_windows")
    if surge.min_history_days > surge.history_days:
        faults.append(f"surge.min_history_days: got {surge.min_history_days}, expected at most surge.history_days")
    if faults:
        raise ConfigError("; ".join(faults))
    return Grid(
        seconds=size,
        gap=gap,
        scales=surge.scales,
        history=max(2, round(surge.history_days * _DAY / size)),
        min_history=round(surge.min_history_days * _DAY / size),
        day=max(1, _DAY // size),
        aftermath=alert.cooldown_windows,
    )

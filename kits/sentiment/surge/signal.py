"""The words in which the surge detector is told and tells: plain data, without a database or a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal["volume", "share"]
Severity = Literal["warning", "critical"]
Change = Literal["opened", "extended", "reopened", "resolved", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One item after its story was found and the model has read it.

    Attributes:
        clock: When the monitor took it in; never goes back.
        event_at: When it happened; decides the window.
        item: Its key.
        story: Key of the story it tells.
        sentiments: The series it belongs to, each with its sentiment there.
    """

    clock: datetime
    event_at: datetime
    item: str
    story: str
    sentiments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WindowCount:
    """What was counted in one window of one series."""

    series: str
    starts_at: datetime
    stories: int
    negative: int
    positive: int
    items: int


def round_float(value: float) -> float:
    """A number in 6 significant digits.

    >>> round_float(0.12345678)
    0.123457
    """
    return float(f"{value:.6g}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an alert was raised: numbers only.

    Attributes:
        scale: Over how many windows was summed.
        window_seconds: Their length.
        at: Start of the last of them, in ISO form.
        count: Negative stories in them.
        stories: All stories in them.
        expected: Negative stories that were expected.
        expected_given_volume: The same, plus the false positives if all stories beyond the usual number are neutral.
        critical: As many would have been needed for an alert.
        dispersion: Variance beyond that of a Poisson count, over the squared mean; of the share: the
            correlation between two stories of one sum.
        share: Of the stories that are negative.
        expected_share: Its baseline.
        adjusted: Negative stories after the model's errors are taken out (Rogan and Gladen 1978).
        p_value: Chance of so many, or more, if nothing has happened.
        wave_p_value: The same if all stories beyond the usual number were neutral, and the model erred on some.
        threshold: Largest p-value that is an alert.
        history_windows: Windows behind the baseline.
    """

    scale: int
    window_seconds: float
    at: str
    count: int
    stories: int
    expected: float
    expected_given_volume: float
    critical: int
    dispersion: float
    share: float
    expected_share: float
    adjusted: float
    p_value: float
    wave_p_value: float
    threshold: float
    history_windows: int

    def rounded(self) -> Evidence:
        """Floats in 6 significant digits, so that the evidence reads the same wherever it was computed."""
        given = {name: getattr(self, name) for name in self.__slots__}
        rounded: dict[str, Any] = {k: round_float(v) if isinstance(v, float) else v for k, v in given.items()}
        return Evidence(**rounded)

    def to_json(self) -> dict[str, Any]:
        """Plain values with sorted keys."""
        return dict(sorted(asdict(self.rounded()).items()))


@dataclass(frozen=True, slots=True)
class DrivingStory:
    """A negative story among those that an alert counts.

    Attributes:
        story: Its key.
        item: Key of its earliest item in the series.
        reach: How many items of the series told it so far.
    """

    story: str
    item: str
    reach: int


@dataclass(frozen=True, slots=True)
class Signal:
    """What happened to an alert.

    Attributes:
        alert: Its id.
        series: Where the surge is.
        kind: ``volume`` or ``share``, whichever is less likely by chance.
        severity: Of the strongest window.
        what: What happened.
        at: The clock.
        starts_at: Start of the first window that surged.
        last_window_at: Start of the last.
        hits: How many windows after the first each of those that surged lies, the first (0) included.
        evidence: Of the strongest window.
        stories: Those that drive it, widest reach first.
    """

    alert: str
    series: str
    kind: Kind
    severity: Severity
    what: Change
    at: datetime
    starts_at: datetime
    last_window_at: datetime
    hits: tuple[int, ...]
    evidence: Evidence
    stories: tuple[DrivingStory, ...]


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """An alert as the store has it, for the detector to go on from after a start.

    Attributes:
        id: Of the alert.
        series: Where the surge is.
        kind: ``volume`` or ``share``.
        severity: ``warning`` or ``critical``.
        state: ``firing``, ``acknowledged`` or ``resolved``.
        starts_at: Start of the first window that surged.
        last_window_at: Start of the last.
        evidence: The row's evidence.
    """

    id: str
    series: str
    kind: Kind
    severity: Severity
    state: str
    starts_at: datetime
    last_window_at: datetime
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Band:
    """How many negative stories a window should have: the mean, and bounds that hold 95 % of quiet windows."""

    expected: float
    low: int
    high: int

"""How good alarms are: how often false, how many events they find, and how late; each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from scipy.special import betaincinv, gammaincinv

from kits.sentiment.backtest.replay import Alarm
from kits.sentiment.backtest.truth import SIDE, Event, events_at
from kits.sentiment.reading import OVERALL

DAYS_PER_MONTH = 365.25 / 12
_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when alarms are measured, and by which steps.

    Attributes:
        start: From when there is history enough for a baseline.
        end: Of the data.
        window: Length of a window.
    """

    start: datetime
    end: datetime
    window: timedelta

    @property
    def months(self) -> float:
        """Its length in months of 30.4 days."""
        return max(0.0, (self.end - self.start) / timedelta(days=DAYS_PER_MONTH))


@dataclass(frozen=True, slots=True)
class Score:
    """What alarms are worth.

    Attributes:
        alarms: How many there were.
        false: Those that no event explains.
        series_months: In which no event was, over all series.
        false_per_month: False alarms per series and month.
        false_low: Lower end of its 95 % interval.
        false_high: Upper end.
        events: Events that should be found.
        found: Those that were.
        recall: Their share; None without events.
        recall_low: Lower end of its 95 % interval.
        recall_high: Upper end.
        delay_windows: Median from an event's start to its alarm, in windows, with events that were
            missed counted as not found by their end; None if fewer than half are found.
        delay_minutes: The same in minutes.
    """

    alarms: int
    false: int
    series_months: float
    false_per_month: float | None
    false_low: float | None
    false_high: float | None
    events: int
    found: int
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    delay_windows: float | None
    delay_minutes: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, floats in 4 significant digits."""
        return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in asdict(self).items()}


def score_alarms(alarms: Iterable[Alarm], events: Sequence[Event], series: Sequence[str], span: Span) -> Score:
    """Hold alarms against events.

    An alarm is right if its windows touch an event of its series, up to a window after its end. An
    event of all news explains alarms of topics and companies, and theirs explain one of all news;
    those count as neither right nor false.

    Args:
        alarms: Those before the span are left out.
        events: Everything that is known to have happened.
        series: Those that are measured.
        span: From when to when.
    """
    known = set(series)
    counted = [alarm for alarm in alarms if alarm.series in known and alarm.opened_at >= span.start]
    false = sum(not is_explained(alarm, events, span) for alarm in counted)
    months = sum(quiet_months(name, events, span) for name in series)
    low, high = poisson_interval(false)
    wanted = [e for e in events if e.strength != SIDE and e.series in known and span.start <= e.starts_at < span.end]
    delays = [find_delay(event, counted, span) for event in wanted]
    found = sum(delay is not None for delay in delays)
    recall_low, recall_high = share_interval(found, len(wanted))
    ends = [((e.ends_at - e.starts_at) / span.window) for e in wanted]
    late = [None if delay is None else delay / span.window for delay in delays]
    median = median_with_censored(late, ends)
    return Score(
        alarms=len(counted),
        false=false,
        series_months=months,
        false_per_month=false / months if months else None,
        false_low=low / months if months else None,
        false_high=high / months if months else None,
        events=len(wanted),
        found=found,
        recall=found / len(wanted) if wanted else None,
        recall_low=recall_low if wanted else None,
        recall_high=recall_high if wanted else None,
        delay_windows=median,
        delay_minutes=None if median is None else median * (span.window / timedelta(minutes=1)),
    )


def score_by(
    group_of: Mapping[str, str], alarms: Sequence[Alarm], events: Sequence[Event], span: Span
) -> dict[str, Score]:
    """The same for each group of series.

    Args:
        group_of: Series to the name of its group.
        alarms: As ``score_alarms``.
        events: As ``score_alarms``.
        span: As ``score_alarms``.
    """
    groups = sorted(set(group_of.values()))
    members = {group: [series for series, name in group_of.items() if name == group] for group in groups}
    return {group: score_alarms(alarms, events, members[group], span) for group in groups}


def is_explained(alarm: Alarm, events: Sequence[Event], span: Span) -> bool:
    """Whether something that happened may have raised an alarm."""
    start, end = alarm.starts_at - span.window, alarm.ends_at
    if alarm.series == OVERALL:
        return any(event.starts_at < end and start < event.ends_at for event in events)
    return any(events_at(events, series, start, end) for series in (alarm.series, OVERALL))


def find_delay(event: Event, alarms: Sequence[Alarm], span: Span) -> timedelta | None:
    """From the start of an event to its first alarm; zero if one is on already; None if it is missed."""
    right = [
        alarm.opened_at
        for alarm in alarms
        if alarm.series == event.series
        and alarm.starts_at - span.window < event.ends_at
        and event.starts_at < alarm.ends_at
        and not alarm.is_withdrawn
    ]
    return max(timedelta(0), min(right) - event.starts_at) if right else None


def quiet_months(series: str, events: Sequence[Event], span: Span) -> float:
    """How long nothing is known to have happened in a series, within a span."""
    busy, reached = timedelta(0), span.start
    for event in sorted(events_at(events, series, span.start, span.end), key=lambda event: event.starts_at):
        start, end = max(event.starts_at, reached), min(event.ends_at, span.end)
        if end > start:
            busy += end - start
            reached = end
    return max(0.0, span.months - busy / timedelta(days=DAYS_PER_MONTH))


def poisson_interval(count: int) -> tuple[float, float]:
    """Bounds of the expected number of which ``count`` came (Garwood 1936), 95 %.

    >>> [round(bound, 2) for bound in poisson_interval(0)]
    [0.0, 3.69]
    """
    low = 0.0 if count == 0 else float(gammaincinv(count, _TAIL))
    return low, float(gammaincinv(count + 1, 1.0 - _TAIL))


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Bounds of a share of which ``count`` out of ``total`` came (Clopper and Pearson 1934), 95 %.

    >>> [round(bound, 3) for bound in share_interval(10, 10)]
    [0.692, 1.0]
    """
    if total == 0:
        return 0.0, 1.0
    low = 0.0 if count == 0 else float(betaincinv(count, total - count + 1, _TAIL))
    high = 1.0 if count == total else float(betaincinv(count + 1, total - count, 1.0 - _TAIL))
    return low, high


def median_with_censored(values: Sequence[float | None], limits: Sequence[float]) -> float | None:
    """The median of values of which some are only known to exceed a limit (Kaplan and Meier 1958).

    Args:
        values: What was seen; None where nothing was seen up to the limit.
        limits: For how long it was looked.

    Returns:
        The smallest value by which at least half has happened; None if that is never so.

    >>> median_with_censored([1.0, None, 2.0, 3.0], [9, 9, 9, 9])
    2.0
    >>> median_with_censored([1.0, None, None], [9, 9, 9]) is None
    True
    """
    ends = sorted(
        (limit if value is None else value, value is None) for value, limit in zip(values, limits, strict=True)
    )
    surviving, left = 1.0, len(ends)
    for value, is_censored in ends:
        if not is_censored:
            surviving *= 1.0 - 1.0 / left
            if surviving <= 0.5 + 1e-12:
                return value
        left -= 1
    return None

"""The monitor's charts: paths in the units of the data, and the marks and labels around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from core.serve import plot
from core.serve.clock import show_day, show_weekday
from kits.sentiment.view.timeline import Point, Timeline

FEWEST_DAY_TICKS, MOST_TICKS = 2, 8


@dataclass(frozen=True, slots=True)
class Spark:
    """A small chart without axes.

    Attributes:
        width: In bars.
        height: Of the tallest.
        plain: Path of the bars outside surges.
        marked: Path of those in a surge.
    """

    width: int
    height: int
    plain: str
    marked: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis, by its place from 0 to 100."""

    percent: float
    label: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the charts above each other.

    Attributes:
        height: In units of the data.
        shapes: Class of the style sheet to path, the undermost first.
        ticks: Of the upright axis.
    """

    height: int
    shapes: tuple[tuple[str, str], ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert on the time axis: from where to where, in percent."""

    id: str
    severity: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A series over time.

    Attributes:
        width: In windows.
        negative: Negative stories with what is usual.
        volume: All stories by sentiment.
        days: Ticks of the time axis.
        marks: Its alerts.
        has_band: It is known what is usual.
    """

    width: int
    negative: Panel
    volume: Panel
    days: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    has_band: bool


def draw_spark(trend: Sequence[int], surging: Sequence[bool]) -> Spark:
    """Draw the trend of a series."""
    plain = plot.bars(0 if is_surge else value for value, is_surge in zip(trend, surging, strict=True))
    marked = plot.bars(value if is_surge else 0 for value, is_surge in zip(trend, surging, strict=True))
    return Spark(len(trend), max(4, *trend), plain, marked)


def draw_timeline(timeline: Timeline, zone: tzinfo, language: str) -> Chart:
    """Draw a series over time."""
    points = timeline.points
    length = timedelta(seconds=timeline.window_seconds)
    first, span = points[0].starts_at, length * len(points)
    marks = []
    for alert in reversed(timeline.alerts):
        start = max(0.0, (alert.starts_at - first) / span)
        end = (alert.last_window_at + length - first) / span
        marks.append(Mark(alert.id, alert.severity, round(100 * start, 3), round(100 * (end - start), 3)))
    in_surge = [
        any(alert.starts_at <= point.starts_at <= alert.last_window_at for alert in timeline.alerts) for point in points
    ]
    return Chart(
        len(points),
        _negative_panel(points, in_surge),
        _volume_panel(points),
        _day_ticks(first, span, zone, language),
        tuple(marks),
        any(point.high is not None for point in points),
    )


def _negative_panel(points: Sequence[Point], in_surge: Sequence[bool]) -> Panel:
    highs = [point.high or 0 for point in points]
    scale = plot.ticks(max(4, *(point.negative for point in points), *highs))
    pairs = list(zip(points, in_surge, strict=True))
    shapes = (
        ("band", plot.band([point.low for point in points], [point.high for point in points])),
        ("bar", plot.bars(0 if surging else point.negative for point, surging in pairs)),
        ("bar surge", plot.bars(point.negative if surging else 0 for point, surging in pairs)),
        ("line", plot.steps([point.expected for point in points])),
    )
    return Panel(scale[-1], shapes, _upright(scale))


def _volume_panel(points: Sequence[Point]) -> Panel:
    scale = plot.ticks(max(4, *(point.stories for point in points)), 2)
    negative = [float(point.negative) for point in points]
    neutral = [float(point.stories - point.negative - point.positive) for point in points]
    above = [a + b for a, b in zip(negative, neutral, strict=True)]
    shapes = (
        ("bar neg", plot.bars(negative)),
        ("bar neu", plot.bars(neutral, negative)),
        ("bar pos", plot.bars((point.positive for point in points), above)),
    )
    return Panel(scale[-1], shapes, _upright(scale))


def _upright(scale: Sequence[int]) -> tuple[Tick, ...]:
    return tuple(Tick(round(100 - 100 * value / scale[-1], 3), f"{value:,}") for value in scale)


def _day_ticks(first: datetime, span: timedelta, zone: tzinfo, language: str) -> tuple[Tick, ...]:
    """Midnights, or where they are too few every six hours, as the reader's clock has them."""
    hours = 24 if span > timedelta(days=FEWEST_DAY_TICKS) else 6
    at = first.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    found = []
    while (at := at + timedelta(hours=1)) < first.astimezone(zone) + span:
        here = at.astimezone(UTC).astimezone(zone)  # across a change to summer time, hours are what they are
        if here.hour % hours == 0:
            found.append(here)
    every = -(-len(found) // MOST_TICKS)
    ticks = []
    for position, here in enumerate(found[::every] if every else ()):
        label = f"{here:%H:%M}" if here.hour else show_day(here, language)
        if here.hour == 0 and len(found) <= MOST_TICKS:
            label = f"{show_weekday(here, language)} {label}"
        percent = round(100 * ((here - first) / span), 3)
        ticks.append(Tick(percent, label, bool(position % 2)))
    return tuple(ticks)

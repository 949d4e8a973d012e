"""A series over time: how many stories, how many of them negative, what is usual, and its alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from kits.sentiment.store.schema import windows
from kits.sentiment.view.alerts import AlertView, series_alerts
from kits.sentiment.view.now import Now
from kits.sentiment.view.overview import Usual

MOST_POINTS = 2000


@dataclass(frozen=True, slots=True)
class Point:
    """One window.

    Attributes:
        starts_at: Its start.
        stories: In it.
        negative: Of these.
        positive: Of these.
        items: With reprints.
        expected: Negative stories that are usual; None while learning.
        low: Lower bound of what is usual.
        high: Upper bound.
    """

    starts_at: datetime
    stories: int
    negative: int
    positive: int
    items: int
    expected: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A series over time.

    Attributes:
        series: Its key.
        at: As of when.
        window_seconds: Length of a window.
        points: In order, without gaps.
        alerts: Those that were open in this time, the latest first.
    """

    series: str
    at: datetime
    window_seconds: float
    points: tuple[Point, ...]
    alerts: tuple[AlertView, ...]


def read_timeline(
    connection: Connection, now: Now, series: str, since: datetime, length: timedelta, usual: Usual
) -> Timeline:
    """Read a series over time.

    Args:
        connection: To read from.
        now: Until when.
        series: Its key.
        since: From when, rounded to a window.
        length: Of a window.
        usual: What is normal for the windows of a series.
    """
    starts = window_starts(since, now.clock, length)
    query = select(
        *(windows.c[name] for name in ("starts_at", "stories", "negative", "positive", "items"))
    ).where(
        windows.c.model_version == now.version,
        windows.c.series == series,
        windows.c.starts_at >= starts[0],
        windows.c.starts_at <= now.clock,
    )
    counted = {start: counts for start, *counts in connection.execute(query)}
    points = []
    for start, band in zip(starts, usual(series, starts), strict=True):
        bounds = (band.expected, band.low, band.high) if band else (None, None, None)
        points.append(Point(start, *counted.get(start, (0, 0, 0, 0)), *bounds))
    alerts = series_alerts(connection, series, starts[0])
    return Timeline(series, now.clock, length.total_seconds(), tuple(points), tuple(alerts))


def window_starts(since: datetime, until: datetime, length: timedelta) -> list[datetime]:
    """The starts of the windows that touch a time, at most the last 2,000."""
    first = since - timedelta(seconds=since.timestamp() % length.total_seconds())
    count = min(MOST_POINTS, int((until - first) / length) + 1)
    last = until - timedelta(seconds=until.timestamp() % length.total_seconds())
    return [last - length * back for back in range(count - 1, -1, -1)]

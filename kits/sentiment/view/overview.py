"""The first page: every series with its level, its trend and whether it surges, in one look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from kits.sentiment.store.schema import items, scores, stories, windows
from kits.sentiment.surge.signal import Band
from kits.sentiment.view.alerts import AlertView, open_alerts, recent_spans
from kits.sentiment.view.now import Now
from kits.sentiment.view.series import Kind, Series, parse_series
from kits.sentiment.view.stories import Headline, lead_stories

LEVEL_HOURS = 24
TREND_DAYS = 7
TREND_POINTS = 56
MOST_HEADLINES = 1000
Usual = Callable[[str, Sequence[datetime]], Sequence[Band | None]]
_ORDER = {"critical": 0, "warning": 1}


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series in the overview.

    Attributes:
        series: Its key.
        kind: ``overall``, ``topic`` or ``company``.
        name: Of the topic or company.
        stories: Of the last 24 hours.
        negative: Of these.
        positive: Of these.
        usual: Negative stories that so many hours have at this time of the week; None while learning.
        trend: Negative stories in each of 56 equal parts of the last seven days.
        surging: Which of these parts are in an alert.
        alert: The open alert of the series.
        headline: Its latest negative story of the last 24 hours.
    """

    series: str
    kind: Kind
    name: str
    stories: int
    negative: int
    positive: int
    usual: float | None
    trend: tuple[int, ...]
    surging: tuple[bool, ...]
    alert: AlertView | None
    headline: Headline | None

    @property
    def share(self) -> float | None:
        """Of its stories that are negative."""
        return self.negative / self.stories if self.stories else None


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page.

    Attributes:
        at: As of when.
        overall: All news; None before the first.
        topics: Surging ones first, then by how much bad news there is.
        companies: Likewise.
        firing: Alerts that nobody has acknowledged.
        acknowledged: Alerts that somebody takes care of.
        leads: By the id of an open alert the story behind it that was told most often.
    """

    at: datetime
    overall: SeriesRow | None
    topics: tuple[SeriesRow, ...]
    companies: tuple[SeriesRow, ...]
    firing: tuple[AlertView, ...]
    acknowledged: tuple[AlertView, ...]
    leads: Mapping[str, Headline]

    @property
    def is_learning(self) -> bool:
        """There is news, but too little yet to know what is usual."""
        return self.overall is not None and self.overall.usual is None and self.overall.alert is None


@dataclass(slots=True)
class _Counts:
    trend: list[int]
    stories: int = 0
    negative: int = 0
    positive: int = 0


def read_overview(connection: Connection, now: Now, length: timedelta, usual: Usual) -> Overview:
    """Read the first page.

    Args:
        connection: To read from.
        now: As of when.
        length: Of a window.
        usual: What is normal for the windows of a series.
    """
    opened = open_alerts(connection)
    counts = _read_counts(connection, now) if now.version else {}
    spans = defaultdict(list)
    for alert in recent_spans(connection, now.ago(days=TREND_DAYS)):
        spans[alert.series].append(alert)
    latest = _latest_headlines(connection, now) if now.version else {}
    recent = _recent_windows(now, length)
    rows = []
    for key in {"overall", *counts, *(alert.series for alert in opened)} if counts or opened else ():
        series = parse_series(key)
        if series is not None:
            own = counts.get(key, _Counts([0] * TREND_POINTS))
            current = next((alert for alert in opened if alert.series == key), None)
            expected = _sum_expected(usual(key, recent))
            marks = _mark_parts(spans[key], now, length)
            rows.append(_make_row(series, own, expected, marks, current, latest.get(key)))
    rows.sort(key=_rank)
    return Overview(
        now.clock,
        next((row for row in rows if row.kind == "overall"), None),
        tuple(row for row in rows if row.kind == "topic"),
        tuple(row for row in rows if row.kind == "company"),
        tuple(alert for alert in opened if alert.state == "firing"),
        tuple(alert for alert in opened if alert.state == "acknowledged"),
        lead_stories(connection, opened),
    )


def _make_row(
    series: Series,
    counts: _Counts,
    expected: float | None,
    marks: tuple[bool, ...],
    alert: AlertView | None,
    headline: Headline | None,
) -> SeriesRow:
    return SeriesRow(
        series.key, series.kind, series.name, counts.stories, counts.negative, counts.positive, expected,
        tuple(counts.trend), marks, alert, headline,
    )  # fmt: skip


def _rank(row: SeriesRow) -> tuple[object, ...]:
    if row.alert is None:
        return (2, 0, -row.negative, row.name)
    return (row.alert.state != "firing", _ORDER.get(row.alert.severity, 2), -row.negative, row.name)


def _read_counts(connection: Connection, now: Now) -> dict[str, _Counts]:
    since, recent = now.ago(days=TREND_DAYS), now.ago(hours=LEVEL_HOURS)
    columns = ("series", "starts_at", "stories", "negative", "positive")
    query = select(*(windows.c[name] for name in columns)).where(
        windows.c.model_version == now.version, windows.c.starts_at > since, windows.c.starts_at <= now.clock
    )
    found: dict[str, _Counts] = {}
    for series, starts_at, told, negative, positive in connection.execute(query):
        counts = found.setdefault(series, _Counts([0] * TREND_POINTS))
        counts.trend[_part(starts_at, now)] += negative
        if starts_at > recent:
            counts.stories += told
            counts.negative += negative
            counts.positive += positive
    return found


def _part(at: datetime, now: Now) -> int:
    """Which part of the trend an instant lies in."""
    share = (at - now.ago(days=TREND_DAYS)) / timedelta(days=TREND_DAYS)
    return min(TREND_POINTS - 1, max(0, int(share * TREND_POINTS)))


def _recent_windows(now: Now, length: timedelta) -> list[datetime]:
    """The starts of the windows of the last 24 hours."""
    first = now.ago(hours=LEVEL_HOURS)
    offset = first.timestamp() % length.total_seconds()
    start = first - timedelta(seconds=offset) + length
    count = int((now.clock - start) / length) + 1
    return [start + length * step for step in range(count)]


def _sum_expected(bands: Iterable[Band | None]) -> float | None:
    expected = [None if band is None else band.expected for band in bands]
    known = [value for value in expected if value is not None]
    return sum(known) if known and len(known) == len(expected) else None


def _mark_parts(alerts: Iterable[AlertView], now: Now, length: timedelta) -> tuple[bool, ...]:
    marks = [False] * TREND_POINTS
    for alert in alerts:
        first, last = _part(alert.starts_at, now), _part(alert.last_window_at + length, now)
        marks[first : last + 1] = [True] * (last + 1 - first)
    return tuple(marks)


def _latest_headlines(connection: Connection, now: Now) -> dict[str, Headline]:
    """For each series the latest negative story of the last 24 hours."""
    query = (
        select(
            stories.c.key, stories.c.title, items.c.event_at, stories.c.language, scores.c.company, scores.c.topics
        )
        .select_from(items.join(scores, scores.c.item == items.c.key).join(stories, stories.c.key == items.c.story))
        .where(
            items.c.event_at > now.ago(hours=LEVEL_HOURS),
            items.c.event_at <= now.clock,
            scores.c.model_version == now.version,
            scores.c.sentiment == "negative",
        )
        .order_by(items.c.event_at.desc())
        .limit(MOST_HEADLINES)
    )
    found: dict[str, Headline] = {}
    for key, title, at, language, company, topics in connection.execute(query):
        names = [f"company:{company}"] if company else ["overall", *(f"topic:{topic}" for topic in topics)]
        for name in names:
            found.setdefault(name, Headline(key, title, at, language))
    return found

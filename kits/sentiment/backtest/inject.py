"""Plants surges of known strength into real history, to see from which strength on they are found.

A surge of strength 3 makes a topic's negative stories three times as many as usual, and as if
there were one a window at least, for six windows. What is planted are negative items of that
series out of the same history, retold as stories of their own, with their own delays of arrival.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from kits.sentiment.backtest.measure import Span, find_delay, median_with_censored, share_interval
from kits.sentiment.backtest.replay import Alarm, detect, gather_alarms
from kits.sentiment.backtest.truth import Event, events_at
from kits.sentiment.config import SentimentConfig
from kits.sentiment.reading import OVERALL, ErrorRates
from kits.sentiment.surge.grid import Grid
from kits.sentiment.surge.signal import Observation

SURGE_WINDOWS = 6
_SPACING_DAYS = 7.0
_FEWEST_WINDOWS = 30
_MOST_PER_SERIES = 12


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What becomes of planted surges of one strength.

    Attributes:
        strength: Times the usual number of negative stories.
        planted: How many surges.
        stories: Planted negative stories per surge, on the mean.
        found: Surges with an alarm that would not have been without them.
        recall: Share of them.
        low: Lower end of its 95 % interval.
        high: Upper end.
        delay_windows: Median delay in windows, misses counted as not found in time; None if fewer than half are.
    """

    strength: float
    planted: int
    stories: float
    found: int
    recall: float
    low: float
    high: float
    delay_windows: float | None


@dataclass(frozen=True, slots=True)
class Site:
    """Where surges can be planted in a series.

    Attributes:
        series: Its name.
        starts: When they begin, far from each other and from what happened.
        usual: Negative stories of a usual window.
        stock: Negative items of it, to be told again.
    """

    series: str
    starts: tuple[datetime, ...]
    usual: float
    stock: tuple[Observation, ...]


def draw_curve(
    observations: Sequence[Observation],
    settings: SentimentConfig,
    errors: ErrorRates,
    sites: Sequence[Site],
    span: Span,
    strengths: Sequence[float],
) -> list[CurvePoint]:
    """How many planted surges are found, and how fast, for each strength.

    Args:
        observations: The history.
        settings: Of the detector.
        errors: Of the model.
        sites: Where surges are planted.
        span: Of the history.
        strengths: How strong.
    """
    quiet = gather_alarms(detect(observations, settings, errors))
    points = []
    for strength in strengths:
        planted, events = plant(observations, sites, span, strength, settings.seed)
        alarms = gather_alarms(detect(planted, settings, errors))
        new = [alarm for alarm in alarms if not _was_there(alarm, quiet)]
        delays = [find_delay(event, new, span) for event in events]
        found = sum(delay is not None for delay in delays)
        late = [None if delay is None else delay / span.window for delay in delays]
        low, high = share_interval(found, len(events))
        stories = (len(planted) - len(observations)) / max(1, len(events))
        share = found / max(1, len(events))
        median = median_with_censored(late, [float(SURGE_WINDOWS)] * len(late))
        points.append(CurvePoint(strength, len(events), stories, found, share, low, high, median))
    return points


def find_sites(
    observations: Sequence[Observation], events: Sequence[Event], span: Span, grid: Grid, seed: int
) -> list[Site]:
    """Where surges can be planted: in single series, a week from each other, where nothing is known to have happened.

    Args:
        observations: The history.
        events: What is known to have happened.
        span: From when to when.
        grid: How time is divided.
        seed: Of the hours at which they begin.
    """
    random = np.random.default_rng(seed)
    told: dict[str, dict[str, Observation]] = {}
    for seen in observations:
        for series, mood in seen.sentiments:
            if mood == "negative":
                told.setdefault(series, {}).setdefault(seen.story, seen)
    single = sorted(series for series in told if series != OVERALL) or [OVERALL]
    windows = max(1.0, (span.end - span.start) / span.window)
    step = max(timedelta(days=_SPACING_DAYS), _FEWEST_WINDOWS * span.window)
    sites = []
    for series in single:
        starts: list[datetime] = []
        at = span.start + float(random.random()) * step
        while at + SURGE_WINDOWS * span.window < span.end and len(starts) < _MOST_PER_SERIES:
            start = span.start + int((at - span.start) / span.window) * span.window
            margin = grid.aftermath * span.window
            if not events_at(events, series, start - margin, start + SURGE_WINDOWS * span.window + margin):
                starts.append(start)
            at += step
        stock = tuple(told[series].values())
        recent = sum(1 for seen in stock if seen.event_at >= span.start)
        if starts:
            sites.append(Site(series, tuple(starts), recent / windows, stock))
    return sites


def plant(
    observations: Sequence[Observation], sites: Sequence[Site], span: Span, strength: float, seed: int
) -> tuple[list[Observation], list[Event]]:
    """History with surges in it.

    Returns:
        The observations in the order of their arrival, and the surges.
    """
    random = np.random.default_rng([seed, round(strength * 1000)])
    length = SURGE_WINDOWS * span.window
    added: list[Observation] = []
    events: list[Event] = []
    for site in sites:
        for start in site.starts:
            mean = (strength - 1.0) * max(site.usual, 1.0) * SURGE_WINDOWS
            moments = np.sort(random.random(int(random.poisson(mean))))
            picks = random.integers(len(site.stock), size=len(moments))
            for moment, pick in zip(moments.tolist(), picks.tolist(), strict=True):
                name = f"planted {len(added)}"
                added.append(_retell(site.stock[pick], site.series, start + moment * length, name))
            events.append(Event(site.series, start, start + length, f"{strength:g}"))
    return _weave(observations, added), events


def _retell(seen: Observation, series: str, at: datetime, name: str) -> Observation:
    """An item once more, as a story of its own; of companies and topics only in the series that surges."""
    mood: tuple[tuple[str, Any], ...] = tuple(pair for pair in seen.sentiments if pair[0] in (series, OVERALL))
    return replace(seen, clock=at + (seen.clock - seen.event_at), event_at=at, item=name, story=name, sentiments=mood)


def _weave(observations: Sequence[Observation], added: Sequence[Observation]) -> list[Observation]:
    """Both in the order of their arrival; what is added never changes the order of what was there."""
    clocks = [seen.clock for seen in observations]
    last = clocks[-1]
    placed = sorted(
        ((bisect.bisect_right(clocks, seen.clock), seen.clock, number) for number, seen in enumerate(added)),
    )
    woven: list[Observation] = []
    reached = 0
    for place, clock, number in placed:
        if clock > last:
            break
        woven += observations[reached:place]
        woven.append(added[number])
        reached = place
    return woven + list(observations[reached:])


def _was_there(alarm: Alarm, quiet: Sequence[Alarm]) -> bool:
    """Whether an alarm touches one that there is without planting."""
    return any(
        alarm.series == other.series and alarm.starts_at < other.ends_at and other.starts_at < alarm.ends_at
        for other in quiet
    )

"""The alarms that ours must beat: none, always, by chance, three standard deviations, and words counted.

All get the same items, the same windows, the same minimum of stories and the same cooldown, and
may speak as early: as soon as a running count is beyond their bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from kits.sentiment.backtest.measure import Span
from kits.sentiment.backtest.replay import Alarm
from kits.sentiment.surge.grid import Grid
from kits.sentiment.surge.signal import Observation
from kits.sentiment.surge.tally import NEGATIVE, Tally

_DEVIATIONS = 3.0
_ENGLISH = (
    "crash|plunge|plummet|slump|tumble|loss|losses|fraud|scandal|lawsuit|sue[sd]?|probe|investigat|fine[sd]?|default|"
    "bankrupt|insolven|recall|layoff|job cuts|warn|fear|crisis|collapse|fall|fell|drop|cut[s]?|downgrade|breach|hack|"
    "strike|recession|miss(?:es|ed)?"
)
_CHINESE = (
    "暴跌|下跌|大跌|亏损|欺诈|丑闻|诉讼|起诉|调查|罚款|违约|破产|召回|裁员|预警|担忧|危机|崩盘|下调|泄露|黑客|罢工|衰退|下滑|造假"
)
NEGATIVE_WORDS = re.compile(rf"\b(?:{_ENGLISH})\w*|{_CHINESE}", re.IGNORECASE)


def always(series: Iterable[str], span: Span, cooldown: timedelta) -> list[Alarm]:
    """An alarm in every series as soon as the cooldown of the last is over."""
    names, alarms, at = sorted(series), [], span.start
    while at < span.end:
        alarms += [Alarm(name, at, at, at + span.window) for name in names]
        at += cooldown + span.window
    return alarms


def by_chance(alarms: Sequence[Alarm], span: Span, seed: int) -> list[Alarm]:
    """As many alarms in each series as there are, each as long, at random times."""
    random = np.random.default_rng(seed)
    moved = []
    for alarm in sorted(alarms, key=lambda alarm: (alarm.series, alarm.opened_at)):
        windows = max(1, int((span.end - span.start) / span.window))
        shift = span.start + int(random.integers(windows)) * span.window - alarm.starts_at
        moved.append(replace(alarm, **{k: getattr(alarm, k) + shift for k in ("opened_at", "starts_at", "ends_at")}))
    return moved


def three_sigma(observations: Sequence[Observation], grid: Grid, least: int) -> list[Alarm]:
    """A count of negative stories beyond the mean plus three standard deviations of the history before it."""
    counts = _count(observations, grid)
    limits = {series: _limits(windows, grid, least) for series, windows in counts.items()}
    tally, crossed = Tally(), dict[tuple[str, int], datetime]()
    for seen in observations:
        for series, window in _put(tally, seen, grid):
            limit = limits[series].get(window)
            if limit is not None and tally.counts[series][window][NEGATIVE] > limit:
                crossed.setdefault((series, window), seen.clock)
    return _merge(crossed, grid)


def word_counts(
    observations: Sequence[Observation], texts: Sequence[str], grid: Grid, least: int
) -> list[Alarm]:
    """The same of items with a word that sounds bad, without a model and without finding reprints."""
    marked = []
    for seen, text in zip(observations, texts, strict=True):
        mood = "negative" if NEGATIVE_WORDS.search(text) else "neutral"
        marked.append(replace(seen, story=seen.item, sentiments=tuple((series, mood) for series, _ in seen.sentiments)))
    return three_sigma(marked, grid, least)


def _count(observations: Iterable[Observation], grid: Grid) -> Mapping[str, Mapping[int, int]]:
    tally = Tally()
    for seen in observations:
        _put(tally, seen, grid)
    return {s: {window: cell[NEGATIVE] for window, cell in cells.items()} for s, cells in tally.counts.items()}


def _put(tally: Tally, seen: Observation, grid: Grid) -> list[tuple[str, int]]:
    at = seen.event_at.timestamp()
    return tally.add(int(at // grid.seconds), at, seen.item, seen.story, seen.sentiments)


def _limits(counts: Mapping[int, int], grid: Grid, least: int) -> dict[int, float]:
    """For each window with enough stories the bound that its count must exceed."""
    first, last = min(counts), max(counts)
    values = np.zeros(last - first + 1)
    for window, count in counts.items():
        values[window - first] = count
    limits = {}
    for window, count in counts.items():
        before = values[max(0, window - first - grid.history) : window - first]
        if count >= least and len(before) >= max(grid.min_history, 2):
            limits[window] = max(float(before.mean() + _DEVIATIONS * before.std()), least - 1.0)
    return limits


def _merge(crossed: Mapping[tuple[str, int], datetime], grid: Grid) -> list[Alarm]:
    """Windows that lie within the cooldown of each other are one alarm."""
    alarms: list[Alarm] = []
    for (series, window), at in sorted(crossed.items()):
        start = datetime.fromtimestamp(window * grid.seconds, UTC)
        end = start + timedelta(seconds=grid.seconds)
        last = alarms[-1] if alarms and alarms[-1].series == series else None
        if last is not None and start - last.ends_at < timedelta(seconds=grid.aftermath * grid.seconds):
            alarms[-1] = replace(last, ends_at=end, opened_at=min(last.opened_at, at))
        else:
            alarms.append(Alarm(series, at, start, end))
    return sorted(alarms, key=lambda alarm: (alarm.opened_at, alarm.series))

"""Finds surges of negative news: pure, deterministic, without a database.

    item ─▶ tally ─▶ is the running sum beyond its critical count? ─▶ alert, at once
                     when a window becomes final: the same once more, and the share ─▶ alert kept or withdrawn

A running count only grows, so looking at it after every item costs no more false alarms than one
look at the end. What later items undo is withdrawn. Whatever depends on time alone happens when a
window becomes final, in the order of the windows, however seldom ``advance`` is called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from core.config import parse_duration
from kits.sentiment.config import AlertConfig, StoryConfig, SurgeConfig
from kits.sentiment.reading import ErrorRates
from kits.sentiment.surge.budget import parse_budget
from kits.sentiment.surge.episode import Episode, Episodes, Hit
from kits.sentiment.surge.expect import Expectations
from kits.sentiment.surge.grid import make_grid
from kits.sentiment.surge.judge import Judge
from kits.sentiment.surge.signal import (
    Band,
    Change,
    Evidence,
    KnownAlert,
    Observation,
    Signal,
    WindowCount,
)
from kits.sentiment.surge.tally import Tally

MOST_STORIES = 10
_CALM_CHANCE = 0.05
_BAND_TAIL = 0.025


class SurgeDetector:
    """Counts what it is shown, and says when it is too much.

    Args:
        surge: Windows, scales, history.
        alert: Budget or threshold, cooldown, resolution.
        story: How long items may still join a story.
        errors: How the model errs on negative texts.

    Attributes:
        history: How far before the clock ``restore`` needs windows.
        memory: How far before the clock it needs observations.
        too_late: Items that came when their window was final.

    Raises:
        ConfigError: A window length, a time or the budget is wrong, or they do not go together.
    """

    def __init__(self, surge: SurgeConfig, alert: AlertConfig, story: StoryConfig, errors: ErrorRates) -> None:
        self._grid = grid = make_grid(surge, alert)
        self._lateness = parse_duration(surge.lateness)
        self._alert, self._widest = alert, max(surge.scales)
        near = self._widest + grid.gap + alert.cooldown_windows
        self._memory = max(-(-story.hours * 3600 // grid.seconds), near) + grid.gap + 1  # in windows
        self.memory = timedelta(seconds=(self._memory + grid.gap + 2) * grid.seconds)
        self.history = timedelta(seconds=(grid.history + grid.new_normal + grid.day + near) * grid.seconds)
        self.too_late = 0
        self._tally = Tally()
        self._episodes: dict[str, Episodes] = {}
        self._surges: dict[str, list[tuple[int, int]]] = {}
        budget = parse_budget(alert.budget)
        self._expect = Expectations(grid, self._tally, self._surges, budget, alert.threshold)
        self._judge = Judge(grid, self._tally, self._expect, errors, surge.min_stories)
        self._final: int | None = None  # the last window that is final
        self._pruned = 0
        self._touched: dict[int, set[str]] = defaultdict(set)  # windows not final yet: where stories came
        self._open: set[str] = set()  # series with alerts that may still change

    def observe(self, observation: Observation) -> list[Signal]:
        """Count an item.

        Args:
            observation: Not earlier by its clock than any before.

        Returns:
            What was due before it, and what it changed.
        """
        clock = observation.clock.timestamp()
        signals = self._advance(clock)
        at = observation.event_at.timestamp()
        window = int(at // self._grid.seconds)
        if self._final is not None and window <= self._final:
            self.too_late += 1
            return signals
        touched = self._tally.add(window, at, observation.item, observation.story, observation.sentiments)
        now = int(clock // self._grid.seconds)
        changed = dict.fromkeys(series for series, place in touched if self._look(series, place, now))
        for series in changed:
            signals += self._tell(series, observation.clock)
        return signals

    def advance(self, clock: datetime) -> list[Signal]:
        """Let time pass: windows become final, alerts are confirmed, withdrawn or resolved."""
        return self._advance(clock.timestamp())

    def take_changed(self) -> list[WindowCount]:
        """The windows whose counts changed since the last call."""
        return [
            WindowCount(series, self._time(window), *counts) for series, window, counts in self._tally.take_changed()
        ]

    def baseline(self, series: str, starts_at: datetime) -> Band | None:
        """How many negative stories are normal in a window; None where there is too little history."""
        chance = self._expect.volume(series, int(starts_at.timestamp() // self._grid.seconds), 1)
        if chance is None:
            return None
        low = chance.smallest_beyond(1.0 - _BAND_TAIL) - 1
        return Band(chance.mean, max(0, low), chance.smallest_beyond(_BAND_TAIL) - 1)

    def restore(
        self,
        clock: datetime | None,
        windows: Iterable[WindowCount],
        observations: Iterable[Observation],
        alerts: Iterable[KnownAlert],
        since: datetime | None = None,
    ) -> None:
        """Go on where another one stopped; to be called on a new detector.

        Args:
            clock: Of the last item or advance that is in the store; None if nothing is.
            windows: Those that start at ``clock - history`` or later.
            observations: All items of stories that were last told at ``clock - memory`` or later.
            alerts: Of each series those not withdrawn whose last window starts at ``clock -
                history`` or later, and in any case the last one.
            since: Start of the very first window; that of the first of ``windows`` if None.
        """
        for count in windows:
            counts = [count.stories, count.negative, count.positive, count.items]
            self._tally.load(count.series, self._number(count.starts_at), counts)
        if since is not None:
            self._tally.first = self._number(since)
        for seen in observations:
            window = self._number(seen.event_at)
            if seen.clock.timestamp() < self._final_at(window):
                at = seen.event_at.timestamp()
                self._tally.remember(window, at, seen.item, seen.story, seen.sentiments)
        if clock is None:
            return
        final, now = self._last_final(clock.timestamp()), self._number(clock)
        self._final = final
        self._restore_alerts(alerts, final)
        for series, window in self._tally.negative_places(final + 1, now + 1):
            self._look(series, window, now)

    def _restore_alerts(self, alerts: Iterable[KnownAlert], final: int) -> None:
        """Take over the alerts; the numbers of their windows are found again once all surges are known."""
        past: dict[str, list[tuple[int, int]]] = defaultdict(list)
        told: dict[str, list[Episode]] = defaultdict(list)
        for alert in sorted(alerts, key=lambda known: known.starts_at):
            episode = self._as_told(alert)
            span = (episode.first, episode.last)
            self._surges.setdefault(alert.series, []).append(span)
            if episode.is_resolved and final + 1 - episode.last > self._alert.cooldown_windows:
                past[alert.series].append(span)
            else:
                told[alert.series].append(episode)
        for series in sorted(self._surges):
            hits = []
            for episode in told[series]:
                for window in episode.windows:
                    found = self._judge.judge(series, window, is_final=window <= final)
                    hits.append(found or Hit(window, episode.kind, episode.severity, episode.evidence))
            episodes = self._episodes_of(series)
            episodes.restore(past[series], told[series], hits)
            self._note(episodes)

    def _as_told(self, alert: KnownAlert) -> Episode:
        values = dict(alert.evidence)
        first = self._number(alert.starts_at)
        windows = tuple(first + offset for offset in values.pop("hits"))
        numbers = Evidence(**{name: values[name] for name in Evidence.__slots__})
        return Episode(alert.id, windows, alert.kind, alert.severity, numbers, alert.state == "resolved")

    def _advance(self, clock: float) -> list[Signal]:
        """Make windows final, one after the other."""
        last = self._last_final(clock)
        if self._final is None:
            self._final = last
        signals: list[Signal] = []
        if last <= self._final:
            return signals
        for window in range(self._final + 1, last + 1):
            if not self._touched and not self._open:
                break
            self._final = window
            for series in sorted(self._touched.pop(window, set()) | self._open):
                signals += self._finish(series, window)
            self._expect.forget(window + 1)
        day = self._grid.day
        if last // day > self._pruned // day:
            self._prune(last)
        self._tally.forget_stories(last - self._memory)
        self._final = last
        return signals

    def _finish(self, series: str, window: int) -> list[Signal]:
        """What follows from a window of a series that has just become final."""
        at = datetime.fromtimestamp(self._final_at(window), UTC)
        episodes = self._episodes.get(series)
        hit = self._judge.judge(series, window, is_final=True)
        if hit is None and episodes is None:
            return []
        episodes = self._episodes_of(series)
        episodes.put(window, hit)
        signals = self._tell(series, at, is_final=True)
        for alert in episodes.alerts:
            if not alert.is_resolved and self._has_calmed(series, alert, window):
                signals.append(self._signal("resolved", episodes.resolve(alert), series, at))
        episodes.close(window + 1)
        self._note(episodes)
        return signals

    def _has_calmed(self, series: str, alert: Episode, window: int) -> bool:
        """Whether an alert is over, now that ``window`` is final."""
        calm = self._alert.resolve_windows
        if window - alert.last >= self._alert.cooldown_windows:
            return True
        if window - alert.last < calm:
            return False
        return all(self._judge.is_calm(series, past, _CALM_CHANCE) for past in range(window - calm + 1, window + 1))

    def _look(self, series: str, window: int, now: int) -> bool:
        """Test the sums that hold a window whose count has changed; whether anything follows."""
        self._touched[window].add(series)
        episodes, changed = self._episodes.get(series), False
        for tested in range(window, min(window + self._widest - 1, now) + 1):
            is_known = episodes is not None and episodes.has(tested)
            if not is_known and not self._judge.is_candidate(series, tested):
                continue
            hit = self._judge.judge(series, tested, is_final=False)
            if is_known or hit is not None:
                episodes = self._episodes_of(series)
                changed |= episodes.put(tested, hit)
        return changed

    def _tell(self, series: str, at: datetime, *, is_final: bool = False) -> list[Signal]:
        """What has changed in the alerts of a series."""
        episodes = self._episodes_of(series)
        signals = [self._signal(what, alert, series, at) for what, alert in episodes.refresh(is_final=is_final)]
        self._note(episodes)
        return signals

    def _note(self, episodes: Episodes) -> None:
        """Keep what is known of the surges of a series where it is looked up."""
        self._surges[episodes.series] = episodes.surges
        (self._open.add if episodes.alerts else self._open.discard)(episodes.series)

    def _signal(self, what: Change, alert: Episode, series: str, at: datetime) -> Signal:
        seconds = self._grid.seconds
        end = int(datetime.fromisoformat(alert.evidence.at).timestamp()) // seconds + 1
        start = end - alert.evidence.scale
        is_remembered = self._final is not None and start > self._final - self._memory
        return Signal(
            alert=alert.id,
            series=series,
            kind=alert.kind,
            severity=alert.severity,
            what=what,
            at=at,
            starts_at=self._time(alert.first),
            last_window_at=self._time(alert.last),
            hits=tuple(window - alert.first for window in alert.windows),
            evidence=alert.evidence,
            stories=self._tally.driving(series, start, end, MOST_STORIES) if is_remembered else (),
        )

    def _prune(self, window: int) -> None:
        """Drop counts and surges that no baseline looks at any more; once a day, as it is slow."""
        self._pruned = window
        oldest = window - int(self.history.total_seconds()) // self._grid.seconds
        self._tally.forget_counts(oldest)
        for episodes in self._episodes.values():
            episodes.forget(oldest)

    def _episodes_of(self, series: str) -> Episodes:
        episodes = self._episodes.get(series)
        if episodes is None:
            episodes = self._episodes[series] = Episodes(series, self._alert.cooldown_windows)
        return episodes

    def _number(self, at: datetime) -> int:
        return int(at.timestamp() // self._grid.seconds)

    def _time(self, window: int) -> datetime:
        return datetime.fromtimestamp(window * self._grid.seconds, UTC)

    def _final_at(self, window: int) -> float:
        return (window + 1) * self._grid.seconds + self._lateness

    def _last_final(self, clock: float) -> int:
        """The last window that is final at a clock."""
        return int((clock - self._lateness) // self._grid.seconds) - 1

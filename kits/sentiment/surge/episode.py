"""Turns the windows of a series that surge into alerts: one for each stretch of them.

Windows that surge within ``cooldown`` windows of each other belong to one alert. An alert is a
function of these windows alone, not of the order in which they were found, and so is its id: it
follows from the series and the alert before it, which is final when a new one begins. What people
have been told is kept beside, and each change of it is a signal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kits.sentiment.surge.signal import Change, Evidence, Kind, Severity


@dataclass(frozen=True, slots=True)
class Hit:
    """A window that surges.

    Attributes:
        window: Its number.
        kind: Of the test that it failed most plainly.
        severity: How plainly.
        evidence: The numbers.
    """

    window: int
    kind: Kind
    severity: Severity
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert: windows that surge, near each other.

    Attributes:
        id: Of the alert.
        windows: Those that surge, oldest first.
        kind: Of the strongest of them: the one that is least likely by chance.
        severity: Of the worst of them.
        evidence: Of the strongest.
        is_resolved: Whether it has calmed down since.
    """

    id: str
    windows: tuple[int, ...]
    kind: Kind
    severity: Severity
    evidence: Evidence
    is_resolved: bool = False

    @property
    def first(self) -> int:
        """The first window that surged."""
        return self.windows[0]

    @property
    def last(self) -> int:
        """The last window that surged."""
        return self.windows[-1]


class Episodes:
    """The alerts of one series.

    Args:
        series: Its name.
        cooldown: A surge within so many windows of another belongs to it.
    """

    def __init__(self, series: str, cooldown: int) -> None:
        self.series = series
        self._cooldown = cooldown
        self._hits: dict[int, Hit] = {}
        self._told: dict[str, Episode] = {}  # the alerts as they were last told, oldest first
        self._past: list[tuple[int, int]] = []  # first and last windows of those that change no more

    @property
    def alerts(self) -> tuple[Episode, ...]:
        """Those that may still change, oldest first."""
        return tuple(self._told.values())

    @property
    def surges(self) -> list[tuple[int, int]]:
        """First and last windows of all that are known, oldest first."""
        return self._past + [(alert.first, alert.last) for alert in self._told.values()]

    def has(self, window: int) -> bool:
        """Whether a window surges, as far as is known."""
        return window in self._hits

    def restore(self, past: Iterable[tuple[int, int]], alerts: Iterable[Episode], hits: Iterable[Hit]) -> None:
        """Go on from what has been told.

        Args:
            past: First and last windows of alerts that change no more, oldest first.
            alerts: Those that may, as they were told, oldest first.
            hits: The windows that make them.
        """
        self._past = list(past)
        self._told = {alert.id: alert for alert in alerts}
        self._hits = {hit.window: hit for hit in hits}

    def put(self, window: int, hit: Hit | None) -> bool:
        """Say what was found in a window; whether anything changed by it."""
        old = self._hits.pop(window, None)
        if hit is not None:
            self._hits[window] = hit
        return old != hit

    def refresh(self, *, is_final: bool) -> list[tuple[Change, Episode]]:
        """What has changed since it was last told; what is withdrawn comes first, then the oldest.

        Args:
            is_final: Tell new numbers, too. While a window fills they change with every story, and
                only another window or another severity is worth telling.
        """
        now = self._gather()
        changes: list[tuple[Change, Episode]] = [
            ("withdrawn", alert) for key, alert in self._told.items() if key not in now
        ]
        told = {}
        for key, found in now.items():
            before = self._told.get(key)
            if before is None:
                changes.append(("opened", found))
            elif before.is_resolved and found.last > before.last:
                changes.append(("reopened", found))
            else:
                found = replace(found, is_resolved=before.is_resolved)
                is_new = found.windows != before.windows or found.severity != before.severity
                if not is_new and not (is_final and found != before):
                    found = before
                else:
                    changes.append(("extended", found))
            told[key] = found
        self._told = told
        return changes

    def resolve(self, alert: Episode) -> Episode:
        """Note that an alert has calmed down."""
        self._told[alert.id] = replace(alert, is_resolved=True)
        return self._told[alert.id]

    def close(self, window: int) -> None:
        """Put away the resolved alerts that no window from ``window`` on can join."""
        for key, alert in list(self._told.items()):
            if not alert.is_resolved or window - alert.last <= self._cooldown:
                break
            del self._told[key]
            self._past.append((alert.first, alert.last))
            for hit in alert.windows:
                del self._hits[hit]

    def forget(self, window: int) -> None:
        """Drop what ended before a window, but for the last: the next id follows from it."""
        self._past = [span for span in self._past[:-1] if span[1] >= window] + self._past[-1:]

    def _gather(self) -> dict[str, Episode]:
        """The hits as alerts, oldest first."""
        groups: list[list[Hit]] = []
        for window in sorted(self._hits):
            if not groups or window - groups[-1][-1].window > self._cooldown:
                groups.append([])
            groups[-1].append(self._hits[window])
        found, before = {}, str(self._past[-1][0]) if self._past else ""
        for group in groups:
            key = hashlib.sha256(f"{self.series}\n{before}".encode()).hexdigest()[:32]
            strongest = min(group, key=lambda hit: (hit.evidence.p_value, hit.window))
            severity: Severity = "critical" if any(hit.severity == "critical" for hit in group) else "warning"
            windows = tuple(hit.window for hit in group)
            found[key] = Episode(key, windows, strongest.kind, severity, strongest.evidence)
            before = str(group[0].window)
        return found

"""What all routes of the monitor's server share: its store, settings, model and sense of the usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import AwareDatetime, Field
from sqlalchemy import Connection

from core.config import parse_duration
from core.serve.events import Pulse
from core.serve.page import Pages
from kits.sentiment.config import SentimentConfig
from kits.sentiment.reading import ErrorRates
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.store.recall import first_window, known_alerts, window_counts
from kits.sentiment.store.store import MonitorStore
from kits.sentiment.surge.detector import SurgeDetector
from kits.sentiment.surge.signal import Band
from kits.sentiment.view.now import Now, read_now
from kits.sentiment.view.overview import Usual

MOST_DAYS = 28


class Baseline:
    """What is usual, as the monitor's own detector sees it; worked out once for each window.

    Args:
        settings: As the monitor has them.
    """

    def __init__(self, settings: SentimentConfig) -> None:
        self._settings = settings
        self._length = timedelta(seconds=parse_duration(settings.surge.window))
        self._lock = Lock()
        self._made_for: tuple[str | None, int] | None = None
        self._detector: SurgeDetector | None = None

    def usual(self, connection: Connection, now: Now) -> Usual:
        """The function that says what is usual for windows of a series."""
        with self._lock:
            wanted = (now.version, int(now.clock.timestamp() // self._length.total_seconds()))
            if self._made_for != wanted:
                self._detector = self._make(connection, now)
                self._made_for = wanted
            detector = self._detector

        def bands(series: str, starts: Sequence[datetime]) -> list[Band | None]:
            if detector is None:
                return [None] * len(starts)
            with self._lock:  # the detector remembers what it has worked out
                return [detector.baseline(series, start) for start in starts]

        return bands

    def _make(self, connection: Connection, now: Now) -> SurgeDetector | None:
        if now.version is None:
            return None
        config = self._settings
        detector = SurgeDetector(config.surge, config.alert, config.story, ErrorRates())
        since = now.clock - detector.history - timedelta(days=MOST_DAYS)
        counts, first = window_counts(connection, now.version, since), first_window(connection, now.version)
        detector.restore(now.clock, counts, (), known_alerts(connection, since), since=first)
        return detector


@dataclass(frozen=True)
class Desk:
    """Handed to every route.

    Attributes:
        store: The tables.
        settings: As the monitor has them.
        pages: Renders the page.
        baseline: What is usual.
        pulse: Tells when something has changed.
        scoring: The model that answers here; None if none was named.
    """

    store: MonitorStore
    settings: SentimentConfig
    pages: Pages
    baseline: Baseline
    pulse: Pulse
    scoring: Scoring | None

    @property
    def window(self) -> timedelta:
        """Length of a window."""
        return timedelta(seconds=parse_duration(self.settings.surge.window))

    def now(self, connection: Connection) -> Now:
        """The monitor's present."""
        return read_now(connection, datetime.now(UTC))


async def _desk_of(request: Request) -> Any:  # a plain function would cost every request a thread
    return request.app.state.desk


# What every database can keep, so that a strange number or time is the caller's fault and not ours.
Number = Annotated[int, Path(ge=1, lt=2**62)]
Instant = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC))
]
At = Annotated[Desk, Depends(_desk_of)]

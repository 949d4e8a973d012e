"""Streams of observations whose truth is known: negative binomial counts with the rhythm of day and week."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from kits.sentiment.config import AlertConfig, StoryConfig, SurgeConfig
from kits.sentiment.reading import ErrorRates
from kits.sentiment.surge.detector import SurgeDetector
from kits.sentiment.surge.signal import Observation, Signal

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERFECT = ErrorRates()
DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Burst:
    """So many more negative stories of a topic in each of some hours."""

    topic: int
    start: int
    hours: int
    added: int


def stream(
    *, seed: int, topics: int, weeks: int, rate: float, spread: float = 0.2, drift: float = 0.3,
    bursts: Sequence[Burst] = (),
) -> list[Observation]:
    """Hours of news.

    Args:
        seed: Of everything.
        topics: How many, independent of each other.
        weeks: How long.
        rate: Negative stories of a topic per hour, on the mean; a quarter of all are.
        spread: Variance of an hour beyond Poisson, over the squared mean.
        drift: Standard deviation of the log of a level that forgets itself in half a day.
        bursts: Surges.
    """  # fmt: skip
    random = np.random.default_rng(seed)
    hours = np.arange(weeks * 168)
    rhythm = np.exp(0.8 * np.sin((hours % 24 - 8) / 24 * 2 * np.pi) - 0.7 * (hours // 24 % 7 >= 5))
    rhythm /= rhythm.mean()
    rows: list[tuple[float, int, str]] = []
    for topic in range(topics):
        level, noise = np.zeros(len(hours)), random.normal(size=len(hours)) * np.sqrt(1 - 0.9**2)
        for hour in hours[1:]:
            level[hour] = 0.9 * level[hour - 1] + noise[hour]
        means = 4 * rate * rhythm * np.exp(drift * level - drift**2 / 2)
        counts = random.poisson(means * random.gamma(1 / spread, spread, size=len(hours)))
        shares = random.beta(5, 15, size=len(hours))
        for hour, count, share in zip(hours, counts, shares, strict=True):
            moods = np.where(random.random(count) < share, "negative", "neutral").tolist()
            rows += [(hour + u, topic, mood) for u, mood in zip(random.random(count), moods, strict=True)]
    for burst in bursts:
        for hour in range(burst.start, burst.start + burst.hours):
            rows += [(hour + u, burst.topic, "negative") for u in random.random(burst.added)]
    return observe_all(sorted(rows))


def observe_all(rows: Iterable[tuple[float, int, str]]) -> list[Observation]:
    """One story for each (hour, topic, sentiment), seen a minute after it happened."""
    seen = []
    for number, (hour, topic, sentiment) in enumerate(rows):
        at = MONDAY + hour * HOUR
        series = (("overall", sentiment), (f"topic:{topic}", sentiment))
        seen.append(Observation(at + timedelta(minutes=1), at, f"i{number}", f"s{number}", series))
    return seen


def detect(
    observations: Sequence[Observation],
    surge: SurgeConfig = SurgeConfig(),  # noqa: B008 (frozen)
    alert: AlertConfig = AlertConfig(),  # noqa: B008
    errors: ErrorRates = PERFECT,
    story: StoryConfig = StoryConfig(),  # noqa: B008
) -> list[Signal]:
    """Everything a detector signals, to a week after the last observation."""
    detector = SurgeDetector(surge, alert, story, errors)
    signals = [signal for seen in observations for signal in detector.observe(seen)]
    return signals + detector.advance(observations[-1].clock + timedelta(days=7))


def kept(signals: Iterable[Signal]) -> dict[str, Signal]:
    """The alerts that were not withdrawn, each as it was last told."""
    alerts: dict[str, Signal] = {}
    for signal in signals:
        if signal.what == "withdrawn":
            del alerts[signal.alert]
        else:
            alerts[signal.alert] = signal
    return alerts

"""History on a virtual clock: the monitor's own code, fed with recorded items instead of live ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.config import DataConfig
from core.console import progress, say
from core.data.row import Rejected
from core.data.table import hide_password, stream_rows
from core.errors import DataError
from kits.sentiment.config import SentimentConfig
from kits.sentiment.data import join_text
from kits.sentiment.feed import Record, make_item
from kits.sentiment.item import DeadLetter, Item
from kits.sentiment.monitor.pipeline import Pipeline, observation_of
from kits.sentiment.reading import ErrorRates, Reader
from kits.sentiment.surge.detector import SurgeDetector
from kits.sentiment.surge.grid import make_grid
from kits.sentiment.surge.signal import Observation, Signal

_BATCH_ROWS = 256
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Someone would have been told.

    Attributes:
        series: Of what.
        opened_at: When.
        starts_at: Start of the first window that surged.
        ends_at: End of the last one.
        severity: ``warning`` or ``critical``.
        kind: Of the test.
        p_value: Of the strongest window.
        is_withdrawn: Whether it was taken back.
    """

    series: str
    opened_at: datetime
    starts_at: datetime
    ends_at: datetime
    severity: str = "warning"
    kind: str = ""
    p_value: float | None = None
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """Items as the surge detector saw them.

    Attributes:
        observations: In the order of their arrival.
        texts: Headline and body of each of them.
        signals: What the detector said while it saw them.
        late_items: How many came when their window was final.
    """

    observations: tuple[Observation, ...]
    texts: tuple[str, ...]
    signals: tuple[Signal, ...]
    late_items: int

    @property
    def series(self) -> tuple[str, ...]:
        """Every series that an item belongs to."""
        return tuple(sorted({series for seen in self.observations for series, _ in seen.sentiments}))


def read_items(config: DataConfig) -> list[Item]:
    """The items of all sources, in the order of their arrival.

    An item arrives when the record says it was received (``ingested_at``), or else when it was
    published. What has neither time cannot be placed in history and is left out, with a word.

    Raises:
        DataError: No source is given, one cannot be read, or none has an item.
    """
    if not config.sources:
        raise DataError("no data given", where="--data", fix="name a file, a folder or a SQL URL with history")
    items: dict[str, Item] = {}
    reasons: Counter[str] = Counter()
    for source in config.sources:
        name = hide_password(source)
        with progress(f"Reading {name}") as tick:
            for row in stream_rows(source):
                tick()
                if isinstance(row, Rejected):
                    reasons[row.reason] += 1
                    continue
                made = make_item(Record(row.values, row.place), name, config, _NO_TIME, is_trusted_time=True)
                if isinstance(made, DeadLetter):
                    reasons[made.reason] += 1
                elif made.ingested_at == _NO_TIME:
                    reasons["no time of receipt or publication"] += 1
                else:
                    items.setdefault(made.key, made)
    if reasons:
        shown = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
        say(f"{sum(reasons.values())} records cannot be used: {shown}")
    if not items:
        raise DataError("no item with a time", where="--data", fix="name its column: --map published_at=COLUMN")
    return sorted(items.values(), key=lambda item: (item.ingested_at, item.event_at, item.key))


def replay(items: Sequence[Item], reader: Reader, settings: SentimentConfig) -> History:
    """Let the monitor's pipeline take history in.

    Args:
        items: In the order of their arrival.
        reader: Reads them.
        settings: Of stories, surges and alerts.
    """
    pipeline = Pipeline(settings, reader.errors)
    observations: list[Observation] = []
    texts: list[str] = []
    signals: list[Signal] = []
    late_items = 0
    with progress("Replaying", len(items)) as tick:
        for start in range(0, len(items), _BATCH_ROWS):
            batch = items[start : start + _BATCH_ROWS]
            readings, vectors = reader.read(batch)
            for step in pipeline.take_in(batch, readings, vectors):
                signals += step.signals
                late_items += step.late_items
                for placed in step.placed:
                    observations.append(observation_of(placed.item, placed.story, placed.reading))
                    texts.append(join_text(placed.item.title, placed.item.body))
            tick(len(batch))
    signals += pipeline.advance(observations[-1].clock + _aftermath(settings)).signals
    return History(tuple(observations), tuple(texts), tuple(signals), late_items)


def detect(observations: Sequence[Observation], settings: SentimentConfig, errors: ErrorRates) -> list[Signal]:
    """What the detector says of observations, with other settings or other items than they were made with."""
    detector = SurgeDetector(settings.surge, settings.alert, settings.story, errors)
    signals = [signal for seen in observations for signal in detector.observe(seen)]
    return signals + detector.advance(observations[-1].clock + _aftermath(settings))


def gather_alarms(signals: Sequence[Signal]) -> list[Alarm]:
    """One alarm for each alert that was opened, also for those that were withdrawn later, in order."""
    alarms: dict[tuple[str, datetime], Alarm] = {}
    opened: dict[str, datetime] = {}
    for signal in signals:
        if signal.what == "opened":
            opened[signal.alert] = signal.at
        length = timedelta(seconds=signal.evidence.window_seconds)
        alarms[signal.alert, opened[signal.alert]] = Alarm(
            series=signal.series,
            opened_at=opened[signal.alert],
            starts_at=signal.starts_at,
            ends_at=signal.last_window_at + length,
            severity=signal.severity,
            kind=signal.kind,
            p_value=signal.evidence.p_value,
            is_withdrawn=signal.what == "withdrawn",
        )
    return sorted(alarms.values(), key=lambda alarm: (alarm.opened_at, alarm.series))


def _aftermath(settings: SentimentConfig) -> timedelta:
    """How long after the last item everything is final and resolved."""
    grid = make_grid(settings.surge, settings.alert)
    return timedelta(seconds=(grid.gap + 2 * grid.aftermath + 2) * grid.seconds)

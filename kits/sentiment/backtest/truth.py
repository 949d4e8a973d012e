"""What really happened, as far as someone wrote it down: the events that alarms are measured against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.data.instant import parse_instant
from core.data.row import Rejected
from core.data.table import stream_rows
from core.errors import DataError
from kits.sentiment.reading import OVERALL

SIDE = "side"
_PREFIXES = ("topic:", "company:")


@dataclass(frozen=True, slots=True)
class Event:
    """A surge of negative news that an alarm should tell of.

    Attributes:
        series: Where it shows.
        starts_at: Its beginning.
        ends_at: Its end.
        strength: A word for it; ``side``: it shows here, too, an alarm is right but none is needed.
    """

    series: str
    starts_at: datetime
    ends_at: datetime
    strength: str = ""


def read_events(file: Path) -> list[Event]:
    """Read a table with the columns ``series`` (or ``topic``), ``starts_at``, ``ends_at`` and perhaps ``strength``.

    Raises:
        DataError: Names every row that is wrong.
    """
    events: list[Event] = []
    faults: list[str] = []
    for row in stream_rows(str(file)):
        if isinstance(row, Rejected):
            faults.append(f"{row.place}: {row.reason}")
            continue
        try:
            events.append(_make_event(row.values))
        except (ValueError, KeyError) as error:
            missing = f"no column {error}" if isinstance(error, KeyError) else str(error)
            faults.append(f"{row.place}: {missing}")
    if faults:
        raise DataError("; ".join(faults[:5]), where=str(file), expected="series, starts_at, ends_at")
    return sorted(events, key=lambda event: (event.starts_at, event.series))


def _make_event(values: Mapping[str, object]) -> Event:
    named = values.get("series") or values.get("topic")
    series = str(named or "").strip()
    if not series:
        raise KeyError("series")
    if series != OVERALL and not series.startswith(_PREFIXES):
        series = f"topic:{series}"
    starts_at, ends_at = parse_instant(values["starts_at"]), parse_instant(values["ends_at"])
    if ends_at <= starts_at:
        raise ValueError("an event that ends before it begins")
    return Event(series, starts_at, ends_at, str(values.get("strength") or "").strip())


def events_at(events: Sequence[Event], series: str, start: datetime, end: datetime) -> list[Event]:
    """The events of a series that touch a span of time."""
    return [event for event in events if event.series == series and event.starts_at < end and start < event.ends_at]

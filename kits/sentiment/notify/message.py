"""What people are told of alerts: plain data out of the store, for ``notify`` and ``wording`` to send and to word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kits.sentiment.surge.signal import Severity

What = Literal["opened", "worsened", "escalated", "resolved", "withdrawn"]


@dataclass(frozen=True, slots=True)
class ToldStory:
    """One of the stories that drive an alert.

    Attributes:
        key: Of the story.
        item: Key of its earliest item in the series.
        title: That item's headline, or the beginning of its text if it has none.
        url: Where it stands; None if not known.
        source: Who published it.
        event_at: When.
        negative: Calibrated probability that it is negative.
        reach: How many items told it when the alert was last changed.
    """

    key: str
    item: str
    title: str
    url: str | None
    source: str
    event_at: datetime
    negative: float
    reach: int


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """One alert as it stood when the message was made.

    Attributes:
        id: Of the alert.
        series: ``overall``, ``topic:NAME`` or ``company:NAME``.
        kind: ``volume`` or ``share``.
        severity: ``warning`` or ``critical``.
        state: ``firing``, ``acknowledged``, ``resolved`` or ``withdrawn``.
        starts_at: Start of the first window that surged.
        last_window_at: Start of the last one.
        opened_at: When the monitor saw it.
        is_escalated: Whether the escalation channels were told of it.
        model_version: Which model read the stories.
        evidence: As ``signal.Evidence.to_json`` gives it.
        stories: Those that drive it, widest reach first.
    """

    id: str
    series: str
    kind: str
    severity: Severity
    state: str
    starts_at: datetime
    last_window_at: datetime
    opened_at: datetime
    is_escalated: bool
    model_version: str
    evidence: Mapping[str, Any]
    stories: tuple[ToldStory, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What happened to one alert, or to several at one moment.

    Attributes:
        key: Tells this message from every other; a replay gives the same.
        what: ``worsened`` is a warning that has become critical; ``withdrawn`` one that later items undid.
        at: The monitor's clock.
        alerts: At least one, most severe first.
    """

    key: str
    what: What
    at: datetime
    alerts: tuple[ToldAlert, ...]


def make_message(what: What, at: datetime, alerts: Iterable[ToldAlert]) -> Message:
    """A message about alerts, with its key."""
    ordered = tuple(sorted(alerts, key=lambda alert: (alert.severity != "critical", alert.series, alert.id)))
    parts = [what, at.isoformat(), *(alert.id for alert in ordered)]
    return Message(hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32], what, at, ordered)

"""Alerts as people see them: the open ones, those before, and everything that happened to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from kits.sentiment.store.schema import alert_events, alerts, outbox, silences

OPEN = ("firing", "acknowledged")


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert, with the attributes of its row in ``alerts``."""

    id: str
    series: str
    kind: str
    severity: str
    state: str
    starts_at: datetime
    last_window_at: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    escalated_at: datetime | None
    muted: str | None
    verdict: str | None
    model_version: str
    evidence: Mapping[str, Any]

    @property
    def is_open(self) -> bool:
        """It still asks for attention, or has it."""
        return self.state in OPEN

    @property
    def ends_at(self) -> datetime:
        """The end of its last window."""
        return self.last_window_at + timedelta(seconds=float(self.evidence.get("window_seconds", 0)))

    @property
    def driving(self) -> list[str]:
        """The keys of the stories behind it, widest reach first."""
        return [str(story["story"]) for story in self.evidence.get("driving", ())]

    @property
    def times_usual(self) -> float | None:
        """How many times the expected count was seen; None if it is the share that is unusual."""
        count, expected = self.evidence.get("count"), self.evidence.get("expected")
        return count / expected if self.kind == "volume" and count and expected else None


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """Something that happened to an alert of a series."""

    number: int
    alert: str
    series: str
    what: str
    at: datetime
    by: str
    comment: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message about an alert on its way to a channel."""

    channel: str
    what: str
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    given_up_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that nobody is to be told of."""

    number: int
    matchers: Mapping[str, Any]
    starts_at: datetime
    until: datetime
    by: str
    comment: str
    ended_at: datetime | None


_SEVERE_FIRST = case((alerts.c.severity == "critical", 0), else_=1)
_FIRING_FIRST = case((alerts.c.state == "firing", 0), else_=1)


def open_alerts(connection: Connection) -> list[AlertView]:
    """All alerts that are firing or acknowledged: first those that nobody has seen, the most severe on top."""
    query = _alerts().where(alerts.c.state.in_(OPEN))
    return [_alert(row) for row in connection.execute(query.order_by(_FIRING_FIRST, _SEVERE_FIRST, alerts.c.opened_at))]


def count_open(connection: Connection) -> int:
    """How many alerts nobody has acknowledged."""
    return int(
        connection.execute(select(func.count()).select_from(alerts).where(alerts.c.state == "firing")).scalar_one()
    )


def past_alerts(connection: Connection, limit: int, after: str | None = None) -> list[AlertView]:
    """Alerts that are over, the latest first.

    Args:
        connection: To read from.
        limit: Most of them.
        after: Only those that come after this one; none if there is no such alert.
    """
    query = _alerts().where(alerts.c.state.not_in(OPEN))
    if after is not None:
        other = alerts.alias()
        opened_at = select(other.c.opened_at).where(other.c.id == after).scalar_subquery()
        is_at_once = (alerts.c.opened_at == opened_at) & (alerts.c.id > after)
        query = query.where((alerts.c.opened_at < opened_at) | is_at_once)
    query = query.order_by(alerts.c.opened_at.desc(), alerts.c.id).limit(limit)
    return [_alert(row) for row in connection.execute(query)]


def series_alerts(connection: Connection, series: str, since: datetime) -> list[AlertView]:
    """The alerts of a series whose surge was not over before ``since``, the latest first; without withdrawn ones."""
    query = _alerts().where(
        alerts.c.series == series, alerts.c.last_window_at >= since, alerts.c.state != "withdrawn"
    )
    return [_alert(row) for row in connection.execute(query.order_by(alerts.c.starts_at.desc()))]


def recent_spans(connection: Connection, since: datetime) -> list[AlertView]:
    """The alerts of all series whose surge was not over before ``since``."""
    query = _alerts().where(alerts.c.last_window_at >= since, alerts.c.state != "withdrawn")
    return [_alert(row) for row in connection.execute(query)]


def read_alert(connection: Connection, id: str) -> AlertView | None:
    """One alert."""
    row = connection.execute(_alerts().where(alerts.c.id == id)).first()
    return None if row is None else _alert(row)


def alert_history(connection: Connection, id: str, limit: int = 200) -> list[AlertEvent]:
    """What happened to an alert, the latest first."""
    query = _events().where(alert_events.c.alert == id).order_by(alert_events.c.number.desc()).limit(limit)
    return [AlertEvent(*row) for row in connection.execute(query)]


def events_after(connection: Connection, number: int, missed: tuple[int, ...], limit: int) -> list[AlertEvent]:
    """What happened after an event, and the earlier ones that could not be seen then, in order.

    Args:
        connection: To read from.
        number: Of the last event known.
        missed: Lower numbers that had been given out but not yet committed.
        limit: Most of them.
    """
    wanted = (alert_events.c.number > number) | alert_events.c.number.in_(missed)
    query = _events().where(wanted).order_by(alert_events.c.number).limit(limit)
    return [AlertEvent(*row) for row in connection.execute(query)]


def last_event(connection: Connection) -> int:
    """The number of the latest event; 0 if there is none."""
    return connection.execute(select(func.max(alert_events.c.number))).scalar() or 0


def deliveries(connection: Connection, id: str) -> list[Delivery]:
    """Who was told of an alert, or will be."""
    columns = (outbox.c[field.name] for field in fields(Delivery))
    return [
        Delivery(*row)
        for row in connection.execute(select(*columns).where(outbox.c.alert == id).order_by(outbox.c.number))
    ]


def list_silences(connection: Connection, now: datetime, limit: int = 100) -> list[Silence]:
    """The silences that hold or will hold, the first to end on top."""
    query = select(*(silences.c[field.name] for field in fields(Silence)))
    query = query.where(silences.c.ended_at.is_(None), silences.c.until > now).order_by(silences.c.until).limit(limit)
    return [Silence(*row) for row in connection.execute(query)]


def _alerts() -> Select[Any]:
    return select(*(alerts.c[field.name] for field in fields(AlertView)))


def _events() -> Select[Any]:
    own = [alerts.c.series if field.name == "series" else alert_events.c[field.name] for field in fields(AlertEvent)]
    return select(*own).select_from(alert_events.join(alerts, alerts.c.id == alert_events.c.alert))


def _alert(row: Sequence[Any]) -> AlertView:
    return AlertView(*row)

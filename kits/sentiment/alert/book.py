"""What becomes of signals: rows of ``alerts``, their history, and messages, in the caller's transaction.

    signal ─▶ firing ─▶ acknowledged ─▶ resolved ─▶ firing again, if it surges within the cooldown
                 └──────────┴─▶ withdrawn: later items undid it

Nothing is kept in memory: a transaction that fails leaves nothing to undo, and a restart nothing
to rebuild. What is due by time alone bears the instant at which it was due, however late it is
carried out, so a replay writes the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from core.config import parse_duration
from core.errors import ConfigError
from kits.sentiment.alert.mute import GROUPED, OPEN, find_reason, reason_ends
from kits.sentiment.alert.quiet import parse_quiet_hours
from kits.sentiment.alert.telling import describe_stories, tell_alert
from kits.sentiment.config import AlertConfig, Channel
from kits.sentiment.notify.message import What, make_message
from kits.sentiment.notify.outbox import enqueue
from kits.sentiment.reading import OVERALL
from kits.sentiment.store.schema import alert_events, alerts
from kits.sentiment.surge.signal import Signal

MONITOR = "monitor"
GROUP_TIME = timedelta(seconds=60)
_RANK = {"warning": 0, "critical": 1}


class AlertBook:
    """Keeps the alerts of one monitor.

    People are told at once of the first alert and of every critical one. Further ones within a
    minute are gathered into one message, so that an event that touches ten topics is not ten calls.

    Args:
        settings: Escalation and quiet hours.
        channels: Whom to tell.

    Raises:
        ConfigError: A time is not understood.
    """

    def __init__(self, settings: AlertConfig, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)
        self._quiet = None if settings.quiet_hours is None else parse_quiet_hours(settings.quiet_hours)
        self._escalate_after: timedelta | None = None
        if settings.escalate_after is not None:
            try:
                seconds = parse_duration(settings.escalate_after)
            except ValueError as error:
                raise ConfigError(str(error), where="alert.escalate_after", got=settings.escalate_after) from error
            if any(channel.escalation for channel in self._channels):
                self._escalate_after = timedelta(seconds=seconds)

    def apply(self, connection: Connection, signals: Sequence[Signal], model_version: str) -> None:
        """Write down what the detector signalled, and put out the messages about it.

        Args:
            connection: In a transaction; the items that drive the alerts are in the store.
            signals: In order of their time.
            model_version: Which model read the items.
        """
        for at, moment in groupby(signals, key=lambda signal: signal.at):
            self.advance(connection, at)
            self._apply_moment(connection, sorted(moment, key=lambda signal: signal.series != OVERALL), model_version)

    def advance(self, connection: Connection, clock: datetime) -> None:
        """Carry out what is due by time alone, in its order: ends of silences and quiet hours, escalations.

        Args:
            connection: In a transaction.
            clock: The monitor's time.
        """
        while due := self._next_due(connection, clock):
            at, what, rows = due
            if what == "escalated":
                ids = [row.id for row in rows]
                connection.execute(update(alerts).where(alerts.c.id.in_(ids)).values(escalated_at=at))
                self._tell(connection, "escalated", ids, at)
            else:
                self._tell_or_mute(connection, rows, at)

    def _apply_moment(self, connection: Connection, signals: Sequence[Signal], model_version: str) -> None:
        """Several signals of one instant: one message for each thing that happened."""
        told: dict[What, list[str]] = {"withdrawn": [], "resolved": [], "worsened": [], "opened": []}
        for signal in signals:
            before = _find(connection, signal.alert)
            _write(connection, before, signal, model_version)
            what = _what_to_tell(before, signal)
            if what is not None:
                told[what].append(signal.alert)
        at, opened = signals[0].at, told.pop("opened")
        for what, ids in told.items():
            self._tell(connection, what, ids, at)
        self._tell_or_mute(connection, _rows(connection, opened), at)
        self.advance(connection, at)  # whom an alert that is over no longer inhibits

    def _tell_or_mute(self, connection: Connection, rows: Iterable[Row[Any]], at: datetime) -> None:
        """Tell people of open alerts, or note why not."""
        ready = []
        for row in rows:
            reason = find_reason(connection, row, at, self._quiet)
            if reason is None:
                ready.append(row)
            elif reason != row.muted:
                mute(connection, row.id, reason, at)
        if not ready:
            return
        last = connection.scalar(select(func.max(alert_events.c.at)).where(alert_events.c.what == "told"))
        is_urgent = any(row.severity == "critical" or row.muted == GROUPED for row in ready)
        if last is not None and at - last < GROUP_TIME and not is_urgent:
            for row in ready:
                mute(connection, row.id, GROUPED, at)
            return
        waiting = connection.scalars(select(alerts.c.id).where(alerts.c.muted == GROUPED, alerts.c.state.in_(OPEN)))
        self._tell(connection, "opened", sorted({row.id for row in ready} | set(waiting)), at)

    def _tell(self, connection: Connection, what: What, ids: Sequence[str], at: datetime) -> None:
        """Put out one message about some alerts; at night only about the critical ones."""
        rows = _rows(connection, ids)
        if what == "opened":
            connection.execute(update(alerts).where(alerts.c.id.in_(ids)).values(muted=None))
        if what in ("opened", "escalated"):
            for row in rows:
                note(connection, row.id, "told" if what == "opened" else what, at)
        if what != "opened" and self._quiet is not None and self._quiet.covers(at):
            rows = [row for row in rows if row.severity == "critical"]
        if rows:
            enqueue(connection, make_message(what, at, map(tell_alert, rows)), self._channels)

    def _next_due(self, connection: Connection, clock: datetime) -> tuple[datetime, str, list[Row[Any]]] | None:
        """The next instant, up to the clock, at which something is due, with what and to which alerts."""
        is_waiting: ColumnElement[bool] = alerts.c.muted.is_not(None)
        if self._escalate_after is not None:
            is_waiting = or_(is_waiting, and_(alerts.c.escalated_at.is_(None), alerts.c.state == "firing"))
        due: dict[tuple[datetime, str], list[Row[Any]]] = {}
        rows = connection.execute(select(alerts).where(alerts.c.state.in_(OPEN), is_waiting).order_by(alerts.c.id))
        for row in rows.all():
            at, what = self._due(connection, row)
            if at is not None and at <= clock:
                due.setdefault((at, what), []).append(row)
        if not due:
            return None
        at, what = min(due)
        return at, what, due[at, what]

    def _due(self, connection: Connection, row: Row[Any]) -> tuple[datetime | None, str]:
        """When something is next due to an alert, and what."""
        if row.muted is None:
            told = _last(connection, row.id, "told")
            if self._escalate_after is None or told is None:
                return None, "escalated"
            at = told + self._escalate_after
            is_asleep = self._quiet is not None and row.severity != "critical" and self._quiet.covers(at)
            return self._quiet.end_after(at) if self._quiet is not None and is_asleep else at, "escalated"
        since = _last(connection, row.id, "muted") or row.opened_at
        if row.muted == GROUPED:
            last = connection.scalar(select(func.max(alert_events.c.at)).where(alert_events.c.what == "told"))
            return (last or since) + GROUP_TIME, "told"
        end = reason_ends(connection, row.muted, since, self._quiet)
        return None if end is None else max(end, since), "told"


def note(connection: Connection, alert: str, what: str, at: datetime, by: str = MONITOR, comment: str = "") -> None:
    """Add to the history of an alert."""
    connection.execute(insert(alert_events).values(alert=alert, what=what, at=at, by=by, comment=comment))


def mute(connection: Connection, alert: str, reason: str, at: datetime) -> None:
    """Note why nobody is told of an alert."""
    connection.execute(update(alerts).where(alerts.c.id == alert).values(muted=reason))
    note(connection, alert, "muted", at, comment=reason)


def _what_to_tell(before: Row[Any] | None, signal: Signal) -> What | None:
    """What people may want to hear of a signal; of an alert that they were not told of only that there is one."""
    if signal.what in ("opened", "reopened"):
        return "opened"
    is_told = before is not None and before.muted is None
    if signal.what == "extended":
        if not _is_worse(before, signal):
            return None
        return "worsened" if is_told else "opened"  # quiet hours, say, hold back a warning only
    if not is_told:
        return None
    return "withdrawn" if signal.what == "withdrawn" else "resolved"


def _is_worse(before: Row[Any] | None, signal: Signal) -> bool:
    return before is not None and _RANK[signal.severity] > _RANK[before.severity]


def _write(connection: Connection, before: Row[Any] | None, signal: Signal, model_version: str) -> None:
    """The row of an alert as a signal leaves it, and the event."""
    driving = describe_stories(connection, signal.stories, signal.series, model_version)
    if not driving and before is not None:
        driving = before.evidence.get("driving", [])
    values: dict[str, Any] = {
        "series": signal.series,
        "kind": signal.kind,
        "severity": signal.severity,
        "starts_at": signal.starts_at,
        "last_window_at": signal.last_window_at,
        "evidence": signal.evidence.to_json() | {"hits": list(signal.hits), "driving": driving},
    }
    fresh = {"state": "firing", "resolved_at": None, "escalated_at": None, "muted": None}
    fresh |= {"acknowledged_at": None, "acknowledged_by": None}
    if signal.what == "opened":
        values |= fresh | {"opened_at": signal.at, "model_version": model_version}
    elif signal.what == "reopened":
        values |= fresh
    elif signal.what == "resolved":
        values |= {"state": "resolved", "resolved_at": signal.at}
    elif signal.what == "withdrawn":
        values |= {"state": "withdrawn"}
    if before is None:
        opened = fresh | {"opened_at": signal.at, "model_version": model_version}
        connection.execute(insert(alerts).values(id=signal.alert, **(opened | values)))
    else:
        connection.execute(update(alerts).where(alerts.c.id == signal.alert).values(**values))
    is_worse = signal.what == "extended" and _is_worse(before, signal)
    note(connection, signal.alert, "worsened" if is_worse else signal.what, signal.at)


def _find(connection: Connection, alert: str) -> Row[Any] | None:
    return connection.execute(select(alerts).where(alerts.c.id == alert)).first()


def _rows(connection: Connection, ids: Sequence[str]) -> list[Row[Any]]:
    """The rows of some alerts, in a fixed order."""
    if not ids:
        return []
    return list(connection.execute(select(alerts).where(alerts.c.id.in_(ids)).order_by(alerts.c.id)))


def _last(connection: Connection, alert: str, what: str) -> datetime | None:
    """When something last happened to an alert."""
    happened = select(func.max(alert_events.c.at)).where(alert_events.c.alert == alert, alert_events.c.what == what)
    at: datetime | None = connection.scalar(happened)
    return at

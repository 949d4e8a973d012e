"""Why nobody is told of an alert: a silence, a wider alert, or the hour; read from the tables, never kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, select

from kits.sentiment.alert.quiet import QuietHours
from kits.sentiment.reading import OVERALL
from kits.sentiment.store.schema import alerts, silences

OPEN = ("firing", "acknowledged")
GROUPED = "grouped"
QUIET = "quiet hours"
MATCHED = ("series", "severity", "kind")


def find_reason(connection: Connection, alert: Row[Any], at: datetime, quiet: QuietHours | None) -> str | None:
    """Why nobody is told of an open alert at an instant; None if people are.

    Args:
        connection: To the store.
        alert: A row of ``alerts``.
        at: The instant.
        quiet: Hours in which only critical alerts are sent.
    """
    for silence in connection.execute(
        select(silences)
        .where(silences.c.starts_at <= at, silences.c.until > at, silences.c.ended_at.is_(None))
        .order_by(silences.c.number)
    ):
        if matches(silence.matchers, alert):
            return f"silence {silence.number}"
    if alert.series != OVERALL:
        wider = select(alerts.c.id, alerts.c.severity).where(alerts.c.series == OVERALL, alerts.c.state.in_(OPEN))
        for row in connection.execute(wider.order_by(alerts.c.id)):
            if row.severity == "critical" or alert.severity == "warning":
                return f"inhibited by {row.id}"
    if quiet is not None and alert.severity != "critical" and quiet.covers(at):
        return QUIET
    return None


def matches(matchers: Mapping[str, str], alert: Row[Any]) -> bool:
    """Whether a silence is about an alert: all its patterns match."""
    values = alert._mapping
    return all(name in MATCHED and fnmatchcase(str(values[name]), pattern) for name, pattern in matchers.items())


def reason_ends(connection: Connection, reason: str, since: datetime, quiet: QuietHours | None) -> datetime | None:
    """When a reason that is a matter of time alone ends; None if it lasts, or something else ends it.

    Args:
        connection: To the store.
        reason: As ``find_reason`` gave it.
        since: When it was found.
        quiet: Hours in which only critical alerts are sent.
    """
    if reason == QUIET:
        return since if quiet is None else quiet.end_after(since)
    if reason.startswith("silence "):
        number = int(reason.removeprefix("silence "))
        ends = select(silences.c.until, silences.c.ended_at).where(silences.c.number == number)
        row = connection.execute(ends).first()
        if row is None:  # deleted with what is too old
            return since
        end: datetime = row.ended_at or row.until
        return end
    if reason.startswith("inhibited by "):
        wider = reason.removeprefix("inhibited by ")
        row = connection.execute(select(alerts.c.state, alerts.c.resolved_at).where(alerts.c.id == wider)).first()
        if row is None:
            return since
        resolved_at: datetime | None = row.resolved_at
        return None if row.state in OPEN else resolved_at or since
    return None

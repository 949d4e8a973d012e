"""What people do with alerts: acknowledge, judge, silence; each leaves its trace in the history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from core.errors import DataError
from kits.sentiment.alert.book import mute, note
from kits.sentiment.alert.mute import MATCHED, OPEN, matches
from kits.sentiment.store.schema import alerts, feedback, silences

Verdict = Literal["true", "false"]


def acknowledge(connection: Connection, alert: str, by: str, at: datetime, comment: str = "") -> None:
    """Say that someone takes care of an alert: it is not escalated any more.

    Args:
        connection: In a transaction.
        alert: Its id.
        by: Who.
        at: When.
        comment: What they say about it.

    Raises:
        DataError: There is no such alert, or it does not fire.
    """
    row = _find(connection, alert)
    values = {"state": "acknowledged", "acknowledged_at": at, "acknowledged_by": by}
    is_firing = (alerts.c.id == alert) & (alerts.c.state == "firing")
    if connection.execute(update(alerts).where(is_firing).values(**values)).rowcount != 1:
        who = f" by {row.acknowledged_by}" if row.state == "acknowledged" else ""
        raise DataError(f"is {row.state}{who}", where=f"alert {alert}", expected="one that fires")
    note(connection, alert, "acknowledged", at, by, comment)


def judge(connection: Connection, alert: str, verdict: Verdict, by: str, at: datetime, comment: str = "") -> None:
    """Say whether an alarm was true; the last word counts, all are kept.

    Raises:
        DataError: There is no such alert, or no such verdict.
    """
    if verdict not in ("true", "false"):
        raise DataError("no such verdict", where=f"alert {alert}", got=verdict, expected="true or false")
    _find(connection, alert)
    connection.execute(update(alerts).where(alerts.c.id == alert).values(verdict=verdict))
    connection.execute(insert(feedback).values(at=at, by=by, alert=alert, verdict=verdict, comment=comment))
    note(connection, alert, "verdict", at, by, f"{verdict}: {comment}" if comment else verdict)


def silence(
    connection: Connection, matchers: Mapping[str, str], until: datetime, by: str, comment: str, at: datetime
) -> int:
    """Let nobody be told of some alerts for a while; those that still fire afterwards are told then.

    Args:
        connection: In a transaction.
        matchers: ``series``, ``severity``, ``kind``: patterns (``topic:*``) that must all match.
        until: When it ends.
        by: Who.
        comment: Why.
        at: When it begins.

    Returns:
        Its number.

    Raises:
        DataError: It matches everything or what there is not, or ends before it begins.
    """
    wrong = sorted(set(matchers) - set(MATCHED)) or sorted(name for name, text in matchers.items() if not text)
    if wrong or not matchers:
        raise DataError("not a silence", where="matchers", got=dict(matchers), expected=f"some of {', '.join(MATCHED)}")
    if until <= at:
        raise DataError("a silence that is over", where="until", got=until.isoformat(), expected="a time to come")
    values = {"matchers": dict(matchers), "starts_at": at, "until": until, "by": by, "comment": comment}
    key = connection.execute(insert(silences).values(**values)).inserted_primary_key
    if key is None:  # never, on a table that numbers its rows
        raise RuntimeError("the database gave the silence no number")
    number = int(key[0])
    for row in connection.execute(select(alerts).where(alerts.c.state.in_(OPEN)).order_by(alerts.c.id)).all():
        if matches(matchers, row):
            note(connection, row.id, "silenced", at, by, comment)
            mute(connection, row.id, f"silence {number}", at)
    return number


def end_silence(connection: Connection, number: int, by: str, at: datetime) -> None:
    """End a silence before its time.

    Raises:
        DataError: There is no such silence, or it is over.
    """
    lasts = (silences.c.number == number) & silences.c.ended_at.is_(None) & (silences.c.until > at)
    if connection.execute(update(silences).where(lasts).values(ended_at=at)).rowcount != 1:
        raise DataError("there is none, or it is over", where=f"silence {number}")
    reason = f"silence {number}"
    for row in connection.execute(select(alerts).where(alerts.c.muted == reason, alerts.c.state.in_(OPEN))).all():
        note(connection, row.id, "silence_ended", at, by)


def _find(connection: Connection, alert: str) -> Row[Any]:
    row = connection.execute(select(alerts).where(alerts.c.id == alert)).first()
    if row is None:
        raise DataError("there is no such alert", where=f"alert {alert}")
    return row

"""Puts into the outbox who is told what, in the transaction that changes the alert; sent is it later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from kits.sentiment.config import Channel
from kits.sentiment.notify.message import Message, ToldAlert, ToldStory, What
from kits.sentiment.store.schema import outbox

_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def enqueue(connection: Connection, message: Message, channels: Sequence[Channel]) -> int:
    """Put a message out for every channel that is to be told of it, in the caller's transaction.

    A message that was put out before is not put out again.

    Returns:
        For how many channels.
    """
    rows = []
    for channel in channels:
        told = tuple(alert for alert in message.alerts if is_told(channel, message.what, alert))
        if told:
            key = hashlib.sha256(f"{message.key}\n{channel.name}".encode()).hexdigest()
            payload = to_payload(Message(message.key, message.what, message.at, told))
            row = {"key": key, "alert": told[0].id, "channel": channel.name, "what": message.what, "payload": payload}
            rows.append(row | {"attempts": 0, "next_at": datetime.now(UTC)})
    if rows:
        insert = _INSERTS[connection.dialect.name](outbox)
        connection.execute(insert.on_conflict_do_nothing(index_elements=["key"]), rows)
    return len(rows)


def is_told(channel: Channel, what: What, alert: ToldAlert) -> bool:
    """Whether a channel is to hear of this change of an alert."""
    if channel.min_severity == "critical" and alert.severity != "critical":
        return False
    if not any(fnmatchcase(alert.series, pattern) for pattern in channel.series):
        return False
    if channel.escalation:
        return what == "escalated" or (what in ("resolved", "withdrawn") and alert.is_escalated)
    return what != "escalated"


def to_payload(message: Message) -> dict[str, Any]:
    """A message as JSON values.

    >>> sorted(to_payload(Message("k", "opened", datetime(2026, 1, 5, tzinfo=UTC), ())))
    ['alerts', 'at', 'key', 'what']
    """
    values: dict[str, Any] = _plain(asdict(message))
    return values


def from_payload(payload: Mapping[str, Any]) -> Message:
    """The message of which ``to_payload`` made this."""
    alerts = tuple(
        ToldAlert(**_timed(alert, _ALERT_TIMES) | {"stories": tuple(_story(story) for story in alert["stories"])})
        for alert in payload["alerts"]
    )
    return Message(payload["key"], payload["what"], datetime.fromisoformat(payload["at"]), alerts)


_ALERT_TIMES = ("starts_at", "last_window_at", "opened_at")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _timed(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {**values, **{name: datetime.fromisoformat(values[name]) for name in names}}


def _story(values: Mapping[str, Any]) -> ToldStory:
    return ToldStory(**_timed(values, ("event_at",)))

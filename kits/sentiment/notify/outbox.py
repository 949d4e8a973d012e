"""The rows of the outbox: who is told what, which is due, and what became of it.

A message is put here in the transaction that changes the alert, so that there is never one
without the other; it is sent later, by ``notify``. A sender *claims* a row by moving its
``next_at`` beyond the time that a delivery may take: if it dies, the row is due again by itself.
So a message may be sent twice, but never not at all, and its key tells the receiver which it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Engine, Select, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.store.database import reading, transaction
from kits.sentiment.config import Channel
from kits.sentiment.notify.message import Message, ToldAlert, ToldStory, What
from kits.sentiment.store.schema import outbox

LONGEST_ERROR = 300
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed message.

    Attributes:
        number: Of its row.
        key: The Idempotency-Key: the same in every attempt.
        attempts: How many, with this one.
        payload: What to tell, as it was stored.
    """

    number: int
    key: str
    attempts: int
    payload: Mapping[str, Any]

    @property
    def message(self) -> Message:
        """What to tell."""
        return from_payload(self.payload)


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


def claim_due(engine: Engine, channel: str, lease: timedelta, now: datetime) -> Due | None:
    """Take the oldest message that is due, so that no other sender does.

    One alert's messages stay in order: a later one waits until the earlier is delivered or given up.
    Nothing is locked while there is nothing to do.
    """
    due = _select_due(channel, now)
    with reading(engine) as connection:
        if connection.execute(due.limit(1)).first() is None:
            return None
    with transaction(engine) as connection:
        row = connection.execute(due.limit(1).with_for_update(skip_locked=True, of=outbox)).first()
        if row is None:
            return None
        change = update(outbox).where(outbox.c.number == row.number)
        connection.execute(change.values(attempts=row.attempts + 1, next_at=now + lease))
        return Due(row.number, row.key, row.attempts + 1, row.payload)


def note_delivered(engine: Engine, due: Due, now: datetime) -> None:
    """The message has arrived."""
    with transaction(engine) as connection:
        row = update(outbox).where(outbox.c.number == due.number, outbox.c.delivered_at.is_(None))
        connection.execute(row.values(delivered_at=now, given_up_at=None, last_error=None))


def note_failed(engine: Engine, due: Due, error: str, next_at: datetime | None, now: datetime) -> None:
    """The attempt failed; another is made at ``next_at``, or none if that is None.

    If another sender has claimed the message meanwhile, what becomes of it is that one's to say.
    """
    with transaction(engine) as connection:
        mine = (outbox.c.number == due.number, outbox.c.attempts == due.attempts, outbox.c.delivered_at.is_(None))
        values: dict[str, Any] = {"last_error": error[:LONGEST_ERROR]}
        values |= {"given_up_at": now} if next_at is None else {"next_at": next_at}
        connection.execute(update(outbox).where(*mine).values(values))


def count_stranded(engine: Engine, channels: Iterable[str]) -> dict[str, int]:
    """Messages that wait for channels other than these, by channel: nobody will send them."""
    stranded = outbox.c.channel.not_in(list(channels))
    waiting = select(outbox.c.channel, func.count()).where(*_is_pending(outbox), stranded).group_by(outbox.c.channel)
    with reading(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(waiting)}


def _select_due(channel: str, now: datetime) -> Select[Any]:
    earlier = outbox.alias("earlier")
    is_next = ~exists().where(
        earlier.c.channel == outbox.c.channel,
        earlier.c.alert == outbox.c.alert,
        earlier.c.number < outbox.c.number,
        *_is_pending(earlier),
    )
    row = select(outbox.c.number, outbox.c.key, outbox.c.attempts, outbox.c.payload)
    return row.where(
        outbox.c.channel == channel, outbox.c.next_at <= now, *_is_pending(outbox), is_next
    ).order_by(outbox.c.number)


def _is_pending(table: Any) -> tuple[Any, Any]:
    return table.c.delivered_at.is_(None), table.c.given_up_at.is_(None)


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

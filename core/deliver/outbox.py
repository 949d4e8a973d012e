"""The rows of an outbox: what is to be sent over which channel, which is due, and what became of it.

A message is put into the table in the transaction that makes it, so that there is never one without
the other; it is sent later. A sender *claims* a row by moving its ``next_at`` beyond the time that a
delivery may take: if it dies, the row is due again by itself. So a message may be sent twice, but
never not at all, and its key tells the receiver which it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, Table, exists, func, select, update

from core.store.database import reading, transaction

LONGEST_ERROR = 300


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


@dataclass(frozen=True)
class Outbox:
    """An outbox in a database.

    Attributes:
        engine: Of the database.
        table: With the columns ``number key channel payload attempts next_at delivered_at given_up_at last_error``.
        thread: The column by which messages stay in order: a later one of a channel waits until the
            earlier with the same value is delivered or given up. Others do not wait.
        own: Column and value of the rows that are seen; none: all.
    """

    engine: Engine
    table: Table
    thread: str
    own: Mapping[str, str] = field(default_factory=dict)

    def claim(self, channel: str, lease: timedelta, now: datetime) -> Due | None:
        """Take the oldest message that is due, so that no other sender does.

        Nothing is locked while there is nothing to do.
        """
        due = self._select_due(channel, now)
        with reading(self.engine) as connection:
            if connection.execute(due.limit(1)).first() is None:
                return None
        with transaction(self.engine) as connection:
            row = connection.execute(due.limit(1).with_for_update(skip_locked=True, of=self.table)).first()
            if row is None:
                return None
            change = update(self.table).where(self.table.c.number == row.number)
            connection.execute(change.values(attempts=row.attempts + 1, next_at=now + lease))
            return Due(row.number, row.key, row.attempts + 1, row.payload)

    def note_delivered(self, due: Due, now: datetime) -> None:
        """The message has arrived."""
        with transaction(self.engine) as connection:
            row = update(self.table).where(self.table.c.number == due.number, self.table.c.delivered_at.is_(None))
            connection.execute(row.values(delivered_at=now, given_up_at=None, last_error=None))

    def note_failed(self, due: Due, error: str, next_at: datetime | None, now: datetime) -> None:
        """The attempt failed; another is made at ``next_at``, or none if that is None.

        If another sender has claimed the message meanwhile, what becomes of it is that one's to say.
        """
        table = self.table
        with transaction(self.engine) as connection:
            mine = (table.c.number == due.number, table.c.attempts == due.attempts, table.c.delivered_at.is_(None))
            values: dict[str, Any] = {"last_error": error[:LONGEST_ERROR]}
            values |= {"given_up_at": now} if next_at is None else {"next_at": next_at}
            connection.execute(update(table).where(*mine).values(values))

    def count_stranded(self, channels: Iterable[str]) -> dict[str, int]:
        """Messages that wait for channels other than these, by channel: nobody will send them."""
        table = self.table
        waiting = (
            select(table.c.channel, func.count())
            .where(*self._is_pending(table), table.c.channel.not_in(list(channels)))
            .group_by(table.c.channel)
        )
        with reading(self.engine) as connection:
            return {row[0]: row[1] for row in connection.execute(waiting)}

    def _select_due(self, channel: str, now: datetime) -> Select[Any]:
        table, earlier = self.table, self.table.alias("earlier")
        is_next = ~exists().where(
            earlier.c.channel == table.c.channel,
            earlier.c[self.thread] == table.c[self.thread],
            earlier.c.number < table.c.number,
            *self._is_pending(earlier),
        )
        row = select(table.c.number, table.c.key, table.c.attempts, table.c.payload)
        return row.where(
            table.c.channel == channel, table.c.next_at <= now, *self._is_pending(table), is_next
        ).order_by(table.c.number)

    def _is_pending(self, table: Any) -> tuple[Any, ...]:
        own = (table.c[name] == value for name, value in self.own.items())
        return table.c.delivered_at.is_(None), table.c.given_up_at.is_(None), *own

"""What channels bring and what is sent to them: rows that outlive a restart, each put there with what it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from core.deliver.outbox import Outbox
from core.store.database import reading, transaction
from kits.support.store.schema import inbox, outbox, turns


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a customer wrote in a channel.

    Attributes:
        channel: Which.
        conversation: Its name here, which begins with that of the channel.
        message: The channel's own name for it: what comes again under it is not answered again.
        user: Whose.
        text: Their words.
        at: When it came.
    """

    channel: str
    conversation: str
    message: str
    user: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A row of the inbox."""

    number: int
    incoming: Incoming


def name_conversation(channel: str, name: str) -> str:
    """The name that a channel's conversation has here; no channel can write into another's.

    >>> name_conversation("shop", "4711")
    'shop:4711'
    """
    return f"{channel}:{name}"


def open_outbox(engine: Engine, tenant: str) -> Outbox:
    """What is to be sent to the channels of a tenant; within a conversation it stays in order."""
    return Outbox(engine, outbox, "conversation", {"tenant": tenant})


def put_out(
    connection: Connection, tenant: str, channel: str, conversation: str, payload: Mapping[str, Any], at: datetime
) -> None:
    """Put something out for a channel, in the transaction that makes it.

    Args:
        connection: Inside a writing transaction.
        tenant: Whose.
        channel: To be sent over.
        conversation: Where it belongs.
        payload: ``turn``, its number; or ``notice``, ``conversation`` and ``message``: which sentence, to what.
        at: When.
    """
    parts = "\n".join([tenant, channel, conversation, *(f"{name}={payload[name]}" for name in sorted(payload))])
    connection.execute(
        insert(outbox).values(
            key=hashlib.sha256(parts.encode()).hexdigest(), tenant=tenant, channel=channel, conversation=conversation,
            payload=dict(payload), at=at, attempts=0, next_at=at,
        )
    )  # fmt: skip


def take_in(engine: Engine, tenant: str, incoming: Incoming, notice: str | None = None) -> bool:
    """Keep what a channel brought until it is answered.

    Args:
        engine: Of the database.
        tenant: Whose.
        incoming: The message.
        notice: A sentence that is sent instead of an answer, where it cannot be taken for a message.

    Returns:
        False for what came before.
    """
    try:
        with transaction(engine) as connection:
            if _is_answered(connection, tenant, incoming.conversation, incoming.message):
                return False
            if notice is None:
                connection.execute(insert(inbox).values(tenant=tenant, **asdict(incoming)))
            else:
                _put_notice(connection, tenant, incoming, notice)
    except IntegrityError:
        return False  # it waits in the inbox, or its notice was put out
    return True


def list_taken(engine: Engine, tenant: str, channels: Sequence[str], most: int) -> list[Taken]:
    """What is still to be answered, the oldest first."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(inbox)
            .where(inbox.c.tenant == tenant, inbox.c.channel.in_(channels))
            .order_by(inbox.c.number)
            .limit(most)
        ).all()
    return [
        Taken(row.number, Incoming(row.channel, row.conversation, row.message, row.user, row.text, row.at))
        for row in rows
    ]


def drop_taken(engine: Engine, tenant: str, taken: Sequence[Taken], notice: str | None = None) -> None:
    """Forget what has been answered; or what cannot be, and say so."""
    with transaction(engine) as connection:
        connection.execute(delete(inbox).where(inbox.c.number.in_([one.number for one in taken])))
        for one in taken if notice is not None else ():
            _put_notice(connection, tenant, one.incoming, str(notice))


def _put_notice(connection: Connection, tenant: str, incoming: Incoming, notice: str) -> None:
    payload = {"notice": notice, "conversation": incoming.conversation, "message": incoming.message}
    put_out(connection, tenant, incoming.channel, incoming.conversation, payload, incoming.at)


def _is_answered(connection: Connection, tenant: str, conversation: str, message: str) -> bool:
    mine = (turns.c.tenant == tenant, turns.c.conversation == conversation, turns.c.message == message)
    return connection.execute(select(turns.c.number).where(*mine)).first() is not None

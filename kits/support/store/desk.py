"""The agents' desk: who waits for a person, taking over, replying, giving the conversation back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from core.errors import DataError
from core.store.database import reading, transaction
from kits.support.store.schema import conversations, handovers, turns
from kits.support.store.store import Store


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversation that a person owns.

    Attributes:
        conversation: Its name.
        user: Whose it is.
        channel: Where it takes place.
        customer: ``private`` or ``business``.
        reason: Why it was handed over.
        since: When.
        taken_by: Who takes care; None while it waits.
        words: What the customer wrote last.
        last_at: When something was said last.
    """

    conversation: str
    user: str
    channel: str
    customer: str
    reason: str
    since: datetime
    taken_by: str | None
    words: str
    last_at: datetime


def list_waiting(store: Store, most: int = 200) -> list[Waiting]:
    """Who waits or is taken care of, the longest waiting first; those in hand behind them."""
    with reading(store.engine) as connection:
        return read_waiting(connection, store.tenant, most)


def read_waiting(connection: Connection, tenant: str, most: int = 200) -> list[Waiting]:
    """The same, inside a reading transaction."""
    said = (
        select(turns.c.text)
        .where(
            turns.c.tenant == tenant,
            turns.c.conversation == handovers.c.conversation,
            turns.c.speaker == "customer",
        )
        .order_by(turns.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = connection.execute(
        select(
            handovers.c.conversation, conversations.c.user, conversations.c.channel, conversations.c.customer,
            handovers.c.reason, handovers.c.at, handovers.c.taken_by, said, conversations.c.last_at,
        )
        .join(
            conversations,
            (conversations.c.tenant == handovers.c.tenant) & (conversations.c.id == handovers.c.conversation),
        )
        .where(handovers.c.tenant == tenant, handovers.c.resolved_at.is_(None))
        .order_by(handovers.c.taken_by.isnot(None), handovers.c.at)
        .limit(most)
    )  # fmt: skip
    return [Waiting(*row) for row in found]


def take_over(store: Store, conversation: str, agent: str, at: datetime) -> None:
    """Take care of a conversation, handed over or not: from now on the assistant is silent in it.

    Raises:
        DataError: There is none, or someone else takes care of it.
    """
    with transaction(store.engine) as connection:
        _lock(connection, store, conversation, owner="person")
        open_one = _open_handover(connection, store, conversation)
        if open_one is None:
            connection.execute(
                insert(handovers).values(
                    tenant=store.tenant, conversation=conversation, reason="taken", at=at, taken_by=agent, taken_at=at
                )
            )
        elif open_one.taken_by not in (None, agent):
            raise DataError("someone else takes care of it", where=conversation, got=open_one.taken_by)
        else:
            connection.execute(
                update(handovers).where(handovers.c.number == open_one.number).values(taken_by=agent, taken_at=at)
            )


def reply_as(store: Store, conversation: str, agent: str, text: str, at: datetime) -> int:
    """Say something to the customer; who does takes the conversation over, unless someone has.

    Returns:
        The number of the turn.

    Raises:
        DataError: There is no such conversation, or someone else takes care of it.
    """
    take_over(store, conversation, agent, at)
    with transaction(store.engine) as connection:
        _lock(connection, store, conversation, owner="person", last_at=at)
        done = connection.execute(
            insert(turns).values(
                tenant=store.tenant, conversation=conversation, speaker="agent", text=text, at=at, by=agent
            )
        )
        number = int(done.inserted_primary_key[0])  # type: ignore[index]
        mine = (conversations.c.tenant == store.tenant, conversations.c.id == conversation)
        channel = connection.execute(select(conversations.c.channel).where(*mine)).scalar_one()
        store.tell(connection, channel, conversation, number, at)
        return number


def resolve(store: Store, conversation: str, agent: str, at: datetime) -> None:
    """Give a conversation back to the assistant, which starts clean.

    Raises:
        DataError: There is none, or no person owns it.
    """
    with transaction(store.engine) as connection:
        if _open_handover(connection, store, conversation) is None:
            raise DataError("no person owns this conversation", where=conversation)
        _lock(connection, store, conversation, owner="assistant", state={}, last_at=at)
        connection.execute(
            update(handovers)
            .where(
                handovers.c.tenant == store.tenant,
                handovers.c.conversation == conversation,
                handovers.c.resolved_at.is_(None),
            )
            .values(resolved_by=agent, resolved_at=at)
        )
        connection.execute(
            insert(turns).values(
                tenant=store.tenant, conversation=conversation, speaker="event", text="resolved", at=at, by=agent
            )
        )


def _lock(connection: Connection, store: Store, conversation: str, **values: Any) -> None:
    """Change a conversation, so that no turn that is being worked on is kept over it."""
    done = connection.execute(
        update(conversations)
        .where(conversations.c.tenant == store.tenant, conversations.c.id == conversation)
        .values(version=conversations.c.version + 1, **values)
    )
    if done.rowcount != 1:
        raise DataError("no such conversation", where=conversation)


def _open_handover(connection: Connection, store: Store, conversation: str) -> Any:
    return connection.execute(
        select(handovers.c.number, handovers.c.taken_by).where(
            handovers.c.tenant == store.tenant,
            handovers.c.conversation == conversation,
            handovers.c.resolved_at.is_(None),
        )
    ).first()

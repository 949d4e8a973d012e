"""The conversations of one tenant: each turn is one transaction, and nobody writes over what they have not seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, insert, select, update

from core.errors import DataError, StoreError
from core.store.database import migrate, open_database, reading, show_address, transaction
from core.store.upsert import insert_absent
from kits.support.dialogue.reply import Reply
from kits.support.dialogue.state import State
from kits.support.store.channel import put_out
from kits.support.store.schema import conversations, feedback, handovers, inbox, outbox, turns

MIGRATIONS = Path(__file__).with_name("migrations")
DELETED_AT_ONCE = 200
Fate = Literal["kept", "known", "lost"]
# Locked until they are changed, in the order in which new ones are put in: no two processes wait for each other.
_VERSIONS = (
    select(conversations.c.id, conversations.c.version)
    .where(conversations.c.tenant == bindparam("tenant"), conversations.c.id.in_(bindparam("names", expanding=True)))
    .order_by(conversations.c.id)
    .with_for_update()
)
_CHANGE = update(conversations).where(
    conversations.c.tenant == bindparam("of"), conversations.c.id == bindparam("name")
)


class Overtaken(StoreError):
    """Another process has changed the conversation since it was read."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where a conversation stands.

    Attributes:
        id: Its own name.
        user: Whose it is.
        channel: Where it takes place.
        customer: ``private`` or ``business``.
        owner: ``assistant`` or ``person``.
        state: What the assistant remembers; None before the first turn.
        version: How often it was changed; 0 for one that is not kept yet.
        last_at: When something was said last.
    """

    id: str
    user: str
    channel: str
    customer: str
    owner: str
    state: State | None
    version: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is kept of one turn of the customer.

    Attributes:
        conversation: As it was read.
        text: What the customer wrote.
        at: When.
        state: What the assistant remembers from now on.
        reply: What it said; silent where a person owns the conversation.
        message: The sender's own name of what the customer wrote; None where it has none.
    """

    conversation: Conversation
    text: str
    at: datetime
    state: State
    reply: Reply
    message: str | None = None


def open_store(address: str, tenant: str = "main", outgoing: Collection[str] = ()) -> Store:
    """Open a database and bring its tables up to date.

    Args:
        address: ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
        tenant: Whose rows are seen.
        outgoing: Names of the channels that what is said in them is sent to.

    Raises:
        ConfigError: The address is none.
        StoreError: The database cannot be reached, or was made by a newer version.
    """
    engine = open_database(address)
    try:
        migrate(engine, MIGRATIONS)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, tenant, outgoing)


class Store:
    """The tables, as one tenant sees them.

    Args:
        engine: Whose tables are up to date; ``open_store`` sees to it.
        tenant: Whose rows are seen.
        outgoing: Names of the channels that what is said in them is sent to.
    """

    def __init__(self, engine: Engine, tenant: str, outgoing: Collection[str] = ()) -> None:
        self.engine, self.tenant, self.outgoing = engine, tenant, frozenset(outgoing)

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return show_address(self.engine)

    def read(self, ids: Sequence[str]) -> dict[str, Conversation]:
        """The conversations that there are, by their names."""
        with reading(self.engine) as connection:
            rows = connection.execute(self._select().where(conversations.c.id.in_(ids))).all()
        return {row.id: _conversation(row) for row in rows}

    def record(self, exchanges: Sequence[Exchange]) -> list[tuple[int | None, bool]]:
        """Keep turns of different conversations, in one transaction.

        Returns:
            For each the number of the assistant's turn, None where it was silent or the message had been
            kept before; and whether it is kept. One whose conversation another process has changed since
            it was read is not, and must be answered anew.
        """
        with transaction(self.engine) as connection:
            fates = self._change(connection, exchanges)
            spoken = [exchange for exchange, fate in zip(exchanges, fates, strict=True) if fate == "kept"]
            numbers = iter(self._put_turns(connection, spoken))
            return [(next(numbers) if fate == "kept" else None, fate != "lost") for fate in fates]

    def transcript(self, conversation: str) -> list[Mapping[str, Any]]:
        """All turns of a conversation, in their order; empty where there is none."""
        with reading(self.engine) as connection:
            return self.read_turns(connection, conversation)

    def read_turns(self, connection: Connection, conversation: str, after: int = 0) -> list[Mapping[str, Any]]:
        """The turns of a conversation behind a number."""
        found = connection.execute(
            select(turns, feedback.c.verdict)
            .outerjoin(feedback, feedback.c.turn == turns.c.number)
            .where(
                turns.c.tenant == self.tenant, turns.c.conversation == conversation, turns.c.number > after
            )
            .order_by(turns.c.number)
        )
        return [dict(row._mapping) for row in found]

    def find_reply(self, conversation: str, message: str) -> tuple[bool, Mapping[str, Any] | None]:
        """Whether a message is kept, by its sender's name for it; and the turn that answered it, if any did."""
        with reading(self.engine) as connection:
            number = self._find_message(connection, conversation, message)
            if number is None:
                return False, None
            after = self.read_turns(connection, conversation, number)[:1]
        # A message and its answer are kept together: what stands next is the answer, or there is none.
        return True, after[0] if after and after[0]["speaker"] == "assistant" else None

    def read_turn(self, number: int) -> Mapping[str, Any] | None:
        """One turn; None where it is gone."""
        with reading(self.engine) as connection:
            found = connection.execute(select(turns).where(turns.c.tenant == self.tenant, turns.c.number == number))
            row = found.first()
        return None if row is None else dict(row._mapping)

    def judge(
        self, turn: int, verdict: str, by: str, at: datetime, comment: str = "", intent: str | None = None
    ) -> str:
        """Keep what someone thinks of a reply; who says it again replaces it.

        Returns:
            The name of the conversation.

        Raises:
            DataError: There is no such reply.
        """
        with transaction(self.engine) as connection:
            row = connection.execute(
                select(turns.c.conversation).where(
                    turns.c.number == turn, turns.c.tenant == self.tenant, turns.c.speaker == "assistant"
                )
            ).first()
            if row is None:
                raise DataError("no such reply", where="turn", got=turn)
            values = {"verdict": verdict, "comment": comment, "intent": intent, "by": by, "at": at}
            connection.execute(delete(feedback).where(feedback.c.turn == turn))
            connection.execute(insert(feedback).values(turn=turn, tenant=self.tenant, **values))
            return str(row.conversation)

    def delete_user(self, user: str) -> int:
        """Delete every conversation of a user, with all that was said of it; returns how many there were."""
        with transaction(self.engine) as connection:
            mine = (conversations.c.tenant == self.tenant) & (conversations.c.user == user)
            connection.execute(delete(inbox).where(inbox.c.tenant == self.tenant, inbox.c.user == user))
            return self._delete(connection, mine)

    def delete_old(self, before: datetime) -> int:
        """Delete a number of conversations in which nothing was said since; 0: none is left."""
        with transaction(self.engine) as connection:
            for table in (inbox, outbox):
                connection.execute(delete(table).where(table.c.tenant == self.tenant, table.c.at < before))
            old = (conversations.c.tenant == self.tenant) & (conversations.c.last_at < before)
            return self._delete(connection, old & (conversations.c.owner == "assistant"), DELETED_AT_ONCE)

    def count(self) -> dict[str, int]:
        """How many conversations and turns are kept."""
        with reading(self.engine) as connection:
            return {
                table.name: connection.execute(
                    select(func.count()).select_from(table).where(table.c.tenant == self.tenant)
                ).scalar_one()
                for table in (conversations, turns, handovers, feedback)
            }

    def _find_message(self, connection: Connection, conversation: str, message: str) -> int | None:
        mine = (turns.c.tenant == self.tenant, turns.c.conversation == conversation, turns.c.message == message)
        return connection.execute(select(turns.c.number).where(*mine)).scalar()

    def _select(self) -> Any:
        return select(conversations).where(conversations.c.tenant == self.tenant)

    def _change(self, connection: Connection, exchanges: Sequence[Exchange]) -> list[Fate]:
        """Change each conversation, if its message was not kept before and nobody else has changed it since."""
        fates: dict[str, Fate] = {}
        begun: list[Exchange] = []
        going_on: list[Exchange] = []
        for exchange in exchanges:
            before = exchange.conversation
            if exchange.message is not None and self._find_message(connection, before.id, exchange.message) is not None:
                fates[before.id] = "known"
                continue
            (going_on if before.version else begun).append(exchange)
        kept = self._begin(connection, begun) | self._go_on(connection, going_on)
        return [fates.get(e.conversation.id, "kept" if e.conversation.id in kept else "lost") for e in exchanges]

    def _begin(self, connection: Connection, exchanges: Sequence[Exchange]) -> set[str]:
        """Keep conversations that are new, unless another process was faster; the names of those that were."""
        rows = []
        for exchange in sorted(exchanges, key=lambda exchange: exchange.conversation.id):
            before = exchange.conversation
            made = {"user": before.user, "channel": before.channel, "customer": before.customer}
            key = {"tenant": self.tenant, "id": before.id}
            rows.append(key | made | {"opened_at": exchange.at} | _changed(exchange))
        return {name for _, name in insert_absent(connection, conversations, rows)}

    def _go_on(self, connection: Connection, exchanges: Sequence[Exchange]) -> set[str]:
        """Change conversations that still are as they were read; their names."""
        if not exchanges:
            return set()
        names = [exchange.conversation.id for exchange in exchanges]
        found = connection.execute(_VERSIONS, {"tenant": self.tenant, "names": names})
        versions = {row.id: row.version for row in found}
        same = [e for e in exchanges if versions.get(e.conversation.id) == e.conversation.version]
        if same:
            rows = [{"of": self.tenant, "name": e.conversation.id} | _changed(e) for e in same]
            connection.execute(_CHANGE, rows)
        return {exchange.conversation.id for exchange in same}

    def _put_turns(self, connection: Connection, exchanges: Sequence[Exchange]) -> list[int | None]:
        """What customers said and were answered, each answer behind its question; the numbers of the answers."""
        if not exchanges:
            return []
        rows = [
            {"tenant": self.tenant, "conversation": exchange.conversation.id, "at": exchange.at} | turn
            for exchange in exchanges
            for turn in _turns_of(exchange)
        ]
        put = insert(turns).returning(turns.c.number, sort_by_parameter_order=True)
        numbers = iter(connection.execute(put, rows).scalars().all())
        answers: list[int | None] = []
        for exchange in exchanges:
            next(numbers)  # the customer's
            answers.append(None if exchange.reply.action is None else next(numbers))
            if answers[-1] is not None:
                self._announce(connection, exchange, answers[-1])
        return answers

    def _announce(self, connection: Connection, exchange: Exchange, number: int) -> None:
        """Put an answer before those whom it concerns: the desk, where it hands over, and its channel."""
        before, reply = exchange.conversation, exchange.reply
        if reply.action == "hand_over":
            key = {"tenant": self.tenant, "conversation": before.id, "at": exchange.at}
            connection.execute(insert(handovers).values(**key, reason=reply.reason or "unsure"))
        self.tell(connection, before.channel, before.id, number, exchange.at)

    def tell(self, connection: Connection, channel: str, conversation: str, turn: int, at: datetime) -> None:
        """Put a turn out for the channel of its conversation, if it is one that is told."""
        # A program with a key may say any channel; the name alone tells where a conversation came from.
        if channel in self.outgoing and conversation.startswith(f"{channel}:"):
            put_out(connection, self.tenant, channel, conversation, {"turn": turn}, at)

    def _delete(self, connection: Connection, condition: Any, most: int | None = None) -> int:
        ids = [row.id for row in connection.execute(select(conversations.c.id).where(condition).limit(most))]
        if ids:
            mine = (conversations.c.tenant == self.tenant) & conversations.c.id.in_(ids)
            connection.execute(delete(conversations).where(mine))
            sent = (outbox.c.tenant == self.tenant) & outbox.c.conversation.in_(ids)
            connection.execute(delete(outbox).where(sent))
        return len(ids)


def _changed(exchange: Exchange) -> dict[str, Any]:
    """What a turn changes of its conversation."""
    before = exchange.conversation
    return {
        "owner": "person" if exchange.reply.action == "hand_over" else before.owner,
        "state": exchange.state.to_json(), "version": before.version + 1, "last_at": exchange.at,
    }  # fmt: skip


def _conversation(row: Row[Any]) -> Conversation:
    state = State.from_json(row.state) if row.state else None
    return Conversation(
        row.id, row.user, row.channel, row.customer, row.owner, state, row.version, row.last_at
    )


def _turns_of(exchange: Exchange) -> list[dict[str, Any]]:
    """The customer's turn and, if there is one, the assistant's; with the same columns, so as to be put together."""
    reply = exchange.reply
    nothing = dict.fromkeys(("action", "intent", "confidence", "reason", "message", "said"))
    asked = {"speaker": "customer", "text": exchange.text, "by": "", "message": exchange.message}
    if reply.action is None:
        return [nothing | asked]
    answered = {
        "speaker": "assistant", "text": reply.text, "by": "", "action": reply.action,
        "intent": ";".join(reply.intents), "confidence": reply.confidence, "reason": reply.reason,
        "said": _said(reply),
    }  # fmt: skip
    return [nothing | asked, nothing | answered]


def _said(reply: Reply) -> dict[str, Any]:
    """What a page needs to show a reply again."""
    return {
        "parts": [asdict(part) for part in reply.parts],
        "citations": [asdict(citation) for citation in reply.citations],
        "options": [asdict(option) for option in reply.options],
        "asks": reply.asks,
        "slots": {name: asdict(found) for name, found in reply.slots.items()},
        "language": reply.language,
    }

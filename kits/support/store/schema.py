"""The assistant's tables. What changes them: the modules beside this one; what makes them: ``migrations``.

    conversations ──▶ turns ──▶ feedback    what was said, and what people thought of it
               └────▶ handovers             who waits for a person, and who took care
    inbox, outbox                           what channels brought and is to be answered, what is to be sent to them
    knowledge, changes                      what the index is made of, numbered in the order of its changes
    api_keys                                who may ask

Every row belongs to a tenant: several companies may share a database, and none sees another's rows.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from core.store.column import Json, JsonOrNull, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what it calls INTEGER


def _of_conversation() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant", "conversation"], ["conversations.tenant", "conversations.id"], ondelete="CASCADE"
    )


conversations = Table(
    "conversations",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("user", String(128), nullable=False),
    Column("channel", String(32), nullable=False),  # page | api | cli | test | wecom | …
    Column("customer", String(16), nullable=False),  # private | business
    Column("owner", String(16), nullable=False),  # assistant | person
    Column("state", Json, nullable=False),  # see dialogue/state.py
    Column("version", Integer, nullable=False),  # counts the changes; who writes must have seen the last one
    Column("opened_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Index("ix_conversations_tenant_last_at", "tenant", "last_at"),
    Index("ix_conversations_tenant_user", "tenant", "user"),
)
turns = Table(
    "turns",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("tenant", String(64), nullable=False),
    Column("conversation", String(64), nullable=False),
    Column("speaker", String(16), nullable=False),  # customer | assistant | agent | event
    Column("text", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False, default=""),  # the agent
    Column("action", String(16)),  # of the assistant: answer | clarify | ask_slot | hand_over | close
    Column("intent", Text),  # several joined by ;
    Column("confidence", Float),
    Column("reason", String(32)),  # of a hand-over
    Column("said", JsonOrNull),  # parts, citations, options, asks, slots: all that a page shows of a reply
    Column("message", String(128)),  # the sender's own name of what a customer wrote, so that it is answered once
    _of_conversation(),
    Index("ix_turns_tenant_conversation_message", "tenant", "conversation", "message", unique=True),
    Index("ix_turns_tenant_conversation", "tenant", "conversation", "number"),
    Index("ix_turns_tenant_at", "tenant", "at"),
    sqlite_autoincrement=True,
)
handovers = Table(
    "handovers",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("tenant", String(64), nullable=False),
    Column("conversation", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("taken_by", Text),
    Column("taken_at", UtcTime),
    Column("resolved_by", Text),
    Column("resolved_at", UtcTime),
    _of_conversation(),
    Index("ix_handovers_tenant_resolved_at", "tenant", "resolved_at"),
    Index("ix_handovers_tenant_conversation", "tenant", "conversation"),
    sqlite_autoincrement=True,
)
feedback = Table(
    "feedback",
    metadata,
    Column("turn", Number, ForeignKey("turns.number", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("tenant", String(64), nullable=False, index=True),
    Column("verdict", String(8), nullable=False),  # up | down
    Column("intent", Text),  # what an agent says was meant
    Column("comment", Text, nullable=False, default=""),
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
inbox = Table(
    "inbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("tenant", String(64), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("conversation", String(64), nullable=False),  # may not have begun yet
    Column("message", String(128), nullable=False),
    Column("user", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_inbox_tenant_conversation_message", "tenant", "conversation", "message", unique=True),
    sqlite_autoincrement=True,
)
outbox = Table(
    "outbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("key", String(64), nullable=False, unique=True),  # the Idempotency-Key: follows from what is sent
    Column("tenant", String(64), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("conversation", String(64), nullable=False, index=True),
    Column("payload", Json, nullable=False),  # the number of a turn, or the name of a notice
    Column("at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", UtcTime, nullable=False, index=True),
    Column("delivered_at", UtcTime),
    Column("given_up_at", UtcTime),
    Column("last_error", Text),
    sqlite_autoincrement=True,
)
knowledge = Table(
    "knowledge",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("id", String(512), primary_key=True),
    Column("change", BigInteger, nullable=False),
    Column("document", Json),  # text and metadata, as the index has them; None: deleted
    Column("digest", String(64), nullable=False),  # of the document, to see what is new
    Column("is_withheld", Boolean, nullable=False, default=False),  # speaks to the assistant instead of informing
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Index("ix_knowledge_tenant_language_change", "tenant", "language", "change"),
)
changes = Table(
    "changes",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("last", BigInteger, nullable=False),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # sha256 of the key, which is kept nowhere
    Column("scopes", Json, nullable=False),  # of read, write, admin
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)

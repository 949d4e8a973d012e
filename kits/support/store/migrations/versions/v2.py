"""Channels: what they brought, what is to be sent to them, and the names that senders give to messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.column import Json, UtcTime

revision = "v2"
down_revision = "v1"
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and the column."""
    op.add_column("turns", sa.Column("message", sa.String(128)))
    op.create_table(
        "inbox",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("message", sa.String(128), nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_inbox"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("delivered_at", UtcTime),
        sa.Column("given_up_at", UtcTime),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    key = ["tenant", "conversation", "message"]
    op.create_index("ix_turns_tenant_conversation_message", "turns", key, unique=True)
    op.create_index("ix_inbox_tenant_conversation_message", "inbox", key, unique=True)
    op.create_index("ix_outbox_conversation", "outbox", ["conversation"])
    op.create_index("ix_outbox_next_at", "outbox", ["next_at"])

"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.column import Json, UtcTime

revision = "v1"
down_revision = None
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "conversations",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("customer", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("state", Json, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("last_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_conversations"),
    )
    op.create_table(
        "turns",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("speaker", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.String(16)),
        sa.Column("intent", sa.Text),
        sa.Column("confidence", sa.Float),
        sa.Column("reason", sa.String(32)),
        sa.Column("said", Json),
        sa.ForeignKeyConstraint(
                ["tenant", "conversation"],
                ["conversations.tenant", "conversations.id"],
                name="fk_turns_tenant_conversation_conversations",
                ondelete="CASCADE",
            ),
        sa.PrimaryKeyConstraint("number", name="pk_turns"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "handovers",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("taken_by", sa.Text),
        sa.Column("taken_at", UtcTime),
        sa.Column("resolved_by", sa.Text),
        sa.Column("resolved_at", UtcTime),
        sa.ForeignKeyConstraint(
                ["tenant", "conversation"],
                ["conversations.tenant", "conversations.id"],
                name="fk_handovers_tenant_conversation_conversations",
                ondelete="CASCADE",
            ),
        sa.PrimaryKeyConstraint("number", name="pk_handovers"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feedback",
        sa.Column("turn", Number, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["turn"], ["turns.number"], name="fk_feedback_turn_turns", ondelete="CASCADE"),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("intent", sa.Text),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_feedback"),
    )
    op.create_table(
        "knowledge",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("id", sa.String(512), nullable=False),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.Column("document", Json),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("is_withheld", sa.Boolean, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "language", "id", name="pk_knowledge"),
    )
    op.create_table(
        "changes",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "language", name="pk_changes"),
    )
    op.create_table(
        "api_keys",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime),
        sa.Column("revoked_at", UtcTime),
        sa.PrimaryKeyConstraint("name", name="pk_api_keys"),
    )
    op.create_index("ix_conversations_tenant_last_at", "conversations", ["tenant", "last_at"])
    op.create_index("ix_conversations_tenant_user", "conversations", ["tenant", "user"])
    op.create_index("ix_turns_tenant_conversation", "turns", ["tenant", "conversation", "number"])
    op.create_index("ix_turns_tenant_at", "turns", ["tenant", "at"])
    op.create_index("ix_handovers_tenant_resolved_at", "handovers", ["tenant", "resolved_at"])
    op.create_index("ix_handovers_tenant_conversation", "handovers", ["tenant", "conversation"])
    op.create_index("ix_feedback_tenant", "feedback", ["tenant"])
    op.create_index("ix_knowledge_tenant_language_change", "knowledge", ["tenant", "language", "change"])

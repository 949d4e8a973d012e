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
        "events",
        sa.Column("number", Number, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(64), nullable=True),
        sa.Column("user_id", sa.String(128), nullable=False),
        sa.Column("item_id", sa.String(128), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.Column("impression_id", sa.String(64), nullable=True),
        sa.Column("position", sa.Integer, nullable=True),
        sa.Column("value", sa.Float, nullable=True),
        sa.Column("propensity", sa.Float, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
        sa.UniqueConstraint("key", name="uq_events_key"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_user_id_number", "events", ["user_id", "number"])
    op.create_table(
        "impressions",
        sa.Column("impression_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(128), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("experiment", sa.String(64), nullable=False),
        sa.Column("bucket", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("explored", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("impression_id", name="pk_impressions"),
    )
    op.create_index("ix_impressions_at", "impressions", ["at"])
    op.create_index("ix_impressions_user_id", "impressions", ["user_id"])
    op.create_table(
        "items",
        sa.Column("item_id", sa.String(128), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("published_at", UtcTime, nullable=True),
        sa.Column("available", sa.String(3), nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("encoder", sa.String(64), nullable=True),
        sa.Column("vector", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("item_id", name="pk_items"),
    )
    op.create_index("ix_items_changed", "items", ["changed"])
    op.create_table(
        "erasures",
        sa.Column("number", Number, autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_erasures"),
        sa.UniqueConstraint("digest", name="uq_erasures_digest"),
    )
    op.create_table(
        "models",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("version", sa.String(64), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("answer", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_models"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_models_state", "models", ["state"])
    op.create_table(
        "api_keys",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=True),
        sa.Column("revoked_at", UtcTime, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log"),
    )
    op.execute("INSERT INTO log (id, last) VALUES (1, 0)")

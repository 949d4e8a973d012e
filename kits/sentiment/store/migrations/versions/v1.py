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
        "alerts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("starts_at", UtcTime, nullable=False),
        sa.Column("last_window_at", UtcTime, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("acknowledged_at", UtcTime, nullable=True),
        sa.Column("acknowledged_by", sa.Text, nullable=True),
        sa.Column("resolved_at", UtcTime, nullable=True),
        sa.Column("escalated_at", UtcTime, nullable=True),
        sa.Column("muted", sa.Text, nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_opened_at", "alerts", ["opened_at"])
    op.create_index("ix_alerts_series", "alerts", ["series"])
    op.create_index("ix_alerts_state", "alerts", ["state"])
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
        "dead_letters",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_dead_letters"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dead_letters_at", "dead_letters", ["at"])
    op.create_table(
        "feedback",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("alert", sa.String(32), nullable=True),
        sa.Column("item", sa.String(32), nullable=True),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_feedback"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_alert", "feedback", ["alert"])
    op.create_index("ix_feedback_item", "feedback", ["item"])
    op.create_table(
        "feeds",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("cursor", sa.Text, nullable=True),
        sa.Column("items", sa.BigInteger, nullable=False),
        sa.Column("dead", sa.BigInteger, nullable=False),
        sa.Column("last_item_at", UtcTime, nullable=True),
        sa.Column("last_ok_at", UtcTime, nullable=True),
        sa.Column("last_error_at", UtcTime, nullable=True),
        sa.Column("last_error", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_feeds"),
    )
    op.create_table(
        "inbox",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("record", Json, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_inbox"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model_requests",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("done_at", UtcTime, nullable=True),
        sa.Column("answer", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_model_requests"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "models",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("errors", Json, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_models"),
    )
    op.create_table(
        "silences",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("matchers", Json, nullable=False),
        sa.Column("starts_at", UtcTime, nullable=False),
        sa.Column("until", UtcTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("ended_at", UtcTime, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_silences"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "stories",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("lead_item", sa.String(32), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("first_at", UtcTime, nullable=False),
        sa.Column("last_at", UtcTime, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("sources", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_stories"),
    )
    op.create_index("ix_stories_first_at", "stories", ["first_at"])
    op.create_index("ix_stories_last_at", "stories", ["last_at"])
    op.create_table(
        "windows",
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("starts_at", UtcTime, nullable=False),
        sa.Column("stories", sa.Integer, nullable=False),
        sa.Column("negative", sa.Integer, nullable=False),
        sa.Column("positive", sa.Integer, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("model_version", "series", "starts_at", name="pk_windows"),
    )
    op.create_index("ix_windows_starts_at", "windows", ["starts_at"])
    op.create_table(
        "writer",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("clock", UtcTime, nullable=True),
        sa.Column("beat_at", UtcTime, nullable=True),
        sa.Column("late_items", sa.BigInteger, nullable=False),
        sa.Column("shape", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_writer"),
    )
    op.create_table(
        "alert_events",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("alert", sa.String(32), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_alert_events"),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name="fk_alert_events_alert_alerts", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_events_alert", "alert_events", ["alert"])
    op.create_table(
        "items",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=True),
        sa.Column("entity", sa.Text, nullable=True),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("event_at", UtcTime, nullable=False),
        sa.Column("published_at", UtcTime, nullable=True),
        sa.Column("ingested_at", UtcTime, nullable=False),
        sa.Column("story", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_items"),
        sa.ForeignKeyConstraint(["story"], ["stories.key"], name="fk_items_story_stories"),
        sa.UniqueConstraint("number", name="uq_items_number"),
    )
    op.create_index("ix_items_event_at", "items", ["event_at"])
    op.create_index("ix_items_ingested_at", "items", ["ingested_at"])
    op.create_index("ix_items_story", "items", ["story"])
    op.create_table(
        "outbox",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("alert", sa.String(32), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("delivered_at", UtcTime, nullable=True),
        sa.Column("given_up_at", UtcTime, nullable=True),
        sa.Column("last_error", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name="fk_outbox_alert_alerts", ondelete="CASCADE"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_alert", "outbox", ["alert"])
    op.create_index("ix_outbox_next_at", "outbox", ["next_at"])
    op.create_table(
        "scores",
        sa.Column("item", sa.String(32), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("company", sa.Text, nullable=False),
        sa.Column("sentiment", sa.String(16), nullable=True),
        sa.Column("negative", sa.Float, nullable=True),
        sa.Column("positive", sa.Float, nullable=True),
        sa.Column("topics", Json, nullable=False),
        sa.PrimaryKeyConstraint("item", "model_version", "company", name="pk_scores"),
        sa.ForeignKeyConstraint(["item"], ["items.key"], name="fk_scores_item_items", ondelete="CASCADE"),
    )
    op.create_table(
        "vectors",
        sa.Column("item", sa.String(32), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("event_at", UtcTime, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("item", "model_version", name="pk_vectors"),
        sa.ForeignKeyConstraint(["item"], ["items.key"], name="fk_vectors_item_items", ondelete="CASCADE"),
    )
    op.create_index("ix_vectors_event_at", "vectors", ["event_at"])
    op.execute("INSERT INTO writer (id, epoch, late_items) VALUES (1, 0, 0)")

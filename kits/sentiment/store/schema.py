"""The monitor's tables. What changes them: ``store.py``; what makes them: ``migrations``.

    feeds ──▶ items ──▶ scores, vectors   what came in, and what the model reads in it
                └────▶ stories            reprints of one story, counted once
    inbox, dead_letters                   not yet, and never to be, an item
    models, model_requests, windows       counts per model version, series and window
    alerts ──▶ alert_events, outbox       what was found, what happened to it, what is sent
    silences, feedback                    what people said
    api_keys                              who may ask
    writer                                the one process that takes items in, and its clock

A *series* is ``overall``, ``topic:NAME`` or ``company:NAME``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from core.store.column import Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what it calls INTEGER

feeds = Table(
    "feeds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("address", Text, nullable=False),  # without a password
    Column("cursor", Text),  # how far it was read; opaque to all but its feed
    Column("items", BigInteger, nullable=False, default=0),
    Column("dead", BigInteger, nullable=False, default=0),
    Column("last_item_at", UtcTime),
    Column("last_ok_at", UtcTime),
    Column("last_error_at", UtcTime),
    Column("last_error", Text),
)
inbox = Table(
    "inbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("record", Json, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("feed", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    sqlite_autoincrement=True,
)
stories = Table(
    "stories",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("lead_item", String(32), nullable=False),  # the earliest by event time, then by key
    Column("title", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("first_at", UtcTime, nullable=False, index=True),  # event time of the lead
    Column("last_at", UtcTime, nullable=False, index=True),
    Column("items", Integer, nullable=False),  # its reach: how often it was printed
    Column("sources", Integer, nullable=False),  # by how many publishers
)
items = Table(
    "items",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),  # in which order they were taken in
    Column("feed", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("url", Text),
    Column("entity", Text),
    Column("language", String(8), nullable=False),
    Column("event_at", UtcTime, nullable=False, index=True),
    Column("published_at", UtcTime),
    Column("ingested_at", UtcTime, nullable=False, index=True),
    Column("story", String(32), ForeignKey("stories.key"), nullable=False, index=True),
)
scores = Table(
    "scores",
    metadata,
    Column("item", String(32), ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("model_version", String(64), primary_key=True),
    Column("company", Text, primary_key=True),  # "": the item as a whole
    Column("sentiment", String(16)),
    Column("negative", Float),  # calibrated probability
    Column("positive", Float),
    Column("topics", Json, nullable=False),  # {topic: probability}, those above their threshold
)
vectors = Table(  # kept only as long as stories are compared
    "vectors",
    metadata,
    Column("item", String(32), ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("model_version", String(64), primary_key=True),
    Column("event_at", UtcTime, nullable=False, index=True),  # of the item
    Column("vector", LargeBinary, nullable=False),  # (dimensions,) float16, of length one
)
models = Table(
    "models",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("folder", Text, nullable=False),
    Column("state", String(16), nullable=False),  # shadow | active | retired
    Column("since", UtcTime, nullable=False),
    Column("errors", Json, nullable=False),  # how often it errs on negative news; see reading.ErrorRates
)
model_requests = Table(
    "model_requests",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("folder", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Column("answer", Text),  # the version that became active, or why none did
    sqlite_autoincrement=True,
)
windows = Table(
    "windows",
    metadata,
    Column("model_version", String(64), primary_key=True),
    Column("series", Text, primary_key=True),
    Column("starts_at", UtcTime, primary_key=True),
    Column("stories", Integer, nullable=False),  # whose lead falls into the window
    Column("negative", Integer, nullable=False),  # negative ones of them
    Column("positive", Integer, nullable=False),
    Column("items", Integer, nullable=False),  # with reprints
    Index("ix_windows_starts_at", "starts_at"),
)
alerts = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),  # follows from series and window, so a replay gives the same
    Column("series", Text, nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # volume | share
    Column("severity", String(16), nullable=False),  # warning | critical
    Column("state", String(16), nullable=False, index=True),  # firing | acknowledged | resolved | withdrawn
    Column("starts_at", UtcTime, nullable=False),  # start of the first window that surged
    Column("last_window_at", UtcTime, nullable=False),  # start of the last one
    Column("opened_at", UtcTime, nullable=False, index=True),  # when the monitor's clock saw it
    Column("acknowledged_at", UtcTime),
    Column("acknowledged_by", Text),
    Column("resolved_at", UtcTime),
    Column("escalated_at", UtcTime),
    Column("muted", Text),  # why nobody is told: "silence 3", "inhibited by ID", "quiet hours"; None: they are
    Column("verdict", String(16)),  # true | false, as people said
    Column("model_version", String(64), nullable=False),
    Column("evidence", Json, nullable=False),
)
alert_events = Table(
    "alert_events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("alert", String(32), ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("what", String(32), nullable=False),  # opened extended acknowledged escalated resolved withdrawn verdict …
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),  # "monitor" or a person
    Column("comment", Text, nullable=False, default=""),
    sqlite_autoincrement=True,
)
outbox = Table(
    "outbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("key", String(64), nullable=False),  # the Idempotency-Key: follows from alert, event and channel
    Column("alert", String(32), ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("what", String(32), nullable=False),  # opened escalated resolved withdrawn
    Column("payload", Json, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", UtcTime, nullable=False, index=True),
    Column("delivered_at", UtcTime),
    Column("given_up_at", UtcTime),
    Column("last_error", Text),
    UniqueConstraint("key"),
    sqlite_autoincrement=True,
)
silences = Table(
    "silences",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("matchers", Json, nullable=False),  # {"series": glob, "severity": name, …}: all must match
    Column("starts_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("ended_at", UtcTime),
    sqlite_autoincrement=True,
)
feedback = Table(
    "feedback",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("alert", String(32), index=True),
    Column("item", String(32), index=True),
    Column("verdict", String(16), nullable=False),  # true | false alarm; or the right sentiment of an item
    Column("comment", Text, nullable=False, default=""),
    sqlite_autoincrement=True,
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
writer = Table(
    "writer",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("epoch", BigInteger, nullable=False),  # counts the starts; who holds an older one may not write any more
    Column("clock", UtcTime),  # the monitor's; behind the wall's when a recorded stream was replayed
    Column("beat_at", UtcTime),  # last sign of life
    Column("late_items", BigInteger, nullable=False),  # came when their window was final
    Column("shape", Text),  # length and lateness of the windows as counted
)

"""The recommender's tables. What changes them: ``store.py``; what makes them: ``migrations``.

    events        what users did and were shown, with the propensity of what was drawn
    impressions   the lists: to whom, when, in which bucket, by which model
    items         what came or changed since the model was trained, with its vector
    erasures      users that asked to be forgotten, as digests
    models        which folder serves, which is to, and what came of those before
    api_keys      who may ask
    log           one row: the number of the latest change

Each change of events, items and erasures has a number, given out under a lock and in the order of
the commits: whoever has seen everything up to a number misses nothing below it. The columns of
``events`` and ``items`` have the names that the verb ``train`` reads.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

from core.store.column import Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("key", String(64), unique=True),  # the sender's own; the same one twice is one event
    Column("user_id", String(128), nullable=False),
    Column("item_id", String(128), nullable=False),
    Column("event", String(16), nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("received_at", UtcTime, nullable=False),
    Column("impression_id", String(64)),
    Column("position", Integer),
    Column("value", Float),
    Column("propensity", Float),
    Index(None, "user_id", "number"),
)
impressions = Table(
    "impressions",
    metadata,
    Column("impression_id", String(64), primary_key=True),
    Column("user_id", String(128), nullable=False, index=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("experiment", String(64), nullable=False, default=""),
    Column("bucket", String(64), nullable=False, default=""),
    Column("model_version", String(64), nullable=False),
    Column("explored", Integer, nullable=False, default=0),  # places that were drawn
)
items = Table(
    "items",
    metadata,
    Column("item_id", String(128), primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", Text, nullable=False),  # joined by ;
    Column("category", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("published_at", UtcTime),
    Column("available", String(3), nullable=False),  # yes | no: withdrawn
    Column("changed", BigInteger, nullable=False, index=True),
    Column("encoder", String(64)),  # version of the model whose vector it is
    Column("vector", LargeBinary),  # float32, little-endian
)
erasures = Table(
    "erasures",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False, unique=True),  # sha256 of the user id
    Column("at", UtcTime, nullable=False),
)
models = Table(
    "models",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("folder", Text, nullable=False),
    Column("version", String(64)),
    Column("state", String(16), nullable=False, index=True),  # wanted | active | retired | failed
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("answer", Text),
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
log = Table(
    "log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("last", BigInteger, nullable=False),
)

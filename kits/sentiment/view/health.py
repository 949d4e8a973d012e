"""Whether everything works: feeds, what could not be read, what waits, what was sent, and the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from kits.sentiment.store.schema import (
    dead_letters,
    feedback,
    feeds,
    inbox,
    items,
    model_requests,
    models,
    outbox,
    writer,
)

State = Literal["ok", "failing", "waiting"]


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed, with the attributes of its row, and whether it works."""

    name: str
    address: str
    items: int
    dead: int
    last_item_at: datetime | None
    last_ok_at: datetime | None
    last_error_at: datetime | None
    last_error: str | None

    @property
    def state(self) -> State:
        """``failing`` if its last look failed, ``waiting`` before the first."""
        if self.last_error_at is not None and (self.last_ok_at is None or self.last_error_at > self.last_ok_at):
            return "failing"
        return "waiting" if self.last_ok_at is None else "ok"


@dataclass(frozen=True, slots=True)
class DeadView:
    """A record that could not become an item."""

    number: int
    feed: str
    place: str
    reason: str
    raw: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """How the monitor fares.

    Attributes:
        feeds: By name.
        beat_at: Its last sign of life.
        items: Taken in so far.
        late_items: That came when their window was final.
        inbox: Posted and not yet taken in.
        unsent: Messages on their way.
        given_up: Messages that could not be delivered.
    """

    feeds: tuple[FeedView, ...]
    beat_at: datetime | None
    items: int
    late_items: int
    inbox: int
    unsent: int
    given_up: int


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model version, with the attributes of its row."""

    version: str
    folder: str
    state: str
    since: datetime
    errors: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """That someone wants another model, and what came of it."""

    number: int
    folder: str
    by: str
    at: datetime
    done_at: datetime | None
    answer: str | None


def read_health(connection: Connection) -> Health:
    """How the monitor fares."""
    wanted = [feeds.c[field.name] for field in fields(FeedView)]
    found = tuple(FeedView(*row) for row in connection.execute(select(*wanted).order_by(feeds.c.name)))
    row = connection.execute(select(writer.c.beat_at, writer.c.late_items)).first()

    def count(query: Any) -> int:
        return int(connection.execute(query).scalar() or 0)

    waiting = select(func.count()).select_from(outbox).where(outbox.c.delivered_at.is_(None))
    return Health(
        found,
        row.beat_at if row else None,
        count(select(func.max(items.c.number))),
        row.late_items if row else 0,
        count(select(func.count()).select_from(inbox)),
        count(waiting.where(outbox.c.given_up_at.is_(None))),
        count(waiting.where(outbox.c.given_up_at.is_not(None))),
    )


def list_dead(connection: Connection, limit: int) -> list[DeadView]:
    """The latest records that could not become items."""
    wanted = [dead_letters.c[field.name] for field in fields(DeadView)]
    query = select(*wanted).order_by(dead_letters.c.number.desc()).limit(limit)
    return [DeadView(*row) for row in connection.execute(query)]


def list_models(connection: Connection) -> list[ModelView]:
    """All model versions, the latest first."""
    query = select(*(models.c[field.name] for field in fields(ModelView))).order_by(models.c.since.desc())
    return [ModelView(*row) for row in connection.execute(query)]


def list_requests(connection: Connection, limit: int = 10) -> list[ModelRequest]:
    """The latest wishes for another model."""
    wanted = [model_requests.c[field.name] for field in fields(ModelRequest)]
    query = select(*wanted).order_by(model_requests.c.number.desc()).limit(limit)
    return [ModelRequest(*row) for row in connection.execute(query)]


def count_feedback(connection: Connection) -> dict[str, int]:
    """How many verdicts there are on alerts, by verdict, and corrections of items."""
    query = select(feedback.c.alert.is_not(None), feedback.c.verdict, func.count()).group_by(
        feedback.c.alert.is_not(None), feedback.c.verdict
    )
    found = {"true": 0, "false": 0, "corrections": 0}
    for is_alert, verdict, count in connection.execute(query):
        found[verdict if is_alert else "corrections"] += count
    return found

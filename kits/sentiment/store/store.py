"""What the monitor keeps: each change is one transaction, by the one process that may write.

A writer proves in each transaction that it still is the one: the newest start wins, and an older
one is refused from then on. Feedback, silences and what is posted are written by other processes.
What a start needs to go on is read by ``recall.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from core.errors import StoreError
from core.store.database import migrate, open_database, reading, show_address, transaction
from core.store.upsert import insert_absent, upsert
from kits.sentiment.item import DeadLetter
from kits.sentiment.step import BEGINNING, Placed, Step
from kits.sentiment.store.schema import (
    dead_letters,
    feeds,
    inbox,
    items,
    model_requests,
    models,
    scores,
    stories,
    vectors,
    windows,
    writer,
)
from kits.sentiment.story.card import StoryRow
from kits.sentiment.surge.signal import WindowCount

MIGRATIONS = Path(__file__).with_name("migrations")
KEYS_PER_QUERY = 500
Values = dict[str, Any]


class Superseded(StoreError):
    """Another monitor has started on the same database."""


@dataclass(frozen=True, slots=True)
class FeedProgress:
    """How far a feed was read with one transaction.

    Attributes:
        name: Of the feed.
        address: Where it comes from, without a password.
        cursor: Where to go on.
        items: New ones.
        dead: Records that could not become items.
        at: The monitor's clock.
    """

    name: str
    address: str
    cursor: str | None
    items: int
    dead: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """The model whose counts are kept.

    Attributes:
        version: Of the model and the watch list.
        folder: Where it lay when it became active.
        shape: Of the windows that were counted.
    """

    version: str
    folder: str
    shape: str | None


def open_store(address: str) -> MonitorStore:
    """Open a database and bring its tables up to date.

    Args:
        address: ``sqlite:///FILE`` or ``postgresql+psycopg://…``.

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
    return MonitorStore(engine)


class MonitorStore:
    """The tables of one monitor.

    Args:
        engine: Whose tables are up to date; ``open_store`` sees to it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return show_address(self.engine)

    def take_over(self) -> int:
        """Become the writer; whoever was it can write no more.

        Returns:
            The number by which ``writing`` knows this writer.
        """
        with transaction(self.engine) as connection:
            connection.execute(update(writer).values(epoch=writer.c.epoch + 1))
            return int(connection.execute(select(writer.c.epoch)).scalar_one())

    @contextmanager
    def writing(self, epoch: int) -> Iterator[Connection]:
        """One transaction of the writer.

        Raises:
            Superseded: Another one has taken over.
        """
        with transaction(self.engine) as connection:
            mine = connection.execute(update(writer).where(writer.c.epoch == epoch).values(beat_at=datetime.now(UTC)))
            if mine.rowcount != 1:
                raise Superseded("another monitor has started on this database", where=self.address, fix="run one only")
            yield connection

    def clock(self) -> datetime | None:
        """The monitor's clock: until when everything due has happened; None before the first item."""
        with reading(self.engine) as connection:
            return connection.execute(select(writer.c.clock)).scalar()

    def cursor(self, feed: str) -> str | None:
        """How far a feed was read."""
        with reading(self.engine) as connection:
            return connection.execute(select(feeds.c.cursor).where(feeds.c.name == feed)).scalar()

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose items have been taken in already."""
        found: set[str] = set()
        with reading(self.engine) as connection:
            for start in range(0, len(keys), KEYS_PER_QUERY):
                asked = keys[start : start + KEYS_PER_QUERY]
                found.update(connection.execute(select(items.c.key).where(items.c.key.in_(asked))).scalars())
        return found

    def put_inbox(self, records: Sequence[Mapping[str, Any]], at: datetime) -> None:
        """Keep records that were posted until the monitor takes them in; all or none."""
        if records:
            with transaction(self.engine) as connection:
                connection.execute(insert(inbox), [{"record": dict(one), "received_at": at} for one in records])

    def request_model(self, folder: str, by: str, at: datetime) -> None:
        """Ask the monitor to go over to another model."""
        with transaction(self.engine) as connection:
            connection.execute(insert(model_requests).values(folder=folder, by=by, at=at))

    def next_request(self) -> tuple[int, str] | None:
        """Number and folder of the model that was asked for last and not yet answered; earlier ones are void."""
        waiting = select(model_requests.c.number, model_requests.c.folder).where(model_requests.c.done_at.is_(None))
        with reading(self.engine) as connection:
            row = connection.execute(waiting.order_by(model_requests.c.number.desc()).limit(1)).first()
        return None if row is None else (row.number, row.folder)

    def answer_request(self, number: int, answer: str, at: datetime) -> None:
        """Say what became of a request for another model, and of those before it."""
        before = update(model_requests).where(model_requests.c.number <= number, model_requests.c.done_at.is_(None))
        with transaction(self.engine) as connection:
            connection.execute(before.values(done_at=at, answer=answer))

    def active_model(self) -> ActiveModel | None:
        """The model whose counts are kept; None before the first start."""
        shape = select(writer.c.shape).scalar_subquery()
        wanted = select(models.c.version, models.c.folder, shape).where(models.c.state == "active")
        with reading(self.engine) as connection:
            row = connection.execute(wanted).first()
        return None if row is None else ActiveModel(*row)

    def note_failure(self, feed: str, address: str, reason: str, at: datetime) -> None:
        """Remember that a feed could not be read."""
        row = {"name": feed, "address": address, "last_error": reason, "last_error_at": at}
        with transaction(self.engine) as connection:
            upsert(connection, feeds, [row])


def save_step(connection: Connection, step: Step, version: str) -> None:
    """Write what a step made, except what becomes of its signals.

    Args:
        connection: Inside a transaction of the writer.
        step: Of a pipeline; steps are saved in order.
        version: Of the model that read its items.
    """
    upsert(connection, stories, [_values(row) for row in step.stories])
    if step.placed:
        connection.execute(insert(items), [_item_row(placed) for placed in step.placed])
        save_readings(connection, step.placed, version)
    upsert(connection, windows, [{"model_version": version} | _values(count) for count in step.windows])
    late = writer.c.late_items + step.late_items
    clock = {"clock": step.clock} if step.clock > BEGINNING else {}
    connection.execute(update(writer).values(late_items=late, **clock))


def save_readings(connection: Connection, placed: Iterable[Placed], version: str) -> None:
    """Write what a model read in items, and their vectors."""
    read = list(placed)
    connection.execute(insert(scores), [row for one in read for row in _score_rows(one, version)])
    kept = [
        {
            "item": one.item.key,
            "model_version": version,
            "event_at": one.item.event_at,
            "vector": one.vector.tobytes(),
        }
        for one in read
        if one.vector is not None
    ]
    if kept:
        connection.execute(insert(vectors), kept)


def save_dead(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Write records that could not become items."""
    if letters:
        connection.execute(insert(dead_letters), [_values(letter) for letter in letters])


def move_feed(connection: Connection, progress: FeedProgress) -> None:
    """Note how far a feed was read."""
    insert_absent(connection, feeds, [{"name": progress.name, "address": progress.address}])
    values: Values = {
        "address": progress.address,
        "cursor": progress.cursor,
        "items": feeds.c["items"] + progress.items,
        "dead": feeds.c.dead + progress.dead,
        "last_ok_at": progress.at,
    }
    if progress.items:
        values["last_item_at"] = progress.at
    connection.execute(update(feeds).where(feeds.c.name == progress.name).values(values))


def empty_inbox(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove posted records that have become items or dead letters."""
    for start in range(0, len(numbers), KEYS_PER_QUERY):
        connection.execute(delete(inbox).where(inbox.c.number.in_(numbers[start : start + KEYS_PER_QUERY])))


def _values(row: StoryRow | WindowCount | DeadLetter) -> Values:
    """The fields of a row; ``asdict`` would copy each value, which took a fifth of all time."""
    return {name: getattr(row, name) for name in row.__slots__}


def _item_row(placed: Placed) -> Values:
    item = placed.item
    return {
        "key": item.key,
        "number": placed.number,
        "feed": item.feed,
        "source": item.source,
        "title": item.title,
        "body": item.body,
        "url": item.url,
        "entity": item.entity,
        "language": item.language,
        "event_at": item.event_at,
        "published_at": item.published_at,
        "ingested_at": item.ingested_at,
        "story": placed.story,
    }


def _score_rows(placed: Placed, version: str) -> Iterator[Values]:
    """The row of the item as a whole, and one for each company in it."""
    reading = placed.reading
    judged = {"": reading.whole, **reading.companies}
    for company, judgement in judged.items():
        yield {
            "item": reading.item,
            "model_version": version,
            "company": company,
            "sentiment": judgement.sentiment,
            "negative": judgement.negative,
            "positive": judgement.positive,
            "topics": {} if company else dict(reading.topics),
        }

"""Changes what the server keeps; each change is one transaction, and is numbered in the order of the commits.

What is in memory is made from here alone: ``Changes`` tells a reader everything after a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, tuple_, update

from core.store.database import migrate, open_database, reading, show_address, transaction
from core.store.upsert import insert_many, upsert
from kits.recommender.event import Event, Item
from kits.recommender.store.schema import erasures, events, impressions, items, log, models

MIGRATIONS = Path(__file__).with_name("migrations")
KEYS_PER_QUERY = 500
ROWS_PER_FETCH = 2_000
ROWS_PER_STEP = 500
Floats = NDArray[np.float32]
_HAPPENED = (  # number, and an ``Event`` in the order of its fields
    *(events.c.number, events.c.user_id, events.c.item_id, events.c.event, events.c.at),
    *(events.c.impression_id, events.c.position, events.c.value, events.c.propensity),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A list as it was served; its items are events of the kind ``show``."""

    impression_id: str
    user_id: str
    at: datetime
    experiment: str
    bucket: str
    model_version: str
    item_ids: tuple[str, ...]
    propensities: tuple[float, ...]
    explored: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after a number, as of one moment.

    Attributes:
        last: Number of the latest change; go on from here.
        items: Items that came or changed, with their vector where one of the asked encoder is kept.
        events: In the order of their numbers.
        erased: Digests of the users that were erased, each with its number.
    """

    last: int
    items: tuple[tuple[Item, Floats | None], ...]
    events: tuple[tuple[int, Event], ...]
    erased: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows went with a user."""

    events: int
    impressions: int


def open_store(address: str) -> RecommenderStore:
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
    return RecommenderStore(engine)


def digest_user(user_id: str) -> str:
    """What is kept of a user that was erased."""
    return hashlib.sha256(user_id.encode()).hexdigest()


class RecommenderStore:
    """The tables of one recommender; may be used by many threads and processes.

    Args:
        engine: Whose tables are up to date; ``open_store`` sees to it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return show_address(self.engine)

    def put_events(self, given: Sequence[Event], keys: Sequence[str | None], at: datetime) -> int:
        """Keep events; all of them or, if it raises, none.

        Args:
            given: What happened.
            keys: The sender's own key of each; one that was kept before is not kept again.
            at: Now.

        Returns:
            How many were kept.
        """
        if not given:
            return 0
        with transaction(self.engine) as connection:
            number = _advance(connection, len(given)) - len(given)
            seen = _known_keys(connection, [key for key in keys if key is not None])
            rows = []
            for event, key in zip(given, keys, strict=True):
                number += 1
                if key is None or key not in seen:
                    rows.append(_event_row(event, number, key, at))
                    seen.add(key or "")
            if rows:
                connection.execute(insert(events), rows)
            return len(rows)

    def put_lists(self, lists: Sequence[Shown]) -> tuple[tuple[int, Event], ...]:
        """Keep lists that were served, and that their items were shown; but none of a user who was erased since.

        Returns:
            The events that were kept, with their numbers, as ``changes`` tells them.
        """
        if not lists:
            return ()
        with transaction(self.engine) as connection:
            number = _advance(connection, sum(len(one.item_ids) for one in lists))
            lists = _without_erased(connection, lists)
            number -= sum(len(one.item_ids) for one in lists)
            kept: list[tuple[int, Event]] = []
            for one in lists:
                for position, (item_id, chance) in enumerate(zip(one.item_ids, one.propensities, strict=True), start=1):
                    number += 1
                    shown = Event(one.user_id, item_id, "show", one.at, one.impression_id, position, None, chance)
                    kept.append((number, shown))
            insert_many(connection, impressions, [_list_row(one) for one in lists])
            insert_many(connection, events, [_event_row(event, place, None, event.at) for place, event in kept])
        return tuple(kept)

    def put_items(self, given: Sequence[Item], vectors: Floats | None, encoder: str) -> None:
        """Keep items; one with an id that is there takes the place of the old one.

        Args:
            given: The items, each id once.
            vectors: Of their texts ``(items, dimension)``.
            encoder: Version of the model that made them.
        """
        if not given:
            return
        with transaction(self.engine) as connection:
            first = _advance(connection, len(given)) - len(given) + 1
            rows = [_item_row(item, first + place) for place, item in enumerate(given)]
            for place, row in enumerate(rows):
                row["encoder"] = None if vectors is None else encoder
                row["vector"] = None if vectors is None else np.asarray(vectors[place], dtype="<f4").tobytes()
            upsert(connection, items, rows)

    def put_vectors(self, item_ids: Sequence[str], vectors: Floats, encoder: str) -> None:
        """Keep the vectors of items by another model, so that the next start need not read their texts."""
        with transaction(self.engine) as connection:
            for item_id, vector in zip(item_ids, vectors, strict=True):
                data = np.asarray(vector, dtype="<f4").tobytes()
                row = update(items).where(items.c.item_id == item_id)
                connection.execute(row.values(encoder=encoder, vector=data))

    def erase(self, user_id: str, at: datetime) -> Erased:
        """Delete all that is kept of a user; the digest of the id stays, so that older models forget the user, too."""
        with transaction(self.engine) as connection:
            number = _advance(connection, 1)
            gone = connection.execute(delete(events).where(events.c.user_id == user_id)).rowcount
            lists = connection.execute(delete(impressions).where(impressions.c.user_id == user_id)).rowcount
            digest = digest_user(user_id)
            connection.execute(delete(erasures).where(erasures.c.digest == digest))
            connection.execute(insert(erasures).values(number=number, digest=digest, at=at))
            return Erased(gone, lists)

    def delete_old(self, before: datetime) -> int:
        """Delete some of the events and lists from before an instant; 0: none is left."""
        with transaction(self.engine) as connection:
            return sum(_delete_some(connection, table, table.c.at < before) for table in (events, impressions))

    def changes(self, number: int, encoder: str) -> Changes:
        """Everything after a number, of one moment.

        Args:
            number: Of the latest change that is known.
            encoder: Version of the model whose vectors are wanted.
        """
        with reading(self.engine) as connection:
            last = int(connection.execute(select(log.c.last)).scalar_one())
            if last <= number:
                return Changes(last, (), (), ())
            changed = connection.execute(select(items).where(items.c.changed > number).order_by(items.c.changed))
            happened = select(*_HAPPENED).where(events.c.number > number).order_by(events.c.number)
            streamed = connection.execute(happened, execution_options={"yield_per": ROWS_PER_FETCH})
            gone = connection.execute(select(erasures).where(erasures.c.number > number).order_by(erasures.c.number))
            return Changes(
                last,
                tuple((item_of(row), _vector_of(row, encoder)) for row in changed),
                tuple((place, Event(*told)) for place, *told in streamed),
                tuple((row.number, row.digest) for row in gone),
            )

    def count(self) -> Mapping[str, int]:
        """How many events, lists and items are kept."""
        with reading(self.engine) as connection:
            return {
                table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for table in (events, impressions, items)
            }

    def want_model(self, folder: str, by: str, at: datetime) -> None:
        """Ask the server to go over to another model; earlier wishes are void."""
        with transaction(self.engine) as connection:
            void = update(models).where(models.c.state == "wanted")
            connection.execute(void.values(state="failed", answer="another one was asked for"))
            connection.execute(insert(models).values(folder=folder, state="wanted", by=by, at=at))

    def wanted_model(self) -> tuple[int, str] | None:
        """Number and folder of the model to go over to."""
        query = select(models.c.number, models.c.folder).where(models.c.state == "wanted")
        with reading(self.engine) as connection:
            row = connection.execute(query.order_by(models.c.number.desc()).limit(1)).first()
        return None if row is None else (row.number, row.folder)

    def active_model(self) -> str | None:
        """Folder of the model that serves; None before the first start."""
        serving = self.serving()
        return None if serving is None else serving[1]

    def serving(self) -> tuple[int, str] | None:
        """Number and folder of the model that serves: another number, another model, be the folder the same."""
        query = select(models.c.number, models.c.folder).where(models.c.state == "active")
        with reading(self.engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.number, row.folder)

    def activate_model(self, folder: str, version: str, at: datetime, number: int | None = None) -> None:
        """Note that a model serves.

        Args:
            folder: Where it lies.
            version: Of it.
            at: Now.
            number: Of the wish that is fulfilled; None at a start.
        """
        with transaction(self.engine) as connection:
            connection.execute(update(models).where(models.c.state == "active").values(state="retired"))
            values = {"folder": folder, "version": version, "state": "active"}
            if number is None:
                connection.execute(insert(models).values(**values, by="start", at=at))
            else:
                connection.execute(update(models).where(models.c.number == number).values(**values))

    def refuse_model(self, number: int, answer: str) -> None:
        """Note why a model could not serve."""
        with transaction(self.engine) as connection:
            failed = update(models).where(models.c.number == number)
            connection.execute(failed.values(state="failed", answer=answer))

    def list_models(self, limit: int = 20) -> list[Row[Any]]:
        """The latest models and wishes, the newest first."""
        with reading(self.engine) as connection:
            return list(connection.execute(select(models).order_by(models.c.number.desc()).limit(limit)))


def item_of(row: Row[Any]) -> Item:
    """The item of a row."""
    return Item(
        row.item_id,
        row.title,
        row.description,
        tuple(filter(None, row.tags.split(";"))),
        row.category,
        row.published_at,
        row.author,
        row.available == "yes",
    )


def _without_erased(connection: Connection, lists: Sequence[Shown]) -> list[Shown]:
    """Lists that were made after their user was last erased, if ever: another process may have done so meanwhile."""
    digests = {one.user_id: digest_user(one.user_id) for one in lists}
    query = select(erasures.c.digest, erasures.c.at).where(erasures.c.digest.in_(set(digests.values())))
    erased = {row.digest: row.at for row in connection.execute(query)}
    return [one for one in lists if digests[one.user_id] not in erased or one.at > erased[digests[one.user_id]]]


def _advance(connection: Connection, count: int) -> int:
    """Take numbers; who comes next waits until this transaction is over. The last of them."""
    taken = update(log).values(last=log.c.last + count).returning(log.c.last)
    return int(connection.execute(taken).scalar_one())


def _known_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), KEYS_PER_QUERY):
        asked = select(events.c.key).where(events.c.key.in_(keys[start : start + KEYS_PER_QUERY]))
        found.update(connection.execute(asked).scalars())
    return found


def _delete_some(connection: Connection, table: Any, condition: Any) -> int:
    keys = list(table.primary_key)
    chosen = [tuple(row) for row in connection.execute(select(*keys).where(condition).limit(ROWS_PER_STEP))]
    if chosen:
        connection.execute(delete(table).where(tuple_(*keys).in_(chosen)))
    return len(chosen)


def _event_row(event: Event, number: int, key: str | None, at: datetime) -> dict[str, Any]:
    return {
        "number": number,
        "key": key,
        "user_id": event.user_id,
        "item_id": event.item_id,
        "event": event.kind,
        "at": event.at,
        "received_at": at,
        "impression_id": event.impression_id,
        "position": event.position,
        "value": event.value,
        "propensity": event.propensity,
    }


def _list_row(one: Shown) -> dict[str, Any]:
    names = ("impression_id", "user_id", "at", "experiment", "bucket", "model_version", "explored")
    return {name: getattr(one, name) for name in names}


def _item_row(item: Item, changed: int) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "description": item.description,
        "tags": join_tags(item.tags),
        "category": item.category,
        "author": item.author,
        "published_at": item.published_at,
        "available": "yes" if item.is_available else "no",
        "changed": changed,
    }


def join_tags(tags: Iterable[str]) -> str:
    """Tags as one text.

    >>> join_tags(["tea;time", " sea "])
    'tea,time;sea'
    """
    return ";".join(tag.replace(";", ",").strip() for tag in tags if tag.strip())


def _vector_of(row: Row[Any], encoder: str) -> Floats | None:
    return np.frombuffer(row.vector, dtype="<f4") if row.vector is not None and row.encoder == encoder else None

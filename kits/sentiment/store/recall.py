"""Reads back what a start needs to go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from kits.sentiment.item import Item
from kits.sentiment.reading import Judgement, Reading
from kits.sentiment.step import Placed
from kits.sentiment.store.schema import alerts, items, scores, vectors, windows, writer
from kits.sentiment.surge.signal import KnownAlert, WindowCount

ROWS_PER_FETCH = 1000
_ITEM_FIELDS = tuple(field.name for field in fields(Item))


@dataclass(frozen=True, slots=True)
class Recalled:
    """An item as it is stored, and what one model version reads in it; None if it has not read it."""

    number: int
    item: Item
    story: str
    reading: Reading | None
    vector: NDArray[np.float16] | None


def writer_clock(connection: Connection) -> datetime | None:
    """The monitor's clock: until when everything due has happened; None before the first item."""
    return connection.execute(select(writer.c.clock)).scalar()


def known_alerts(connection: Connection, since: datetime) -> list[KnownAlert]:
    """Alerts that a new surge may belong to: those that surged since then, and the latest of each series."""
    wanted = [alerts.c[field.name] for field in fields(KnownAlert)]
    other = alerts.alias()
    latest = select(func.max(other.c.last_window_at)).where(
        other.c.series == alerts.c.series, other.c.state != "withdrawn"
    )
    is_near = or_(alerts.c.last_window_at >= since, alerts.c.last_window_at == latest.scalar_subquery())
    query = select(*wanted).where(alerts.c.state != "withdrawn", is_near)
    return [KnownAlert(**row._mapping) for row in connection.execute(query.order_by(alerts.c.starts_at, alerts.c.id))]


def last_number(connection: Connection) -> int:
    """Number of the item that was taken in last; 0 before the first."""
    return connection.execute(select(func.max(items.c.number))).scalar() or 0


def window_counts(connection: Connection, version: str, since: datetime) -> Iterator[WindowCount]:
    """The counts of a model version in windows that start at ``since`` or later."""
    wanted = [windows.c[field.name] for field in fields(WindowCount)]
    query = select(*wanted).where(windows.c.model_version == version, windows.c.starts_at >= since)
    query = query.order_by(windows.c.starts_at, windows.c.series)
    return (WindowCount(**row._mapping) for row in _stream(connection, query))


def first_window(connection: Connection, version: str) -> datetime | None:
    """Start of the first window that has a count of a model version."""
    return connection.execute(select(func.min(windows.c.starts_at)).where(windows.c.model_version == version)).scalar()


def open_stories(connection: Connection, version: str, horizon: datetime) -> Iterator[Placed]:
    """All items of the stories that items may still join, in the order of arrival.

    Args:
        connection: To read from.
        version: Whose readings; an item without one is left out.
        horizon: A story with an item since then may still grow.
    """
    growing = select(items.c.story).where(items.c.event_at >= horizon)
    for one in _recalled(connection, version, items.c.story.in_(growing)):
        if one.reading is not None:
            yield Placed(one.number, one.item, one.story, one.reading, one.vector)


def items_after(
    connection: Connection, version: str, number: int, since: datetime, limit: int
) -> list[Recalled]:
    """The next items in the order of arrival, read by that version or not.

    Args:
        connection: To read from.
        version: Whose readings.
        number: Of the last item that is known already.
        since: Items that happened earlier are passed over.
        limit: Not more than so many.
    """
    after = select(items.c.number).where(items.c.number > number, items.c.event_at >= since)
    wanted = after.order_by(items.c.number).limit(limit).subquery()
    return list(_recalled(connection, version, items.c.number.in_(select(wanted.c.number))))


def _recalled(connection: Connection, version: str, condition: ColumnElement[bool]) -> Iterator[Recalled]:
    own_score = and_(scores.c.item == items.c.key, scores.c.model_version == version)
    own_vector = and_(vectors.c.item == items.c.key, vectors.c.model_version == version, scores.c.company == "")
    read = (scores.c.company, scores.c.sentiment, scores.c.negative, scores.c.positive, scores.c.topics)
    query = (
        select(items.c.number, items.c.story, *(items.c[name] for name in _ITEM_FIELDS), *read, vectors.c.vector)
        .select_from(items.outerjoin(scores, own_score).outerjoin(vectors, own_vector))
        .where(condition)
        .order_by(items.c.number, scores.c.company)
    )
    for _, rows in groupby(_stream(connection, query), key=lambda row: row[0]):
        yield _from_rows(list(rows))


def _from_rows(rows: list[Row[Any]]) -> Recalled:
    """One item out of its rows: the first is of the item as a whole, the others of companies in it."""
    whole = rows[0]
    number, story, *values = whole[: 2 + len(_ITEM_FIELDS)]
    item = Item(*values)
    if whole.company is None:
        return Recalled(number, item, story, None, None)
    judged = {row.company: Judgement(row.sentiment, row.negative, row.positive) for row in rows}
    reading = Reading(item.key, judged.pop(""), whole.topics, judged)
    return Recalled(number, item, story, reading, None if whole.vector is None else np.frombuffer(whole.vector, "<f2"))


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    return iter(connection.execute(query, execution_options={"yield_per": ROWS_PER_FETCH}))

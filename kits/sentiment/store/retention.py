"""Deletes what is too old, a little at a time, so that nothing has to wait for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, or_, select, tuple_

from kits.sentiment.store.schema import alerts, dead_letters, items, model_requests, silences, stories, vectors, windows

STEP_ROWS = 500
_OVER = ("resolved", "withdrawn")


def delete_old(connection: Connection, before: datetime, compared_before: datetime) -> int:
    """Take one step; what people said of alerts and items is kept for ever.

    Args:
        connection: Inside a transaction of the writer.
        before: What is older goes, with all that hangs on it; open alerts stay.
        compared_before: Vectors of items that happened earlier go: no item is compared with them any more.

    Returns:
        How many rows were deleted; 0: nothing old is left.
    """
    is_empty = ~exists().where(items.c.story == stories.c.key)
    conditions: tuple[tuple[Table, ColumnElement[bool]], ...] = (
        (vectors, vectors.c.event_at < compared_before),
        (items, items.c.ingested_at < before),
        (stories, (stories.c.last_at < before) & is_empty),
        (windows, windows.c.starts_at < before),
        (alerts, (alerts.c.opened_at < before) & alerts.c.state.in_(_OVER)),
        (dead_letters, dead_letters.c.at < before),
        (model_requests, model_requests.c.done_at < before),
        (silences, or_(silences.c.ended_at < before, silences.c.until < before)),
    )
    return sum(_delete_some(connection, table, condition) for table, condition in conditions)


def _delete_some(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    keys = list(table.primary_key)
    chosen = [tuple(row) for row in connection.execute(select(*keys).where(condition).limit(STEP_ROWS))]
    if chosen:
        connection.execute(delete(table).where(tuple_(*keys).in_(chosen)))
    return len(chosen)

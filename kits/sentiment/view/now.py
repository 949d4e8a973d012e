"""The monitor's present: its clock, its model, the length of its windows, and whether it is at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from kits.sentiment.store.schema import alert_events, feeds, items, models, silences, writer

AT_WORK_SECONDS = 120.0
IS_RECORDED_HOURS = 6.0


@dataclass(frozen=True, slots=True)
class Now:
    """As of when everything is shown.

    Attributes:
        clock: The monitor's, or the time of day before it has one.
        version: Of the model whose readings count; None before the first.
        is_running: The monitor has given a sign of life lately.
        is_recorded: The clock is far behind the time of day: a recorded stream was replayed.
    """

    clock: datetime
    version: str | None
    is_running: bool
    is_recorded: bool

    def ago(self, **span: float) -> datetime:
        """So long before the clock."""
        return self.clock - timedelta(**span)


def read_now(connection: Connection, wall: datetime) -> Now:
    """The monitor's present.

    Args:
        connection: To read from.
        wall: The time of day.
    """
    row = connection.execute(select(writer.c.clock, writer.c.beat_at)).first()
    clock, beat_at = (row.clock, row.beat_at) if row else (None, None)
    version = connection.execute(
        select(models.c.version).where(models.c.state == "active").order_by(models.c.since.desc())
    ).scalar()
    is_running = beat_at is not None and (wall - beat_at).total_seconds() < AT_WORK_SECONDS
    is_recorded = clock is not None and wall - clock > timedelta(hours=IS_RECORDED_HOURS)
    # Live, time goes on between two items too.
    shown = clock if clock is not None and (is_recorded or not is_running) else wall
    return Now(shown, version, is_running, is_recorded)


def read_version(connection: Connection) -> tuple[object, ...]:
    """Changes whenever something that is shown has changed; cheap enough to be asked every second."""
    parts = (
        select(func.max(items.c.number)).scalar_subquery(),
        select(func.sum(feeds.c.dead)).scalar_subquery(),
        select(func.max(feeds.c.last_error_at)).scalar_subquery(),
        select(func.max(alert_events.c.number)).scalar_subquery(),
        select(func.max(silences.c.number)).scalar_subquery(),
        select(func.max(silences.c.ended_at)).scalar_subquery(),
        select(func.max(models.c.since)).scalar_subquery(),
    )
    return tuple(connection.execute(select(*parts)).one())

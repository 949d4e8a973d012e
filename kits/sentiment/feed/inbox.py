"""What was posted over HTTP and waits in the database, as a feed.

Rows are deleted by the same transaction that keeps their items: ``Batch.remove`` names them.
"""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from core.store.database import reading
from kits.sentiment.feed.record import Batch, DeadRecord, FeedError, Record
from kits.sentiment.store.schema import inbox

PAUSE_SECONDS = 0.2


class InboxFeed:
    """The records in the table ``inbox``, in the order in which they were posted.

    Args:
        engine: Of the monitor's database.
    """

    name = address = "inbox"
    pause_seconds = PAUSE_SECONDS

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Read what waits; the cursor stays as it is, since what was kept is gone.

        Raises:
            FeedError: The database does not answer.
        """
        wanted = select(inbox.c.number, inbox.c.record).order_by(inbox.c.number).limit(limit)
        try:
            with reading(self._engine) as connection:
                rows = connection.execute(wanted).all()
        except SQLAlchemyError as error:
            raise FeedError(f"the database does not answer ({type(error).__name__})", where=self.name) from None
        records: list[Record | DeadRecord] = []
        for number, values in rows:
            place = f"{self.name}:{number}"
            if isinstance(values, dict):
                records.append(Record(values, place))
            else:
                records.append(DeadRecord(place, "is no object of names and values", str(values)))
        return Batch(tuple(records), cursor, len(rows) < limit, remove=tuple(row.number for row in rows))

    def close(self) -> None:
        """The database is the monitor's."""

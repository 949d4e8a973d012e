"""What happens, as it happens: new events of alerts, and that the numbers have changed.

The id of an event says how far its stream has told. On PostgreSQL a number is given out before
its row can be seen, so a higher one may be told while a lower one is on its way; the id therefore
also names the numbers that are still missing, and none is lost when a browser comes back.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from core.serve.events import Event, event_response
from core.store.database import reading
from kits.sentiment.serve.desk import At, Desk
from kits.sentiment.view.alerts import AlertEvent, count_open, events_after, last_event

router = APIRouter(tags=["live"])
PATH = "/events"
HEARTBEAT_SECONDS = 15.0
MOST_EVENTS = 200
MOST_MISSING = 50
_ID = re.compile(r"(\d{1,18})(?:~(\d{1,18}(?:,\d{1,18}){0,49}))?")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream has told.

    Attributes:
        last: The highest number told.
        missing: Lower ones that have not been seen yet.
    """

    last: int
    missing: tuple[int, ...] = ()

    @classmethod
    def parse(cls, id: str) -> Position | None:
        """The position of an event's id; None if it is none.

        >>> Position.parse("9~7,8")
        Position(last=9, missing=(7, 8))
        """
        match = _ID.fullmatch(id)
        if match is None:
            return None
        return cls(int(match[1]), tuple(int(number) for number in match[2].split(",")) if match[2] else ())

    def after(self, told: Sequence[int]) -> Position:
        """The position once further numbers are told.

        >>> Position(5).after([6, 9]).after([8])
        Position(last=9, missing=(7,))
        """
        last = max(self.last, *told, self.last)
        between = range(max(self.last, last - MOST_MISSING) + 1, last)
        missing = {*self.missing, *between} - {*told}
        return Position(last, tuple(sorted(number for number in missing if number >= last - MOST_MISSING)))

    def __str__(self) -> str:
        """The id."""
        return f"{self.last}~{','.join(map(str, self.missing))}" if self.missing else str(self.last)


@router.get(PATH, response_class=Response)
def events(desk: At, request: Request, last: str = "") -> Response:
    """Server-sent events: ``alert`` for what happened to an alert, ``change`` when numbers have changed.

    A client that comes back sends the id of the last event it has seen as ``Last-Event-ID`` or ``?last=``.
    """
    return event_response(_tell(desk, request, request.headers.get("last-event-id") or last))


async def _tell(desk: Desk, request: Request, last: str) -> AsyncIterator[Event | None]:
    position = Position.parse(last)
    async for is_changed in desk.pulse.changes(HEARTBEAT_SECONDS):
        if not await request.app.state.sign_in.is_known(request):
            return  # signed out, revoked or expired while it watched
        if not is_changed:
            yield None
            continue
        found, numbers, top = await run_in_threadpool(_read, desk, position)
        if position is None or position.last > top or len(found) == MOST_EVENTS:
            if position is not None:  # too long away, or another database: better to load the page anew
                yield Event("reset", {}, str(top))
            position = Position(top)
        else:
            for event in found:
                position = position.after([event.number])
                yield Event("alert", asdict(event), str(position))
        yield Event("change", numbers, str(position))


def _read(desk: Desk, position: Position | None) -> tuple[list[AlertEvent], dict[str, int], int]:
    with reading(desk.store.engine) as connection:
        found = events_after(connection, position.last, position.missing, MOST_EVENTS) if position else []
        return found, {"open": count_open(connection)}, last_event(connection)

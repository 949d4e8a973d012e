"""What people decide about alerts, items and models: one transaction each, for the API and the page alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from fastapi import HTTPException
from sqlalchemy import insert

from core.errors import DataError
from core.serve.key import Caller
from core.store.database import reading, transaction
from kits.sentiment.alert import action
from kits.sentiment.serve.desk import Desk
from kits.sentiment.store.schema import feedback, items
from kits.sentiment.view.alerts import AlertView, read_alert

Sentiment = Literal["negative", "neutral", "positive"]
Verdict = Literal["true", "false"]
MOST_SILENCE_HOURS = 24.0 * 90


def acknowledge(desk: Desk, caller: Caller, id: str, comment: str) -> AlertView:
    """Say that someone takes care of an alert.

    Raises:
        HTTPException: 404, there is none; 409, it is over.
    """
    with transaction(desk.store.engine) as connection:
        now = desk.now(connection)
        _find(read_alert(connection, id))
        try:
            action.acknowledge(connection, id, caller.name, now.clock, _plain(comment))
        except DataError as error:
            raise HTTPException(409, str(error)) from error
        return _find(read_alert(connection, id))


def judge(desk: Desk, caller: Caller, id: str, verdict: Verdict, comment: str) -> AlertView:
    """Say whether an alarm was true; kept to tune with.

    Raises:
        HTTPException: 404, there is none; 409, it cannot be judged.
    """
    with transaction(desk.store.engine) as connection:
        now = desk.now(connection)
        _find(read_alert(connection, id))
        try:
            action.judge(connection, id, verdict, caller.name, now.clock, _plain(comment))
        except DataError as error:
            raise HTTPException(409, str(error)) from error
        return _find(read_alert(connection, id))


def silence(desk: Desk, caller: Caller, id: str, hours: float, comment: str) -> int:
    """Let nobody be told of an alert's series for a while.

    Returns:
        The number of the silence.

    Raises:
        HTTPException: 404, there is no such alert; 422, no such length of time.
    """
    with reading(desk.store.engine) as connection:
        found = _find(read_alert(connection, id))
    # A series' name is a pattern here: what a pattern would read otherwise is put in brackets.
    pattern = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in found.series)
    return silence_matching(desk, caller, {"series": pattern}, hours, comment)


def silence_matching(desk: Desk, caller: Caller, matchers: Mapping[str, str], hours: float, comment: str) -> int:
    """Let nobody be told of some alerts for a while.

    Args:
        desk: What all routes share.
        caller: Who decides.
        matchers: Patterns for ``series``, ``severity``, ``kind`` that must all match.
        hours: From now on.
        comment: Why.

    Returns:
        The number of the silence.

    Raises:
        HTTPException: 422, no such length of time.
        DataError: They match everything, or what there is not.
    """
    if not 0 < hours <= MOST_SILENCE_HOURS:
        raise HTTPException(422, f"a silence lasts up to {MOST_SILENCE_HOURS:g} hours")
    with transaction(desk.store.engine) as connection:
        now = desk.now(connection).clock
        until = now + timedelta(hours=hours)
        return action.silence(connection, matchers, until, caller.name, _plain(comment), now)


def end_silence(desk: Desk, caller: Caller, number: int) -> None:
    """Let people be told again.

    Raises:
        HTTPException: 404, there is no such silence, or it is over.
    """
    with transaction(desk.store.engine) as connection:
        now = desk.now(connection)
        try:
            action.end_silence(connection, number, caller.name, now.clock)
        except DataError as error:
            raise HTTPException(404, str(error)) from error


def correct(desk: Desk, caller: Caller, item: str, sentiment: Sentiment, comment: str) -> str:
    """Say which sentiment an item really has; kept to train with.

    Returns:
        The key of its story.

    Raises:
        HTTPException: 404, there is no such item.
    """
    with transaction(desk.store.engine) as connection:
        row = connection.execute(items.select().where(items.c.key == item)).first()
        if row is None:
            raise HTTPException(404, "no such item")
        said = {"at": desk.now(connection).clock, "by": caller.name, "verdict": sentiment, "comment": _plain(comment)}
        connection.execute(insert(feedback).values(item=item, **said))
        return str(row.story)


def _find(alert: AlertView | None) -> AlertView:
    if alert is None:
        raise HTTPException(404, "no such alert")
    return alert


def _plain(comment: str) -> str:
    """Without what a database cannot keep."""
    return comment.replace("\0", "").strip()

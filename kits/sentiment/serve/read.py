"""The API's reading half: what the monitor knows, as JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic.dataclasses import dataclass

from core.store.database import reading
from kits.sentiment.serve.desk import MOST_DAYS, At, Instant
from kits.sentiment.view import alerts, health, stories
from kits.sentiment.view.overview import Overview, read_overview
from kits.sentiment.view.series import Series, parse_series
from kits.sentiment.view.timeline import Timeline, read_timeline

router = APIRouter(tags=["reading"])
Limit = Annotated[int, Query(ge=1, le=500)]
STORY_DAYS = 7


@dataclass(frozen=True)
class StoryDetail:
    """A story with the items that tell it."""

    story: stories.StoryView
    items: list[stories.ItemView]


@dataclass(frozen=True)
class AlertDetail:
    """An alert with what drives it, what happened to it, and who was told."""

    alert: alerts.AlertView
    stories: list[stories.StoryView]
    history: list[alerts.AlertEvent]
    deliveries: list[alerts.Delivery]


@dataclass(frozen=True)
class Models:
    """Model versions, wishes for another one, and what people said about what they read."""

    models: list[health.ModelView]
    requests: list[health.ModelRequest]
    feedback: dict[str, int]


@router.get("/overview")
def overview(desk: At) -> Overview:
    """Every series with its level, its trend and its alert."""
    with reading(desk.store.engine) as connection:
        now = desk.now(connection)
        return read_overview(connection, now, desk.window, desk.baseline.usual(connection, now))


@router.get("/series/{series:path}/timeline")
def timeline(desk: At, series: str, days: Annotated[float, Query(gt=0, le=MOST_DAYS)] = 7) -> Timeline:
    """Counts per window, with what is usual, and the alerts."""
    wanted = find_series(series)
    with reading(desk.store.engine) as connection:
        now = desk.now(connection)
        usual = desk.baseline.usual(connection, now)
        return read_timeline(connection, now, wanted.key, now.ago(days=days), desk.window, usual)


@router.get("/stories")
def list_stories(
    desk: At,
    series: str = "overall",
    sentiment: Literal["negative", "neutral", "positive"] | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
    after: str | None = None,
    limit: Limit = 50,
) -> list[stories.StoryView]:
    """Stories of a series, the latest first; of the last seven days if no time is given.

    For more of them, send the key of the last one as ``after``.
    """
    wanted = find_series(series)
    with reading(desk.store.engine) as connection:
        now = desk.now(connection)
        end = until or now.clock + timedelta(seconds=1)
        start = since or end - timedelta(days=STORY_DAYS)
        return stories.list_stories(
            connection, now.version, wanted, start, end, sentiment=sentiment, after=after, limit=limit
        )


@router.get("/stories/{key}")
def story(desk: At, key: str) -> StoryDetail:
    """A story with its items."""
    with reading(desk.store.engine) as connection:
        version = desk.now(connection).version
        found = stories.read_story(connection, version, key)
        if found is None:
            raise HTTPException(404, "no such story")
        return StoryDetail(found, stories.story_items(connection, version, key))


@router.get("/alerts")
def list_alerts(
    desk: At,
    state: Literal["open", "past"] = "open",
    after: str | None = None,
    limit: Limit = 100,
) -> list[alerts.AlertView]:
    """The open alerts, the most urgent first, or those that are over, the latest first.

    For more of the latter, send the id of the last one as ``after``.
    """
    with reading(desk.store.engine) as connection:
        if state == "open":
            return alerts.open_alerts(connection)[:limit]
        return alerts.past_alerts(connection, limit, after)


@router.get("/alerts/{id}")
def alert(desk: At, id: str) -> AlertDetail:
    """An alert with its evidence."""
    with reading(desk.store.engine) as connection:
        found = alerts.read_alert(connection, id)
        if found is None:
            raise HTTPException(404, "no such alert")
        series = parse_series(found.series) or Series("overall", "")
        told = stories.read_stories(connection, found.model_version, series, found.driving)
        return AlertDetail(found, told, alerts.alert_history(connection, id), alerts.deliveries(connection, id))


@router.get("/silences")
def list_silences(desk: At) -> list[alerts.Silence]:
    """The silences that hold or will hold."""
    with reading(desk.store.engine) as connection:
        return alerts.list_silences(connection, desk.now(connection).clock)


@router.get("/feeds")
def feeds(desk: At) -> health.Health:
    """The feeds and how the monitor fares."""
    with reading(desk.store.engine) as connection:
        return health.read_health(connection)


@router.get("/dead-letters")
def dead_letters(desk: At, limit: Limit = 50) -> list[health.DeadView]:
    """The latest records that could not become items."""
    with reading(desk.store.engine) as connection:
        return health.list_dead(connection, limit)


@router.get("/models")
def models(desk: At) -> Models:
    """Model versions, and what people said."""
    with reading(desk.store.engine) as connection:
        return Models(
            health.list_models(connection), health.list_requests(connection), health.count_feedback(connection)
        )


def find_series(key: str) -> Series:
    """The series of a path.

    Raises:
        HTTPException: 404, there is no such kind of series.
    """
    series = parse_series(key)
    if series is None:
        raise HTTPException(404, "no such series; expected overall, topic:NAME or company:NAME")
    return series

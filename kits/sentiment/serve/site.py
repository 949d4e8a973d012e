"""The page: every view is one template over plain data, rendered here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from sqlalchemy import Connection
from starlette.responses import HTMLResponse

from core.serve.clock import choose_zone, show_offset, time_shower
from core.serve.page import choose_language
from core.store.database import reading
from kits.sentiment.serve import words
from kits.sentiment.serve.chart import draw_spark, draw_timeline
from kits.sentiment.serve.desk import At, Desk
from kits.sentiment.serve.read import find_series
from kits.sentiment.view import alerts, health, stories
from kits.sentiment.view.now import Now
from kits.sentiment.view.overview import read_overview
from kits.sentiment.view.series import Series, parse_series
from kits.sentiment.view.timeline import read_timeline

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
SHOWN_STORIES, SHOWN_ALERTS, SHOWN_DEAD = 40, 30, 20
DAYS = (2, 7, 28)
BEFORE_ALERT, AFTER_ALERT = timedelta(days=2), timedelta(days=1)  # shown around an alert
Days = Annotated[int, Query(ge=1, le=28)]


def series_path(key: str) -> str:
    """Where a series has its page."""
    return f"/page/series/{quote(key)}"


HELPERS: dict[str, Any] = {"words": words, "draw_spark": draw_spark, "series_path": series_path}


class View:
    """What every page needs of one moment.

    Attributes:
        connection: To read from; one state of the database for the whole page.
        now: The monitor's present.
    """

    def __init__(self, desk: Desk, request: Request, connection: Connection) -> None:
        self._desk, self._request, self.connection = desk, request, connection
        self.now: Now = desk.now(connection)
        self.language = choose_language(request)
        self.zone = choose_zone(request)

    def render(self, template: str, page: str, **values: Any) -> HTMLResponse:
        """The page, with what its frame shows."""
        return self._desk.pages.render(
            self._request,
            template,
            page=page,
            now=self.now,
            zone=show_offset(self.now.clock.astimezone(self.zone)),
            when=time_shower(self.language, self.zone, datetime.now(UTC)),
            open_count=alerts.count_open(self.connection),
            can_write=self._request.scope["state"]["caller"].may("write"),
            can_admin=self._request.scope["state"]["caller"].may("admin"),
            here=self._request.url.path + (f"?{self._request.url.query}" if self._request.url.query else ""),
            **values,
        )


@contextmanager
def open_view(desk: Desk, request: Request) -> Iterator[View]:
    """Read one state of the database."""
    with reading(desk.store.engine) as connection:
        yield View(desk, request, connection)


@router.get("/")
def overview_page(desk: At, request: Request) -> HTMLResponse:
    """Every series in one look."""
    with open_view(desk, request) as view:
        usual = desk.baseline.usual(view.connection, view.now)
        found = read_overview(view.connection, view.now, desk.window, usual)
        days = desk.settings.surge.min_history_days
        return view.render("overview.html", "overview", overview=found, learning_days=math.ceil(days) + 1)


@router.get("/page/series/{series:path}")
def series_page(
    desk: At,
    request: Request,
    series: str,
    days: Days = 7,
    sentiment: Literal["negative", "all"] = "negative",
    after: str | None = None,
) -> HTMLResponse:
    """One series over time, and its stories."""
    wanted = find_series(series)
    with open_view(desk, request) as view:
        now, connection = view.now, view.connection
        usual = desk.baseline.usual(connection, now)
        timeline = read_timeline(connection, now, wanted.key, now.ago(days=days), desk.window, usual)
        found = stories.list_stories(
            connection, now.version, wanted, now.ago(days=days), now.clock + timedelta(seconds=1),
            sentiment=None if sentiment == "all" else sentiment, after=after, limit=SHOWN_STORIES + 1,
        )  # fmt: skip
        return view.render(
            "series.html",
            "overview",
            series=wanted.key,
            kind=wanted.kind,
            timeline=timeline,
            chart=draw_timeline(timeline, view.zone, view.language),
            current=next((alert for alert in timeline.alerts if alert.is_open), None),
            stories=found[:SHOWN_STORIES],
            earlier=found[SHOWN_STORIES - 1].key if len(found) > SHOWN_STORIES else None,
            days=days,
            choices=DAYS,
            sentiment=sentiment,
        )


@router.get("/page/stories/{key}")
def story_page(desk: At, request: Request, key: str, series: str = "") -> HTMLResponse:
    """One story with the items that tell it."""
    with open_view(desk, request) as view:
        found = stories.read_story(view.connection, view.now.version, key)
        if found is None:
            raise HTTPException(404, "no such story")
        items = stories.story_items(view.connection, view.now.version, key)
        come_from = parse_series(series)
        return view.render(
            "story.html",
            "overview",
            story=found,
            items=items,
            series=come_from.key if come_from else None,
            has_model=desk.scoring is not None,
        )


@router.get("/page/alerts")
def alerts_page(desk: At, request: Request, after: str | None = None) -> HTMLResponse:
    """The inbox: what needs attention, what is in hand, what is over, what is silenced."""
    with open_view(desk, request) as view:
        opened = alerts.open_alerts(view.connection)
        past = alerts.past_alerts(view.connection, SHOWN_ALERTS + 1, after)
        return view.render(
            "alerts.html",
            "alerts",
            leads=stories.lead_stories(view.connection, [*opened, *past[:SHOWN_ALERTS]]),
            firing=[alert for alert in opened if alert.state == "firing"],
            in_hand=[alert for alert in opened if alert.state == "acknowledged"],
            past=past[:SHOWN_ALERTS],
            earlier=past[SHOWN_ALERTS - 1].id if len(past) > SHOWN_ALERTS else None,
            silences=alerts.list_silences(view.connection, view.now.clock),
        )


@router.get("/page/alerts/{id}")
def alert_page(desk: At, request: Request, id: str) -> HTMLResponse:
    """One alert with its evidence."""
    with open_view(desk, request) as view:
        found = alerts.read_alert(view.connection, id)
        if found is None:
            raise HTTPException(404, "no such alert")
        series = parse_series(found.series) or Series("overall", "")
        then = replace(view.now, clock=min(view.now.clock, found.ends_at + AFTER_ALERT))
        usual = desk.baseline.usual(view.connection, view.now)
        around = read_timeline(
            view.connection, then, found.series, found.starts_at - BEFORE_ALERT, desk.window, usual
        )
        return view.render(
            "alert.html",
            "alerts",
            alert=found,
            timeline=around,
            chart=draw_timeline(around, view.zone, view.language),
            stories=stories.read_stories(view.connection, found.model_version, series, found.driving),
            history=alerts.alert_history(view.connection, id),
            deliveries=alerts.deliveries(view.connection, id),
        )


@router.get("/page/sources")
def sources_page(desk: At, request: Request) -> HTMLResponse:
    """The feeds and their health."""
    with open_view(desk, request) as view:
        return view.render(
            "sources.html",
            "sources",
            health=health.read_health(view.connection),
            dead=health.list_dead(view.connection, SHOWN_DEAD),
        )


@router.get("/page/models")
def models_page(desk: At, request: Request) -> HTMLResponse:
    """The model, those before it, and what people said about what it read."""
    with open_view(desk, request) as view:
        return view.render(
            "models.html",
            "models",
            models=health.list_models(view.connection),
            requests=health.list_requests(view.connection),
            said=health.count_feedback(view.connection),
        )

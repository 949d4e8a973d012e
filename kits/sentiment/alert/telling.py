"""What a message says of an alert, and what an alert keeps of its stories: read from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from kits.sentiment.notify.message import ToldAlert, ToldStory
from kits.sentiment.store.schema import items, scores
from kits.sentiment.surge.signal import DrivingStory

_LONGEST_TITLE = 300


def describe_stories(
    connection: Connection, stories: Sequence[DrivingStory], series: str, model_version: str
) -> list[dict[str, Any]]:
    """The stories that drive an alert, with links and scores, as JSON values.

    Args:
        connection: To the store, which has the items and their scores.
        stories: Widest reach first.
        series: Of the alert: for a company its own sentiment counts.
        model_version: Whose scores.
    """
    company = series.removeprefix("company:") if series.startswith("company:") else ""
    is_score = (scores.c.item == items.c.key) & (scores.c.model_version == model_version)
    is_score &= scores.c.company.in_({"", company})
    wanted = select(items, scores.c.negative).join(scores, is_score, isouter=True)
    wanted = wanted.where(items.c.key.in_([story.item for story in stories]))
    rows = connection.execute(wanted.order_by(items.c.key, scores.c.company))
    found = {row.key: row for row in rows}  # of two scores the company's own, which comes last
    return [
        {
            "story": story.story,
            "item": story.item,
            "title": _title(row),
            "url": row.url,
            "source": row.source or row.feed,
            "event_at": row.event_at.isoformat(),
            "negative": row.negative or 0.0,
            "reach": story.reach,
        }
        for story in stories
        if (row := found.get(story.item)) is not None
    ]


def tell_alert(row: Row[Any]) -> ToldAlert:
    """A row of ``alerts`` as it stands, for a message."""
    evidence = dict(row.evidence)
    stories = tuple(_told_story(story) for story in evidence.pop("driving", ()))
    return ToldAlert(
        id=row.id,
        series=row.series,
        kind=row.kind,
        severity=row.severity,
        state=row.state,
        starts_at=row.starts_at,
        last_window_at=row.last_window_at,
        opened_at=row.opened_at,
        is_escalated=row.escalated_at is not None,
        model_version=row.model_version,
        evidence=evidence,
        stories=stories,
    )


def _told_story(story: Mapping[str, Any]) -> ToldStory:
    return ToldStory(
        key=story["story"],
        item=story["item"],
        title=story["title"],
        url=story["url"],
        source=story["source"],
        event_at=datetime.fromisoformat(story["event_at"]),
        negative=story["negative"],
        reach=story["reach"],
    )


def _title(row: Row[Any]) -> str:
    text = str(row.title or row.body)
    return text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…"

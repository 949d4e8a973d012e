"""Stories and the items that tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, literal, select

from kits.sentiment.store.schema import feedback, items, scores, stories
from kits.sentiment.view.alerts import AlertView
from kits.sentiment.view.series import Series, belongs

MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Headline:
    """A story in few words."""

    key: str
    title: str
    at: datetime
    language: str


@dataclass(frozen=True, slots=True)
class StoryView:
    """A story in a list.

    Attributes:
        key: Of the story.
        title: Of its first item.
        language: ``en`` or ``zh``.
        first_at: When it was first told.
        last_at: When it was last told.
        items: How often it was told.
        sources: By how many.
        source: Who told it first.
        sentiment: Of the first item in the series; None if the model does not judge it.
        negative: Probability that this item is negative.
    """

    key: str
    title: str
    language: str
    first_at: datetime
    last_at: datetime
    items: int
    sources: int
    source: str
    sentiment: str | None
    negative: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """What the model reads in an item, as a whole or towards a company."""

    sentiment: str | None
    negative: float | None
    positive: float | None


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item of a story.

    Attributes:
        key: Of the item.
        feed: That brought it.
        source: Who published it.
        title: Headline.
        body: Text below it.
        url: Where it stands.
        language: ``en`` or ``zh``.
        event_at: When it happened.
        published_at: When it was published.
        ingested_at: When it reached us.
        score: Of the item as a whole; None if this model has not read it.
        topics: With their probability, likeliest first.
        companies: Each watched company with what is read towards it.
        corrected: The right sentiment, as someone said.
    """

    key: str
    feed: str
    source: str
    title: str
    body: str
    url: str | None
    language: str
    event_at: datetime
    published_at: datetime | None
    ingested_at: datetime
    score: Score | None
    topics: Mapping[str, float]
    companies: Mapping[str, Score]
    corrected: str | None


def list_stories(
    connection: Connection,
    version: str | None,
    series: Series,
    since: datetime,
    until: datetime,
    *,
    sentiment: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[StoryView]:
    """The stories of a series that were last told in a time, the latest first.

    Args:
        connection: To read from.
        version: Of the model whose readings decide.
        series: Which stories.
        since: From when.
        until: Until when, this instant left out.
        sentiment: Only those with an item of this sentiment.
        after: Only those that come after the story of this key; none if there is no such story.
        limit: Most of them.
    """
    told = stories.c.last_at
    query = (
        select(stories.c.key)
        .where(told >= since, told < until, _has_item(connection, version, series, sentiment))
        .order_by(told.desc(), stories.c.key)
        .limit(limit)
    )
    if after is not None:
        other = stories.alias()
        last_at = select(other.c.last_at).where(other.c.key == after).scalar_subquery()
        query = query.where((told < last_at) | ((told == last_at) & (stories.c.key > after)))
    return read_stories(connection, version, series, list(connection.execute(query).scalars()))


def _has_item(
    connection: Connection, version: str | None, series: Series, sentiment: str | None
) -> ColumnElement[bool]:
    """The condition on ``stories`` that an item of theirs is in a series, and of a sentiment if one is given."""
    query = select(literal(1)).select_from(items.join(scores, scores.c.item == items.c.key))
    query = query.where(
        items.c.story == stories.c.key, scores.c.model_version == version, belongs(connection, series)
    )
    if sentiment is not None:
        query = query.where(scores.c.sentiment == sentiment)
    return exists(query)


def read_stories(connection: Connection, version: str | None, series: Series, keys: Sequence[str]) -> list[StoryView]:
    """The stories of some keys, in their order, each with what its first item in the series says."""
    first: dict[str, tuple[str, str | None, float | None]] = {}
    query = (
        select(items.c.story, items.c.source, scores.c.sentiment, scores.c.negative)
        .select_from(items.join(scores, scores.c.item == items.c.key))
        .where(items.c.story.in_(keys), scores.c.model_version == version, belongs(connection, series))
        .order_by(items.c.event_at, items.c.key)
    )
    for story, source, sentiment, negative in connection.execute(query):
        first.setdefault(story, (source, sentiment, negative))
    names = ("key", "title", "language", "first_at", "last_at", "items", "sources")
    rows = connection.execute(select(*(stories.c[name] for name in names)).where(stories.c.key.in_(keys)))
    found = {row.key: StoryView(*(*row, *first.get(row.key, ("", None, None)))) for row in rows}
    return [found[key] for key in keys if key in found]


def lead_stories(connection: Connection, found: Iterable[AlertView]) -> dict[str, Headline]:
    """By the id of an alert the first of the stories behind it, while it is kept."""
    first = {alert.id: alert.driving[0] for alert in found if alert.driving}
    wanted = (stories.c.key, stories.c.title, stories.c.first_at, stories.c.language)
    query = select(*wanted).where(stories.c.key.in_(first.values()))
    headlines = {row.key: Headline(*row) for row in connection.execute(query)}
    return {id: headlines[key] for id, key in first.items() if key in headlines}


def read_story(connection: Connection, version: str | None, key: str) -> StoryView | None:
    """One story."""
    found = read_stories(connection, version, Series("overall", ""), [key])
    return found[0] if found else None


def story_items(connection: Connection, version: str | None, story: str, limit: int = MOST_ITEMS) -> list[ItemView]:
    """The items that tell a story, in the order of events."""
    rows = connection.execute(
        select(items).where(items.c.story == story).order_by(items.c.event_at, items.c.key).limit(limit)
    ).all()
    keys = [row.key for row in rows]
    whole: dict[str, Score] = {}
    topics: dict[str, dict[str, float]] = {}
    companies: dict[str, dict[str, Score]] = {key: {} for key in keys}
    for row in connection.execute(select(scores).where(scores.c.item.in_(keys), scores.c.model_version == version)):
        score = Score(row.sentiment, row.negative, row.positive)
        if row.company:
            companies[row.item][row.company] = score
        else:
            whole[row.item] = score
            topics[row.item] = dict(sorted(row.topics.items(), key=lambda pair: -pair[1]))
    said = select(feedback.c.item, feedback.c.verdict).where(feedback.c.item.in_(keys)).order_by(feedback.c.number)
    corrected = {row.item: row.verdict for row in connection.execute(said)}
    return [
        ItemView(
            row.key, row.feed, row.source, row.title, row.body, row.url, row.language, row.event_at,
            row.published_at, row.ingested_at, whole.get(row.key), topics.get(row.key, {}), companies[row.key],
            corrected.get(row.key),
        )
        for row in rows
    ]  # fmt: skip


def item_text(connection: Connection, key: str) -> tuple[str, str] | None:
    """Title and body of an item."""
    row = connection.execute(select(items.c.title, items.c.body).where(items.c.key == key)).first()
    return None if row is None else (row.title, row.body)

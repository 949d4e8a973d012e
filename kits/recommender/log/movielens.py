"""Reads a folder in the format of MovieLens: ``ratings.csv``, ``movies.csv`` and, if there, ``tags.csv``.

A rating of at least so many stars counts as a click, one of two or fewer as a dislike, and what
lies between as a view. A tag given by users is not used: it is given later than the film is seen,
and a text with it would tell of the future. The year in the title is the date of publication.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from core.data.row import Rejected, Row
from core.data.table import stream_rows
from core.errors import DataError
from kits.recommender.event import Event, Item
from kits.recommender.log.behaviour import Log, make_log

RATINGS, MOVIES, TAGS = "ratings.csv", "movies.csv", "tags.csv"
DISLIKE_STARS = 2.0
MOST_STARS = 5.0
YEAR = re.compile(r"\((\d{4})(?:[-–]\d{0,4})?\)\s*$")
NO_GENRES = "(no genres listed)"
Made = TypeVar("Made")


def is_movielens(folder: Path) -> bool:
    """Whether a folder holds ratings and films."""
    return (folder / RATINGS).is_file() and (folder / MOVIES).is_file()


def read_movielens(folder: Path, click_rating: float) -> Log:
    """All films and ratings of a folder.

    Args:
        folder: It holds the files.
        click_rating: So many stars are a click.

    Raises:
        DataError: A file cannot be read, or lacks a column.
    """
    rejected: list[Rejected] = []
    items: dict[str, Item] = {}
    for item in _read(folder / MOVIES, ("movieId", "title", "genres"), _make_item, rejected):
        if item.item_id in items:
            rejected.append(Rejected(item.place, f"the movieId stands already at {items[item.item_id].place}"))
        else:
            items[item.item_id] = item

    def make(values: dict[str, str], place: str) -> Event:
        event = _make_event(values, place, click_rating)
        if event.item_id not in items:
            raise ValueError(f"its movieId is not in {MOVIES}")
        return event

    events = _read(folder / RATINGS, ("userId", "movieId", "rating", "timestamp"), make, rejected)
    sources = [str(folder / RATINGS), str(folder / MOVIES)]
    if (folder / TAGS).is_file():
        _read(folder / TAGS, ("userId", "movieId", "tag", "timestamp"), _check_tag(items), rejected)
        sources.append(str(folder / TAGS))
    return make_log(items, events, rejected, tuple(sources))


def _make_item(values: dict[str, str], place: str) -> Item:
    title = values["title"].strip()
    if not values["movieId"]:
        raise ValueError("no movieId")
    genres = () if values["genres"] == NO_GENRES else tuple(part for part in values["genres"].split("|") if part)
    year = YEAR.search(title)
    published = datetime(int(year[1]), 1, 1, tzinfo=UTC) if year and 1800 < int(year[1]) < 2200 else None
    return Item(values["movieId"], title, "", genres, genres[0] if genres else "", published, place=place)


def _make_event(values: dict[str, str], place: str, click_rating: float) -> Event:
    if not values["userId"]:
        raise ValueError("no userId")
    try:
        stars = float(values["rating"])
    except ValueError:
        stars = -1.0
    if not 0 <= stars <= MOST_STARS:
        raise ValueError(f"rating is {values['rating'][:40]!r}, expected 0 to {MOST_STARS:g} stars")
    try:
        at = datetime.fromtimestamp(int(values["timestamp"]), UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"timestamp is {values['timestamp'][:40]!r}, expected epoch seconds") from None
    kind = "click" if stars >= click_rating else "dislike" if stars <= DISLIKE_STARS else "view"
    return Event(values["userId"], values["movieId"], kind, at, value=stars, place=place)


def _check_tag(items: dict[str, Item]) -> Callable[[dict[str, str], str], str]:
    def check(values: dict[str, str], place: str) -> str:
        if values["movieId"] not in items:
            raise ValueError(f"its movieId is not in {MOVIES}")
        if not values["tag"].strip():
            raise ValueError("no tag")
        return values["tag"]

    return check


def _read(
    file: Path, columns: tuple[str, ...], make: Callable[[dict[str, str], str], Made], rejected: list[Rejected]
) -> list[Made]:
    """What is made of the rows of a file; those that cannot be used go to the rejected."""
    made: list[Made] = []
    for row in stream_rows(str(file)):
        if not isinstance(row, Row):
            rejected.append(row)
            continue
        if absent := [name for name in columns if name not in row.values]:
            raise DataError(f"no column {absent[0]}", where=str(file), expected=", ".join(columns))
        try:
            made.append(make({name: str(row.values[name]) for name in columns}, row.place))
        except ValueError as error:
            rejected.append(Rejected(row.place, str(error)))
    return made

"""Reads a folder in the format of MIND (Microsoft News): ``news.tsv`` and ``behaviors.tsv``.

Neither file has a header or quotes. A history has no times: its clicks are put one second apart
before the first time of the file, in their order.

Source: Wu et al. 2020, MIND: A Large-scale Dataset for News Recommendation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.data.line import read_lines
from core.data.row import Rejected
from core.errors import DataError
from kits.recommender.event import Event, Impression, Item
from kits.recommender.log.behaviour import Log

NEWS, BEHAVIORS = "news.tsv", "behaviors.tsv"
NEWS_CELLS, BEHAVIOR_CELLS = 8, 5
TIME = "%m/%d/%Y %I:%M:%S %p"
SHOWN = re.compile(r"(\S+)-([01])")


def is_mind(folder: Path) -> bool:
    """Whether a folder holds the two files."""
    return (folder / NEWS).is_file() and (folder / BEHAVIORS).is_file()


def read_mind(folder: Path) -> Log:
    """All items, clicks and lists of a folder.

    Raises:
        DataError: A file cannot be read.
    """
    rejected: list[Rejected] = []
    items: dict[str, Item] = {}
    for place, cells in _rows(folder / NEWS, NEWS_CELLS, rejected):
        if not cells[0]:
            rejected.append(Rejected(place, "no news id"))
        elif cells[0] in items:
            rejected.append(Rejected(place, f"the news id stands already at {items[cells[0]].place}"))
        else:
            tags = (cells[2],) if cells[2] else ()
            items[cells[0]] = Item(cells[0], cells[3], cells[4], tags, cells[1], place=place)
    impressions: list[Impression] = []
    partial: list[Rejected] = []
    histories: dict[str, list[str]] = {}
    for place, cells in _rows(folder / BEHAVIORS, BEHAVIOR_CELLS, rejected):
        made = _read_behavior(cells, place, items)
        if isinstance(made, Rejected):
            rejected.append(made)
            continue
        shown, history, left_out = made
        if left_out:
            partial.append(Rejected(place, left_out))
        impressions.append(shown)
        histories.setdefault(shown.user_id, history)
    impressions.sort(key=lambda shown: shown.at)
    events = _make_events(impressions, histories)
    return Log(items, events, impressions, rejected, partial, (str(folder / NEWS), str(folder / BEHAVIORS)))


def _read_behavior(
    cells: list[str], place: str, items: dict[str, Item]
) -> tuple[Impression, list[str], str] | Rejected:
    """The list, the history before it, and what of them is left out."""
    number, user, time, history, shown = cells
    if not user:
        return Rejected(place, "no user id")
    try:
        at = datetime.strptime(time, TIME).replace(tzinfo=UTC)
    except ValueError:
        return Rejected(place, f"{time[:40]!r} is no time such as 11/15/2019 9:05:58 AM")
    pairs = [SHOWN.fullmatch(word) for word in shown.split()]
    if not pairs or not all(pairs):
        return Rejected(place, "the list is empty or not of the form N1-0 N2-1")
    weights = {pair[1]: float(pair[2]) for pair in pairs if pair}
    known = {item: weight for item, weight in weights.items() if item in items}
    kept = [item for item in history.split() if item in items]
    unknown, forgotten = len(weights) - len(known), len(history.split()) - len(kept)
    if not known:
        return Rejected(place, f"none of the {len(weights)} shown items is in {NEWS}")
    repeated = len(pairs) - len(weights)
    parts = (
        (unknown, f"shown items that are not in {NEWS}"),
        (forgotten, f"history items that are not in {NEWS}"),
        (repeated, "shown items that are repeated"),
    )
    left_out = ", ".join(f"{count} {what}" for count, what in parts if count)
    impression = Impression(user, at, tuple(known), tuple(known.values()), impression_id=number)
    return impression, kept, left_out


def _make_events(impressions: list[Impression], histories: dict[str, list[str]]) -> list[Event]:
    if not impressions:
        return []
    start = impressions[0].at
    before = [
        Event(user, item, "click", start - timedelta(seconds=len(history) - place))
        for user, history in histories.items()
        for place, item in enumerate(history)
    ]
    clicked = [
        Event(shown.user_id, item, "click", shown.at, shown.impression_id)
        for shown in impressions
        for item, is_clicked in zip(shown.item_ids, shown.clicks, strict=True)
        if is_clicked
    ]
    return sorted([*before, *clicked], key=lambda event: event.at)


def _rows(file: Path, width: int, rejected: list[Rejected]) -> Iterator[tuple[str, list[str]]]:
    """The cells of each line with its place; other lines go to the rejected."""
    try:
        with file.open("rb") as stream:
            for line in read_lines(stream, "utf-8"):
                place, text = f"{file}:{line.number}", line.text.rstrip("\r\n")
                cells = text.split("\t")
                if line.fault:
                    rejected.append(Rejected(place, line.fault))
                elif len(cells) != width:
                    rejected.append(Rejected(place, f"{len(cells)} cells, expected {width} with tabs between them"))
                else:
                    yield place, [cell.strip() for cell in cells]
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(file)) from error

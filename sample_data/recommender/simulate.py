"""Make twelve weeks of behaviour on an invented site: items.csv, events.parquet and truth/.

    python sample_data/recommender/simulate.py [FOLDER]

``world.py`` draws who likes what, ``oracle.py`` says how likely a click is; here readers come, are
shown lists by a simple recommender of the site's own, and act. The site learns only from what it
has seen so far. Everything follows from the seed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray
from oracle import RAMP_DAYS, START, Oracle, look_chance
from pyarrow import parquet
from world import DAYS, FOLDER, World, make_world

SEED = 20_260_302
IMPRESSIONS = 60_000
SIZES, PHONE_SHARE = (5, 8), 0.6  # items in a list on a phone and on a desk
HALF_LIFE_DAYS = 7.0  # of what the site calls popular
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 8, 7, 6, 6, 7, 6, 5, 5, 6, 7, 8, 10, 11, 10, 7, 4)  # of the day, in UTC
PEEK = 0.04  # chance to look into an item without reading it
FOLLOW = (("comment", 0.05), ("share", 0.04), ("purchase", 0.03))  # after a click, if it was liked well
DISLIKE = 0.012  # chance to say so, for an item that is looked at and truly not wanted
COLUMNS = ("user_id", "item_id", "event", "at", "impression_id", "position", "propensity", "value")
Row = tuple[str, str, str, int, str, int, float | None, float | None]


@dataclass
class Site:
    """What the site's own recommender has seen so far.

    Attributes:
        clicks: Of each item, halved every ``HALF_LIFE_DAYS`` ``(items,)``.
        day: Until when ``clicks`` were halved.
        categories: By reader clicks in each category.
        clicked: By reader which items were clicked ``(items,)``.
    """

    clicks: NDArray[np.float64]
    day: float = 0.0
    categories: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    clicked: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


def simulate(world: World, oracle: Oracle, random: Generator) -> list[Row]:
    """What everybody was shown and did, in the order of the lists."""
    site = Site(np.zeros(len(world.items)))
    rows: list[Row] = []
    for number, (day, user_id) in enumerate(_visits(world, random), start=1):
        at = START + timedelta(seconds=round(day * 86_400))
        size = SIZES[random.random() >= PHONE_SHARE]
        shown, propensities = _compose(site, oracle, user_id, day, size, random)
        chances = 1.0 / (1.0 + np.exp(-oracle.log_odds(user_id, at)[shown]))
        for position, (row, chance) in enumerate(zip(shown.tolist(), chances.tolist(), strict=True), start=1):
            item = world.items[row]
            for kind, seconds in _act(chance, position, random):
                moment = round((at - START).total_seconds()) + seconds
                value = item.price if kind == "purchase" else None
                propensity = propensities[position - 1]
                rows.append((user_id, item.item_id, kind, moment, f"v{number:05}", position, propensity, value))
                if kind == "click":
                    _learn(site, oracle, user_id, row)
    return rows


def _visits(world: World, random: Generator) -> list[tuple[float, str]]:
    """Day and reader of each list, in the order of time."""
    open_days = np.array([reader.lists * (DAYS - reader.joined_day) for reader in world.readers])
    shares = np.cumsum(open_days / open_days.sum())
    hours = np.cumsum(np.array(HOURS) / sum(HOURS))
    others = np.searchsorted(shares, random.random(IMPRESSIONS - len(world.readers)))
    visits = []
    for number in [*range(len(world.readers)), *others.tolist()]:  # everyone comes at least once
        reader = world.readers[number]
        day = np.floor(reader.joined_day + (DAYS - reader.joined_day) * random.random())
        hour = int(np.searchsorted(hours, random.random()))
        moment = float(day + (hour + random.random()) / 24)
        visits.append((max(moment, reader.joined_day), reader.user_id))
    return sorted(visits)


def _compose(
    site: Site, oracle: Oracle, user_id: str, day: float, size: int, random: Generator
) -> tuple[NDArray[np.int64], list[float | None]]:
    """The list: mostly popular, new and of the reader's categories, and one item at random."""
    count = len(oracle.subtopic)
    site.clicks *= 0.5 ** ((day - site.day) / HALF_LIFE_DAYS)
    site.day = day
    clicked = site.clicked.setdefault(user_id, np.zeros(count, dtype=bool))
    own = site.categories.setdefault(user_id, np.zeros(oracle.category.max() + 1))
    may = (oracle.published <= day) & ~clicked
    chinese = oracle.chinese[clicked].mean() if clicked.any() else 0.3
    language = np.where(oracle.chinese, 0.05 + chinese, 1.05 - chinese)
    score = 0.8 * np.log1p(site.clicks) + np.exp(-(day - oracle.published) / 5.0) + np.log(language)
    score = score + 3.0 * (own / (own.sum() + 4.0))[oracle.category]
    noisy = np.where(may, score - np.log(-np.log(random.random(count))), -np.inf)
    shown = np.argsort(-noisy, kind="stable")[: size - 1]
    may[shown] = False
    left = np.flatnonzero(may)
    place = int(random.integers(size))
    shown = np.insert(shown, place, left[int(random.integers(len(left)))])
    propensities: list[float | None] = [None] * size
    propensities[place] = round(1.0 / len(left), 6)
    return shown, propensities


def _act(chance: float, position: int, random: Generator) -> Iterable[tuple[str, int]]:
    """What a reader does with one item of a list: kinds of events, and seconds after the list was shown."""
    looks, clicks, other = random.random() < look_chance(position), random.random() < chance, random.random()
    seconds = 1 + int(4 * position * random.random())
    if not looks:
        return [("show", 0)]
    if clicks:
        acts = [("click", seconds)]
        for kind, share in FOLLOW:
            if random.random() < 2 * share * chance:
                seconds += 20 + int(400 * random.random())
                acts.append((kind, seconds))
        return acts
    if other < DISLIKE * (chance < 0.1):
        return [("dislike", seconds)]
    return [("view", seconds)] if other > 1 - PEEK - 0.1 * chance else [("show", 0)]


def _learn(site: Site, oracle: Oracle, user_id: str, row: int) -> None:
    site.clicks[row] += 1.0
    site.clicked[user_id][row] = True
    site.categories[user_id][oracle.category[row]] += 1.0


def main(folder: Path) -> None:
    """Write all files."""
    world = make_world(SEED)
    items = [_text(item, ("item_id", "title", "description", "tags", "category", "author")) for item in world.items]
    for row, item in zip(items, world.items, strict=True):
        row["published_at"] = item.published_at.isoformat()
    facts = [_text(item, ("item_id", "subtopic", "language", "quality", "price")) for item in world.items]
    users = [_text(one, ("user_id", "languages", "bias", "lists", "joined_day")) for one in world.readers]
    for row, reader in zip(users, world.readers, strict=True):
        row["languages"] = " ".join(reader.languages)
    names = ("user_id", "subtopic", "weight", "from_day", "until_day")
    interests = [_text(one, names) for one in world.interests if one.until_day > -RAMP_DAYS]
    oracle = Oracle.build([a | b for a, b in zip(items, facts, strict=True)], users, interests)
    rows = simulate(world, oracle, np.random.default_rng(SEED + 1))
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "items.csv", items)
    for name, table in (("items", facts), ("users", users), ("interests", interests)):
        _write_csv(folder / "truth" / f"{name}.csv", table)
    _write_events(folder / "events.parquet", rows)


def _text(thing: object, names: Sequence[str]) -> dict[str, str]:
    return {name: str(getattr(thing, name)) for name in names}


def _write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_events(path: Path, rows: Sequence[Row]) -> None:
    """In the order of time, as a log is."""
    columns = dict(zip(COLUMNS, zip(*sorted(rows, key=lambda row: (row[3], row[4], row[5])), strict=True), strict=True))
    epoch = int(datetime.timestamp(START))
    arrays: dict[str, Any] = {name: pa.array(columns[name]) for name in COLUMNS if name not in ("at", "position")}
    at = pa.array([epoch + seconds for seconds in columns["at"]], type=pa.int64())
    arrays["at"] = at.cast(pa.timestamp("s", tz="UTC")).cast(pa.timestamp("ms", tz="UTC"))
    arrays["position"] = pa.array(columns["position"], type=pa.int8())
    arrays["propensity"] = pa.array(columns["propensity"], type=pa.float32())
    arrays["value"] = pa.array(columns["value"], type=pa.float32())
    table = pa.table({name: arrays[name] for name in COLUMNS})
    parquet.write_table(table, path, compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

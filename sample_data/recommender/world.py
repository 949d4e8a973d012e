"""The invented site: its items, its readers, and what each of them truly likes at any time.

``make_world`` draws all of it from the seed; nothing here knows what was shown or clicked. The
items' texts were written by hand, one by one (``items/*.txt``); only dates, authors, prices and
how good an item is are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.random import Generator

FOLDER = Path(__file__).parent
START, DAYS = datetime(2026, 3, 2, tzinfo=UTC), 84
USERS = 1_500
INTERESTS = 3  # that a reader has at any time
STAY_DAYS = 42.0  # how long one of them lasts, on average
SIBLING = 0.5  # chance that the next one is of the same category
RECENT_SHARE = 0.5  # items published during the twelve weeks; the others before
BACKLOG_DAYS = 180
LANGUAGES = (("en",), ("zh",), ("en", "zh"))
LANGUAGE_SHARES = (0.66, 0.19, 0.15)
AUTHORS = {
    "books": ("Edda Marwick", "Tobias Renn", "Aoife Laskar", "顾闻", "Silas Pember"),
    "cooking": ("Marta Oyelowo", "Ben Castell", "Hana Vrba", "林小满", "Pietro Lund"),
    "family": ("Judith Okafor", "Ruben Aske", "Nell Harrow", "周一禾", "Dario Fenn"),
    "garden": ("Wilma Thorne", "Kofi Adler", "Rosa Quince", "陈默之", "Ian Hartigan"),
    "health": ("Dr. Leda Moss", "Anton Vesely", "Priya Sandhu", "苏明", "Greta Holm"),
    "home": ("Josef Klamm", "Mirela Stan", "Odd Brekke", "何一木", "Fern Whitlock"),
    "money": ("Clara Steyn", "Hugo Maddox", "Yara Benali", "钱松", "Otto Finch"),
    "science": ("Nora Elling", "Prof. Ames Rudd", "Tariq Vance", "沈星河", "Lotte Brandt"),
    "screen": ("Gil Saunders", "Ines Corda", "Max Tallow", "白鹿鸣", "Ruth Abara"),
    "sport": ("Sean Duffy", "Milena Kraus", "Pape Ndour", "江流", "Tess Vane"),
    "technology": ("Ada Brink", "Jonas Weller", "Sunita Rao", "方舟", "Cal Mercer"),
    "travel": ("Finn Osei", "Lucia Marchetti", "Bram Kuyper", "叶知秋", "Sofie Lang"),
}


@dataclass(frozen=True)
class Item:
    """One article, film, course or thing, and what only the simulator knows of it."""

    item_id: str
    title: str
    description: str
    tags: str
    category: str
    author: str
    published_at: datetime
    subtopic: str
    language: str
    quality: float
    price: float


@dataclass(frozen=True)
class Reader:
    """A user; ``bias`` is how readily they click, ``lists`` how often they come compared to others."""

    user_id: str
    languages: tuple[str, ...]
    bias: float
    lists: float
    joined_day: float


@dataclass(frozen=True)
class Interest:
    """A liking for a subtopic between two days; it grows and fades over ``oracle.RAMP_DAYS``."""

    user_id: str
    subtopic: str
    weight: float
    from_day: float
    until_day: float


@dataclass(frozen=True)
class World:
    """Everything that is so whether or not anybody looks."""

    items: list[Item]
    readers: list[Reader]
    interests: list[Interest]


def make_world(seed: int) -> World:
    """Items and readers; the same seed gives the same world."""
    random = np.random.default_rng(seed)
    items = _make_items(random)
    siblings: dict[str, list[str]] = {}
    for item in items:
        siblings.setdefault(item.category, [])
        if item.subtopic not in siblings[item.category]:
            siblings[item.category].append(item.subtopic)
    groups = [sorted(siblings[category]) for category in sorted(siblings)]
    readers = [_make_reader(random, number) for number in range(1, USERS + 1)]
    interests = [interest for reader in readers for interest in _make_interests(random, reader, groups)]
    return World(items, readers, interests)


def _make_items(random: Generator) -> list[Item]:
    """In the order of publication, which is also that of their ids."""
    drafts = []
    for file in sorted((FOLDER / "items").glob("*.txt")):
        subtopic = ""
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                subtopic = line[2:]
                continue
            title, description, tags = ([part.strip() for part in line.split("|")] + ["", ""])[:3]
            day = random.random() * DAYS if random.random() < RECENT_SHARE else -random.random() * BACKLOG_DAYS
            language = "en" if title.isascii() or not any("一" <= letter <= "鿿" for letter in title) else "zh"
            author = AUTHORS[file.stem][int(random.integers(5))]
            quality, price = round(float(random.normal(0, 0.45)), 3), round(4 + 56 * float(random.random()) ** 2, 2)
            drafts.append((day, title, description, tags, file.stem, author, subtopic, language, quality, price))
    items = []
    for number, (day, title, description, tags, category, author, *truth) in enumerate(sorted(drafts), start=1):
        at = START + timedelta(minutes=round(day * 24 * 60))
        items.append(Item(f"i{number:03}", title, description, tags, category, author, at, *truth))
    return items


def _make_reader(random: Generator, number: int) -> Reader:
    languages = LANGUAGES[int(np.searchsorted(np.cumsum(LANGUAGE_SHARES), random.random()))]
    joined = 0.0 if random.random() < 0.7 else 77 * float(random.random())
    lists = min(4.0, float(np.exp(random.normal(0, 0.7))))
    return Reader(f"u{number:04}", languages, round(float(random.normal(0, 0.4)), 3), round(lists, 3), round(joined, 3))


def _make_interests(random: Generator, reader: Reader, groups: list[list[str]]) -> list[Interest]:
    """Each of the reader's interests is followed by another when its time is over."""
    interests = []
    for _ in range(INTERESTS):
        group = groups[int(random.integers(len(groups)))]
        subtopic = group[int(random.integers(len(group)))]
        begin = -float(random.exponential(STAY_DAYS))
        while begin < DAYS:
            end = begin + max(8.0, float(random.exponential(STAY_DAYS)))
            if end > 0:
                weight = round(1.9 + 1.6 * float(random.random()), 2)
                interests.append(Interest(reader.user_id, subtopic, weight, round(begin, 2), round(end, 2)))
            begin = end
            if random.random() >= SIBLING:
                group = groups[int(random.integers(len(groups)))]
            others = [other for other in group if other != subtopic]
            subtopic = others[int(random.integers(len(others)))]
    return interests

"""The truth about the sample data: how likely a reader would click an item that they look at.

For measuring only: a model that sees this has seen the answer. Reads ``truth/`` and ``items.csv``.

>>> oracle = Oracle.load(FOLDER)                                           # doctest: +SKIP
>>> oracle.preference("u0007", ["i001", "i002"], datetime.now(UTC))        # doctest: +SKIP
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
START = datetime(2026, 3, 2, tzinfo=UTC)
RAMP_DAYS = 6.0  # an interest fades in and out over so long
BASE = -2.2  # log-odds of a click on an item that is looked at and not cared for
SIBLING_SHARE = 0.4  # of an interest, for the other subtopics of its category
FRESH, FRESH_DAYS = 0.7, 6.0  # log-odds that a new item has more, and how fast that goes
FOREIGN = -3.5  # log-odds for an item in a language that the reader does not read
LOOKS_AGAIN = 0.4  # how steeply attention falls with the position


def look_chance(position: int) -> float:
    """Chance that a reader looks at a position at all, from 1.

    >>> [round(look_chance(position), 2) for position in (1, 2, 4, 8)]
    [1.0, 0.71, 0.45, 0.26]
    """
    return 1.0 / (1.0 + LOOKS_AGAIN * (position - 1))


@dataclass(frozen=True)
class Oracle:
    """What every reader likes, at any time.

    Attributes:
        row_of: Item id to row.
        subtopic: Code of each item's subtopic ``(items,)``.
        category: Code of each item's category ``(items,)``.
        quality: How good each item is, in log-odds ``(items,)``.
        published: Day of publication, from ``START`` ``(items,)``.
        chinese: Whether each item is in Chinese ``(items,)``.
        category_of: Category of each subtopic ``(subtopics,)``.
        biases: By reader how readily they click, in log-odds.
        languages: By reader what they read.
        interests: By reader rows of subtopic, weight, first and last day.
    """

    row_of: Mapping[str, int]
    subtopic: NDArray[np.int64]
    category: NDArray[np.int64]
    quality: NDArray[np.float64]
    published: NDArray[np.float64]
    chinese: NDArray[np.bool_]
    category_of: NDArray[np.int64]
    biases: Mapping[str, float]
    languages: Mapping[str, tuple[str, ...]]
    interests: Mapping[str, NDArray[np.float64]]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Oracle:
        """Read the truth."""
        items, facts = _rows(folder / "items.csv"), _rows(folder / "truth" / "items.csv")
        return cls.build(
            [item | fact for item, fact in zip(items, facts, strict=True)],
            _rows(folder / "truth" / "users.csv"),
            _rows(folder / "truth" / "interests.csv"),
        )

    @classmethod
    def build(
        cls,
        items: Sequence[Mapping[str, str]],
        users: Sequence[Mapping[str, str]],
        interests: Sequence[Mapping[str, str]],
    ) -> Oracle:
        """Put the truth together from its rows."""
        subtopics = {name: code for code, name in enumerate(sorted({row["subtopic"] for row in items}))}
        categories = {name: code for code, name in enumerate(sorted({row["category"] for row in items}))}
        category_of = np.zeros(len(subtopics), dtype=np.int64)
        for row in items:
            category_of[subtopics[row["subtopic"]]] = categories[row["category"]]
        days = [(datetime.fromisoformat(row["published_at"]) - START).total_seconds() / 86_400 for row in items]
        liked: dict[str, list[list[float]]] = {row["user_id"]: [] for row in users}
        for row in interests:
            numbers = [float(row[name]) for name in ("weight", "from_day", "until_day")]
            liked[row["user_id"]].append([subtopics[row["subtopic"]], *numbers])
        return cls(
            {row["item_id"]: number for number, row in enumerate(items)},
            np.array([subtopics[row["subtopic"]] for row in items]),
            np.array([categories[row["category"]] for row in items]),
            np.array([float(row["quality"]) for row in items]),
            np.array(days),
            np.array([row["language"] == "zh" for row in items]),
            category_of,
            {row["user_id"]: float(row["bias"]) for row in users},
            {row["user_id"]: tuple(row["languages"].split()) for row in users},
            {user: np.array(rows, dtype=np.float64) for user, rows in liked.items()},
        )

    def log_odds(self, user_id: str, at: datetime) -> NDArray[np.float64]:
        """Of a click on each item if it is looked at ``(items,)``; an item that is not yet out has its own, too."""
        day = (at - START).total_seconds() / 86_400
        odds = BASE + self.biases[user_id] + self.quality
        odds = odds + FRESH * np.exp(-np.maximum(day - self.published, 0.0) / FRESH_DAYS)
        languages = self.languages[user_id]
        if len(languages) == 1:
            odds = odds + FOREIGN * (self.chinese != (languages[0] == "zh"))
        codes, weights, begins, ends = self.interests[user_id].T
        strength = weights * np.clip(np.minimum(day - begins, ends - day + RAMP_DAYS) / RAMP_DAYS, 0.0, 1.0)
        by_subtopic, by_category = np.zeros(len(self.category_of)), np.zeros(self.category_of.max() + 1)
        np.maximum.at(by_subtopic, codes.astype(np.int64), strength)
        np.maximum.at(by_category, self.category_of[codes.astype(np.int64)], SIBLING_SHARE * strength)
        liking: NDArray[np.float64] = np.maximum(by_subtopic[self.subtopic], by_category[self.category])
        return np.asarray(odds + liking, dtype=np.float64)

    def preference(self, user_id: str, item_ids: Sequence[str], at: datetime) -> NDArray[np.float64]:
        """Chance of a click on each item if it is looked at ``(items,)``; positions play no part."""
        rows = [self.row_of[item_id] for item_id in item_ids]
        chance: Any = 1.0 / (1.0 + np.exp(-self.log_odds(user_id, at)[rows]))
        return np.asarray(chance, dtype=np.float64)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

"""The sample data of the recommender: made by its simulator, and its truth is as the README says."""

from __future__ import annotations

import csv
import importlib.util
import math
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pyarrow import parquet

SAMPLE = Path(__file__).parents[1] / "sample_data" / "recommender"
CATEGORIES = {
    "books", "cooking", "family", "garden", "health", "home", "money", "science", "screen", "sport", "technology",
    "travel",
}  # fmt: skip
CSV = ("items.csv", "truth/items.csv", "truth/users.csv", "truth/interests.csv")


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def events() -> dict[str, np.ndarray]:
    table = parquet.read_table(SAMPLE / "events.parquet")
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


@cache
def oracle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_oracle", SAMPLE / "oracle.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sample_oracle"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_chinese(text: str) -> bool:
    return any("一" <= letter <= "鿿" for letter in text)


def test_simulator_makes_these_very_rows(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLE / "simulate.py"), str(tmp_path)], check=True, timeout=300)
    for name in CSV:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), f"{name}: run simulate.py"
    # Not the bytes: another release of the Parquet library may pack the same rows otherwise.
    assert parquet.read_table(tmp_path / "events.parquet").equals(parquet.read_table(SAMPLE / "events.parquet"))


def test_items_are_many_varied_and_in_two_languages() -> None:
    items = rows("items.csv")
    assert len(items) >= 600
    assert len({item["item_id"] for item in items}) == len({item["title"] for item in items}) == len(items)
    counts = Counter(item["category"] for item in items)
    assert counts.keys() == CATEGORIES
    assert min(counts.values()) >= 50
    chinese = Counter(item["category"] for item in items if is_chinese(item["title"]))
    assert chinese.keys() == CATEGORIES
    assert 0.2 < sum(chinese.values()) / len(items) < 0.3
    assert {fact["language"] == "zh" for fact in rows("truth/items.csv")} == {True, False}
    openings = Counter(" ".join(item["title"].split()[:3]) for item in items if not is_chinese(item["title"]))
    assert sum(count == 1 for count in openings.values()) > 0.95 * len(openings)
    descriptions = [item["description"] for item in items if item["description"]]
    assert len(set(descriptions)) == len(descriptions)


def test_some_texts_are_missing() -> None:
    items = rows("items.csv")
    for name in ("description", "tags"):
        assert 0.03 < sum(not item[name] for item in items) / len(items) < 0.2


def test_there_are_as_many_readers_and_lists_as_stated() -> None:
    log = events()
    assert len(set(log["user_id"])) == len(rows("truth/users.csv")) == 1_500
    assert len(set(log["impression_id"])) == 60_000
    assert (np.diff(log["at"]) >= np.timedelta64(0)).all()


def test_nothing_is_shown_before_it_is_out_or_again_after_a_click() -> None:
    log = events()
    out = {item["item_id"]: np.datetime64(item["published_at"][:19]) for item in rows("items.csv")}
    published = np.array([out[item] for item in log["item_id"]])
    assert (log["at"] >= published - np.timedelta64(1, "s")).all()
    clicked = log["event"] == "click"
    pairs = list(zip(log["user_id"][clicked], log["item_id"][clicked], strict=True))
    assert len(set(pairs)) == len(pairs)


def test_clicks_fall_with_the_position_as_attention_does() -> None:
    """Seen at random places only, where what is shown does not depend on the position."""
    log = events()
    drawn = ~np.isnan(log["propensity"]) & np.isin(log["event"], ("show", "view", "click", "dislike"))
    rates = [np.mean(log["event"][drawn & (log["position"] == place)] == "click") for place in (1, 2, 3, 4, 5)]
    look = oracle().look_chance
    for place, rate in enumerate(rates, start=1):
        assert rate / rates[0] == pytest.approx(look(place), abs=0.12)


def test_drawn_place_is_even_over_the_list_and_its_propensity_is_one_over_what_was_left() -> None:
    log = events()
    drawn = ~np.isnan(log["propensity"])
    place_of = dict(zip(log["impression_id"][drawn], log["position"][drawn], strict=True))
    assert len(place_of) == 60_000
    desks = set(log["impression_id"][log["position"] > 5])
    places = Counter(place for name, place in place_of.items() if name in desks)
    assert all(abs(count / len(desks) - 1 / 8) < 0.01 for count in places.values())
    left = 1 / log["propensity"][drawn]
    assert np.allclose(left, np.round(left), atol=0.3)
    assert 200 < left.min() < left.max() < len(rows("items.csv"))


def test_popular_items_are_shown_more_often() -> None:
    log = events()
    shown = Counter(log["item_id"])
    most = sum(count for _, count in shown.most_common(62))
    assert most / sum(shown.values()) > 0.2


def test_interests_drift() -> None:
    first = {(row["user_id"], row["subtopic"]) for row in rows("truth/interests.csv") if float(row["from_day"]) <= 0}
    last = {(row["user_id"], row["subtopic"]) for row in rows("truth/interests.csv") if float(row["until_day"]) >= 84}
    assert len(first & last) / len(first) < 0.4
    assert abs(len(first) - len(last)) < 200


def test_oracle_orders_lists_better_than_popularity() -> None:
    log, truth = events(), oracle().Oracle.load(SAMPLE)
    late = log["at"] > log["at"].max() - np.timedelta64(2, "D")
    lists: dict[str, dict[str, bool]] = {}
    heads: dict[str, tuple[str, timedelta]] = {}
    for number in np.flatnonzero(late):
        name, item = log["impression_id"][number], log["item_id"][number]
        lists.setdefault(name, {})[item] = log["event"][number] == "click" or lists.get(name, {}).get(item, False)
        heads.setdefault(name, (log["user_id"][number], log["at"][number]))
    clicks = Counter(log["item_id"][~late & (log["event"] == "click")])
    scores: dict[str, list[float]] = {"oracle": [], "popularity": []}
    for name, marks in lists.items():
        if any(marks.values()):
            user, at = heads[name]
            moment = at.astype("datetime64[s]").item().replace(tzinfo=oracle().UTC)
            scores["oracle"].append(ndcg(truth.preference(user, list(marks), moment), list(marks.values())))
            scores["popularity"].append(ndcg(np.array([clicks[item] for item in marks]), list(marks.values())))
    assert np.mean(scores["oracle"]) > np.mean(scores["popularity"]) + 0.08


def ndcg(scores: np.ndarray, marks: list[bool]) -> float:
    order = np.argsort(-scores, kind="stable")
    gains = sum(marks[row] / math.log2(place + 2) for place, row in enumerate(order))
    return gains / sum(1 / math.log2(place + 2) for place in range(sum(marks)))


def test_readme_of_the_data_states_the_numbers_of_rows() -> None:
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert f"| `events.parquet` | {len(events()['at']):,} |" in text
    for name in CSV:
        assert f"| `{name}` | {len(rows(name)):,} |" in text
    chinese = sum(is_chinese(item["title"]) for item in rows("items.csv"))
    assert f"{len(rows('items.csv')) - chinese} in English, {chinese} in Chinese" in text

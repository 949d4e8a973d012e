"""The sample stream: made by its generator, shaped like news, and its surges are where the truth says."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.kits.sentiment.command import SAMPLE
from tests.test_sample_data import TOPICS

MADE = ("stream.jsonl", "stream_labels.csv", "surges.csv")
START, END = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)


@cache
def items() -> list[dict[str, Any]]:
    """The items, each with its labels and its times."""
    with Path(SAMPLE, "stream_labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["id"]: row for row in csv.DictReader(file)}
    read = []
    for line in Path(SAMPLE, "stream.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        times = {f"{name}_at": datetime.fromisoformat(item[f"{name}_at"]) for name in ("published", "ingested")}
        read.append(item | times | labels.pop(item["id"]))
    assert labels == {}
    return read


@cache
def leads() -> list[dict[str, Any]]:
    """The first print of each story."""
    first: dict[str, dict[str, Any]] = {}
    for item in sorted(items(), key=lambda item: item["published_at"]):
        first.setdefault(item["story"], item)
    return list(first.values())


def surges() -> list[dict[str, Any]]:
    with Path(SAMPLE, "surges.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row | {name: datetime.fromisoformat(row[name]) for name in ("starts_at", "ends_at")} for row in rows]


def is_chinese(item: dict[str, Any]) -> bool:
    return re.search(r"[一-鿿]", item["title"]) is not None


def test_generator_makes_these_very_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLE / "make_stream.py"), str(tmp_path)], check=True, timeout=120)
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), f"{name}: run make_stream.py"


def test_labels_are_not_in_the_stream() -> None:
    keys = {"id", "source", "title", "body", "url", "published_at", "ingested_at"}
    for line in Path(SAMPLE, "stream.jsonl").read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) - {"entity"} == keys


def test_four_weeks_in_the_order_of_arrival_over_all_topics() -> None:
    assert 5000 <= len(items()) <= 7000
    arrivals = [item["ingested_at"] for item in items()]
    assert all(before <= after for before, after in pairwise(arrivals))
    assert START <= arrivals[0] < START + timedelta(hours=3)
    assert END - timedelta(hours=3) < arrivals[-1] < END
    counts = Counter(topic for item in leads() for topic in item["topics"].split(";"))
    assert counts.keys() == TOPICS
    assert min(counts.values()) > 300
    assert 0.07 < sum(map(is_chinese, items())) / len(items()) < 0.13


def test_weekends_and_nights_are_quiet() -> None:
    days = Counter(item["published_at"].astimezone(UTC).weekday() for item in items())
    assert max(days[5], days[6]) < min(days[day] for day in range(5)) / 2
    hours = Counter(item["published_at"].astimezone(UTC).hour for item in items())
    assert min(hours.values()) < max(hours.values()) / 3


def test_most_items_come_at_once_some_late_and_few_too_late() -> None:
    delays = [(item["ingested_at"] - item["published_at"]).total_seconds() / 60 for item in items()]
    assert min(delays) > 0
    late = [delay for delay in delays if delay > 15]
    assert 0.04 < len(late) / len(delays) < 0.1
    too_late = [delay for delay in delays if delay > 120]
    assert 10 <= len(too_late) <= 60
    assert max(delay for delay in delays if delay <= 120) <= 90


def test_quarter_of_the_items_are_reprints_and_few_stories_have_most_of_them() -> None:
    reach = Counter(item["story"] for item in items())
    assert 0.2 < 1 - len(reach) / len(items()) < 0.3
    assert sum(count >= 30 for count in reach.values()) >= 5
    assert sum(count == 1 for count in reach.values()) / len(reach) > 0.8


def test_storms_of_reprints_are_one_story() -> None:
    storms = Counter(item["planted"] for item in items() if item["planted"].startswith("storm"))
    assert len(storms) == 3
    assert min(storms.values()) > 35
    for name in storms:
        assert len({item["story"] for item in items() if item["planted"] == name}) == 1


def test_stories_of_the_same_days_are_worded_differently() -> None:
    """What is alike within the time in which items may be one story is a reprint."""
    known: dict[str, list[int]] = defaultdict(list)
    told: list[tuple[datetime, frozenset[str]]] = []
    for number, item in enumerate(leads()):
        text = f"{item['title']} {item['body']}".casefold()
        parts = list(text) if is_chinese(item) else re.findall(r"\w+", text)
        groups = frozenset("\n".join(parts[i : i + 3]) for i in range(len(parts) - 2))
        shared = Counter(other for group in groups for other in known[group])
        for other, count in shared.items():
            at, others = told[other]
            if item["published_at"] - at < timedelta(hours=72):
                assert count / (len(groups) + len(others) - count) < 0.4, item["title"]
        told.append((item["published_at"], groups))
        for group in groups:
            known[group].append(number)


def test_headlines_come_from_hundreds_of_frames() -> None:
    titles = {item["title"] for item in leads()}
    assert len(titles) / len(leads()) > 0.9
    starts = {" ".join(title.split()[:3]) for title in titles if title.isascii()}
    assert len(starts) > 2000


def test_planted_surges_differ_in_strength_shape_and_series() -> None:
    own = [row for row in surges() if row["strength"] != "side"]
    assert len(own) >= 12
    assert Counter(row["strength"] for row in own).keys() == {"weak", "medium", "strong"}
    assert {row["shape"] for row in own} == {"step", "spike", "ramp", "slow burn"}
    assert {row["series"] for row in own} >= {"overall", *(f"topic:{topic}" for topic in TOPICS)}
    assert any(row["series"].startswith("company:") for row in own)
    assert all(START + timedelta(days=7) < row["starts_at"] < row["ends_at"] < END for row in own)


@pytest.mark.parametrize("number", range(len(surges())))
def test_surge_is_where_the_truth_says(number: int) -> None:
    """So many planted stories of the series break within its time, less those that never arrived."""
    row = surges()[number]
    stated = int(row["note"].split()[0])
    kind, _, name = row["series"].partition(":")
    planted = [item for item in leads() if item["planted"] and item["sentiment"] == "negative"]
    timely = [item for item in planted if row["starts_at"] <= item["published_at"] < row["ends_at"]]
    within = [item for item in timely if kind != "topic" or name in item["topics"].split(";")]
    assert len(within) >= 0.95 * stated


def test_decoys_are_no_bad_news_and_no_surges() -> None:
    for name, sentiment in (("results season", "neutral"), ("good news", "positive")):
        planted = [item for item in leads() if item["planted"] == name]
        assert len(planted) >= 28
        assert {item["sentiment"] for item in planted} == {sentiment}


def test_readme_of_the_data_states_the_numbers_of_rows() -> None:
    text = Path(SAMPLE, "README.md").read_text(encoding="utf-8")
    assert f"| `stream.jsonl` | {len(items()):,} |" in text
    assert f"| `surges.csv` | {len(surges())} |" in text

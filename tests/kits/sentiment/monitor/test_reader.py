"""A trained model as the monitor's reader."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ModelError
from kits.sentiment import Scorer
from kits.sentiment.item import Item
from kits.sentiment.monitor.reader import ModelReader
from kits.sentiment.monitor.watch import Company, WatchList
from tests.kits.sentiment.command import SAMPLE, succeed
from tests.kits.sentiment.news import START

TITLES = (
    "Regulator fines the bank after customer data leaked", "Profit rose 12 % on strong sales abroad",
    "Acme Corp recalls scooters as brakes fail", "The annual meeting takes place on 5 May", "",
    "Shares of Acme Corp slump",
)  # fmt: skip
WATCH = WatchList({"ACME": Company(("Acme Corp",), ("ACM",))})


def make_items() -> list[Item]:
    return [
        Item(f"k{n}", "f", "s", title, "" if title else "Losses widen", None, None, "en", START, None, START)
        for n, title in enumerate(TITLES)
    ]


@pytest.fixture(scope="module")
def reader(model: Path) -> ModelReader:
    return ModelReader.load(model, WATCH)


def test_readings_are_those_of_the_scorer_in_the_order_of_the_items(reader: ModelReader, model: Path) -> None:
    items = make_items()
    readings, _ = reader.read(items)
    assert [reading.item for reading in readings] == [item.key for item in items]
    opinions = list(Scorer.load(model).score([item.title or item.body for item in items]))
    assert [reading.whole.sentiment for reading in readings] == [opinion.sentiment for opinion in opinions]
    assert [set(reading.topics) for reading in readings] == [set(opinion.topics) for opinion in opinions]


def test_reading_does_not_hang_on_what_else_is_in_the_batch(reader: ModelReader) -> None:
    items = make_items()
    whole = {reading.item: reading for reading in reader.read(items)[0]}
    shuffled = random.Random(1).sample(items, len(items))
    assert {reading.item: reading for reading in reader.read(shuffled)[0]} == whole
    assert {item.key: reader.read([item])[0][0] for item in items} == whole


def test_watched_company_is_found_in_text_and_marking_and_judged_by_itself(reader: ModelReader, model: Path) -> None:
    items = make_items()
    items[1] = replace(items[1], entity="ACM")
    readings, _ = reader.read(items)
    assert [list(reading.companies) for reading in readings] == [[], ["ACME"], ["ACME"], [], [], ["ACME"]]
    mentions = [row for row, reading in enumerate(readings) if reading.companies]
    opinions = Scorer.load(model).score([items[row].title for row in mentions], ["Acme Corp"] * len(mentions))
    judged = [readings[row].companies["ACME"].sentiment for row in mentions]
    assert judged == [opinion.sentiment for opinion in opinions]
    assert readings[2].sentiments().keys() >= {"overall", "company:ACME"}


def test_other_watch_list_is_another_version(reader: ModelReader, model: Path) -> None:
    bare = ModelReader.load(model, WatchList({}))
    other = ModelReader.load(model, WatchList({"ACME": Company(("Acme Corp", "Acme"), ())}))
    assert len({bare.version, other.version, reader.version}) == 3
    assert all(one.version.startswith(bare.version) for one in (other, reader))


def test_errors_are_those_of_the_held_out_rows(reader: ModelReader) -> None:
    errors = reader.errors
    assert errors.rows > 50
    assert 0 < errors.negative_when_not < errors.negative_when_negative < 1


def test_model_that_knows_no_sentiment_is_refused(tmp_path: Path) -> None:
    with (SAMPLE / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [{"text": row["title"], "topics": row["topics"]} for row in csv.DictReader(file)]
    data = tmp_path / "topics.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = tmp_path / "model"
    settings = ("--set", "train.rungs=tfidf", "--set", "evaluate.bootstrap_samples=50")
    succeed("train", "--data", data, "--out", folder, *settings)
    with pytest.raises(ModelError, match="does not tell negative news from positive"):
        ModelReader.load(folder, WATCH)

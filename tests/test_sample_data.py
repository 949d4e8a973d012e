"""The sample data: enough, varied, correctly labelled, and honest to test on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from core.data.table import read_table
from core.predict.zeroshot import read_descriptions
from kits.sentiment import SentimentConfig
from kits.sentiment.data import SENTIMENTS, load
from tests.kits.sentiment.command import SAMPLE

TOPICS = {
    "earnings", "deals", "rates", "economy", "legal", "product", "people", "credit", "commodities", "security",
}  # fmt: skip


class Expected(NamedTuple):
    """What a file must hold; an opening is so many first words, or characters where there are no spaces."""

    rows: int
    opening: int


FILES = {
    "train.csv": Expected(1200, 3),
    "test.csv": Expected(250, 3),
    "train_zh.csv": Expected(600, 4),
    "test_zh.csv": Expected(100, 4),
}
PAIRS = (("train.csv", "test.csv"), ("train_zh.csv", "test_zh.csv"))


def read(name: str) -> list[dict[str, str]]:
    table = read_table(str(SAMPLE / name))
    assert table.rejected == []
    return [{key: str(value) for key, value in row.values.items()} for row in table.rows]


@pytest.mark.parametrize("name", FILES)
def test_enough_rows_over_all_topics_and_sentiments(name: str) -> None:
    rows = read(name)
    assert len(rows) >= FILES[name].rows
    assert Counter(row["sentiment"] for row in rows).keys() == set(SENTIMENTS)
    counts = Counter(topic for row in rows for topic in row["topics"].split(";"))
    assert counts.keys() == TOPICS
    assert min(counts.values()) >= len(rows) / 50


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_read_as_it_stands(name: str) -> None:
    corpus = load(SentimentConfig(data={"sources": [str(SAMPLE / name)]}))  # type: ignore[arg-type]
    assert corpus.rejected == []
    assert all(
        example.time is not None and example.labels.keys() == {"sentiment", "topics"} for example in corpus.examples
    )


@pytest.mark.parametrize("name", FILES)
def test_text_stands_twice_only_for_another_company(name: str) -> None:
    rows = read(name)
    assert max(Counter((row["title"], row["body"], row["entity"]) for row in rows).values()) == 1
    seen: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        seen.setdefault(row["title"], []).append(row)
    repeated = [group for group in seen.values() if len(group) > 1]
    assert repeated
    for group in repeated:
        assert len({row["entity"] for row in group} - {""}) == len(group)


@pytest.mark.parametrize("name", FILES)
def test_headlines_come_from_no_template(name: str) -> None:
    opening = FILES[name].opening
    titles = sorted({row["title"] for row in read(name)})
    starts = {
        tuple(title.split()[:opening]) if title.isascii() or " " in title else title[:opening] for title in titles
    }
    assert len(starts) / len(titles) > 0.9


@pytest.mark.parametrize("name", FILES)
def test_companies_are_named_in_their_text(name: str) -> None:
    named = [row for row in read(name) if row["entity"]]
    assert named
    assert all(row["entity"] in row["title"] + row["body"] for row in named)


@pytest.mark.parametrize(("train", "test"), PAIRS)
def test_train_and_test_share_no_text_and_test_is_later(train: str, test: str) -> None:
    for column in ("title", "body"):
        texts = [{" ".join(row[column].casefold().split()) for row in read(name)} - {""} for name in (train, test)]
        assert not texts[0] & texts[1]
    assert max(row["published_at"] for row in read(train)) < min(row["published_at"] for row in read(test))


def test_described_topics_are_those_of_the_data() -> None:
    assert read_descriptions(SAMPLE / "topics.toml").keys() == TOPICS


def test_readme_of_the_data_states_the_numbers_of_rows() -> None:
    text = Path(SAMPLE, "README.md").read_text(encoding="utf-8")
    for name in FILES:
        assert f"| `{name}` | {len(read(name)):,} |" in text

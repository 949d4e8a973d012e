from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.config import DataConfig
from kits.sentiment.config import SentimentConfig, SurgeConfig
from kits.sentiment.feed import Record, make_item
from kits.sentiment.item import Item
from kits.sentiment.monitor.pipeline import Pipeline
from kits.sentiment.step import Step
from kits.sentiment.surge.signal import Signal, WindowCount
from tests.kits.sentiment.news import START, StubReader, make_records

SETTINGS = SentimentConfig(surge=SurgeConfig(min_history_days=2.0))
READER = StubReader(dimensions=16)


def make_items(count: int, **options: float | Sequence[float] | int) -> list[Item]:
    records = make_records(count, **options)  # type: ignore[arg-type]
    made = [make_item(Record(r, r["id"]), "test", DataConfig(), START, is_trusted_time=True) for r in records]
    return [item for item in made if isinstance(item, Item)]


ITEMS = make_items(1500, per_hour=15.0, surges=(0.8,))


def run(items: Sequence[Item], cuts: Sequence[int] = (), pipeline: Pipeline | None = None) -> list[Step]:
    pipeline = pipeline or Pipeline(SETTINGS, READER.errors)
    steps = []
    for start, stop in zip([0, *cuts], [*cuts, len(items)], strict=True):
        readings, vectors = READER.read(items[start:stop])
        steps += list(pipeline.take_in(items[start:stop], readings, vectors))
    return steps


def signals(steps: Sequence[Step]) -> list[Signal]:
    return [signal for step in steps for signal in step.signals]


def last_windows(steps: Sequence[Step]) -> dict[tuple[str, datetime], WindowCount]:
    return {(count.series, count.starts_at): count for step in steps for count in step.windows}


@pytest.fixture(scope="module")
def whole() -> list[Step]:
    return run(ITEMS)


def test_planted_surge_is_signalled_and_nothing_else(whole: list[Step]) -> None:
    opened = [signal for signal in signals(whole) if signal.what == "opened"]
    assert {signal.series for signal in opened} == {"overall", "topic:energy"}
    hours = (opened[0].starts_at - START) / timedelta(hours=1)
    assert 79 <= hours <= 82


@pytest.mark.parametrize("seed", range(4))
def test_how_items_are_cut_into_batches_makes_no_difference(whole: list[Step], seed: int) -> None:
    chance = random.Random(seed)
    pieces = run(ITEMS, sorted(chance.sample(range(1, len(ITEMS)), chance.choice((1, 5, 200)))))
    assert signals(pieces) == signals(whole)
    assert [(p.number, p.item, p.story) for s in pieces for p in s.placed] == [
        (p.number, p.item, p.story) for s in whole for p in s.placed
    ]
    assert last_windows(pieces) == last_windows(whole)
    assert {row.key: row for s in pieces for row in s.stories} == {row.key: row for s in whole for row in s.stories}


def test_step_with_a_signal_holds_no_item_that_came_after_it(whole: list[Step]) -> None:
    for step in whole:
        for signal in step.signals:
            assert all(placed.item.ingested_at <= signal.at for placed in step.placed)
            assert signal.at <= step.clock


def test_time_passing_in_small_steps_gives_the_same(whole: list[Step]) -> None:
    pipeline = Pipeline(SETTINGS, READER.errors)
    steps = []
    for start in range(0, len(ITEMS), 50):
        items = ITEMS[start : start + 50]
        readings, vectors = READER.read(items)
        steps += list(pipeline.take_in(items, readings, vectors))
        following = ITEMS[start + 50].ingested_at if start + 50 < len(ITEMS) else pipeline.clock
        for share in (0.3, 0.6):
            steps.append(pipeline.advance(pipeline.clock + share * (following - pipeline.clock)))
    assert [s.alert for s in signals(steps)] == [s.alert for s in signals(whole)]


def test_clock_never_goes_back_and_item_says_when_it_counted() -> None:
    first, second = ITEMS[100], ITEMS[99]
    placed = [p.item.ingested_at for step in run([first, second]) for p in step.placed]
    assert placed == [first.ingested_at, first.ingested_at]


def test_item_older_than_any_story_stands_alone_whatever_came_before() -> None:
    old = [
        Item(f"k{i}", "f", "s", "the same old title", "", None, None, "en", START, None, START + timedelta(days=9))
        for i in range(3)
    ]
    assert [p.story for step in run(old) for p in step.placed] == ["k0", "k1", "k2"]


def test_reprints_are_one_story_with_its_reach() -> None:
    items = [
        Item(f"k{i}", "f", f"paper {i % 2}", "Norvik mine halts after fire", "", None, None, "en", at, None, at)
        for i, at in enumerate(START + timedelta(minutes=m) for m in (5, 3, 9))
    ]
    (row,) = {row.key: row for step in run(items) for row in step.stories}.values()
    assert (row.lead_item, row.items, row.sources) == ("k1", 3, 2)


def test_vectors_are_kept_in_the_precision_in_which_they_are_compared(whole: list[Step]) -> None:
    vectors = [p.vector for step in whole for p in step.placed if p.vector is not None]
    assert len(vectors) == len(ITEMS)
    assert vectors[0].dtype == np.float16

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from kits.sentiment.backtest.measure import Span
from kits.sentiment.backtest.replay import Alarm
from kits.sentiment.backtest.rival import NEGATIVE_WORDS, always, by_chance, three_sigma, word_counts
from kits.sentiment.config import AlertConfig, SurgeConfig
from kits.sentiment.surge.grid import make_grid
from tests.kits.sentiment.simulate import HOUR, MONDAY, Burst, stream

GRID = make_grid(SurgeConfig(), AlertConfig())
LEAST = SurgeConfig().min_stories
SPAN = Span(MONDAY + timedelta(days=3), MONDAY + timedelta(days=14), HOUR)
BURST = Burst(topic=1, start=24 * 10 + 11, hours=2, added=20)
NEWS = stream(seed=4, topics=3, weeks=2, rate=0.5, bursts=[BURST])
BEGUN = MONDAY + BURST.start * HOUR


def test_always_speaks_in_every_series_as_soon_as_the_pause_is_over() -> None:
    alarms = always(["topic:b", "topic:a"], SPAN, 6 * HOUR)
    assert Counter(alarm.series for alarm in alarms).keys() == {"topic:a", "topic:b"}
    times = [alarm.opened_at for alarm in alarms if alarm.series == "topic:a"]
    assert times[0] == SPAN.start
    assert {later - earlier for earlier, later in pairwise(times)} == {7 * HOUR}


def test_chance_has_as_many_alarms_in_each_series_each_as_long() -> None:
    ours = [Alarm("topic:a", BEGUN, BEGUN, BEGUN + 3 * HOUR), Alarm("topic:b", BEGUN, BEGUN, BEGUN + HOUR)]
    moved = by_chance(ours, SPAN, seed=1)
    assert [(alarm.series, alarm.ends_at - alarm.starts_at) for alarm in moved] == [
        ("topic:a", 3 * HOUR),
        ("topic:b", HOUR),
    ]
    assert all(SPAN.start <= alarm.starts_at < SPAN.end for alarm in moved)
    assert by_chance(ours, SPAN, seed=1) == moved != by_chance(ours, SPAN, seed=2)


def test_three_sigma_speaks_as_soon_as_a_running_count_is_beyond_it() -> None:
    alarms = [alarm for alarm in three_sigma(NEWS, GRID, LEAST) if alarm.series == "topic:1"]
    found = [alarm for alarm in alarms if alarm.starts_at < BEGUN + 2 * HOUR and alarm.ends_at > BEGUN]
    assert len(found) == 1
    assert BEGUN < found[0].opened_at < BEGUN + HOUR
    assert found[0].ends_at >= BEGUN + 2 * HOUR


def test_words_are_counted_in_each_reprint_whatever_the_model_says() -> None:
    at = BEGUN + timedelta(days=1)
    calm = [replace(seen, sentiments=tuple((series, "neutral") for series, _ in seen.sentiments)) for seen in NEWS]
    last = calm[-1]
    prints = [replace(last, clock=at + n * timedelta(minutes=1), event_at=at, item=f"r{n}") for n in range(12)]
    seen = sorted([*calm, *prints], key=lambda one: one.clock)
    texts = ["Bank fined for fraud" if one.item.startswith("r") else "Meeting in June" for one in seen]
    alarms = word_counts(seen, texts, GRID, LEAST)
    assert {alarm.series for alarm in alarms} == {series for series, _ in last.sentiments}
    assert three_sigma(seen, GRID, LEAST) == []


def test_words_are_found_in_both_languages_and_only_whole() -> None:
    assert NEGATIVE_WORDS.search("Shares PLUNGE after probe")
    assert NEGATIVE_WORDS.search("多家房企债务违约")
    assert not NEGATIVE_WORDS.search("Profits climb beside the waterfall")

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from kits.sentiment.backtest.inject import SURGE_WINDOWS, Site, draw_curve, find_sites, plant
from kits.sentiment.backtest.measure import Span
from kits.sentiment.backtest.truth import Event
from kits.sentiment.config import SentimentConfig
from kits.sentiment.reading import ErrorRates
from kits.sentiment.surge.grid import make_grid
from tests.kits.sentiment.simulate import HOUR, MONDAY, stream

SETTINGS = SentimentConfig()
GRID = make_grid(SETTINGS.surge, SETTINGS.alert)
NEWS = stream(seed=5, topics=3, weeks=4, rate=0.5)
SPAN = Span(MONDAY + timedelta(days=5), NEWS[-1].clock, HOUR)


@pytest.fixture(scope="module")
def sites() -> list[Site]:
    return find_sites(NEWS, [], SPAN, GRID, seed=0)


def test_sites_are_in_single_series_a_week_apart_and_away_from_what_happened(sites: list[Site]) -> None:
    assert [site.series for site in sites] == ["topic:0", "topic:1", "topic:2"]
    for site in sites:
        assert all(later - earlier == timedelta(days=7) for earlier, later in pairwise(site.starts))
        assert all(
            mood == "negative" for seen in site.stock for series, mood in seen.sentiments if series == site.series
        )
    taken = Event("topic:1", sites[1].starts[0], sites[1].starts[0] + HOUR)
    assert len(find_sites(NEWS, [taken], SPAN, GRID, seed=0)[1].starts) == len(sites[1].starts) - 1


def test_planting_changes_nothing_of_what_was_there(sites: list[Site]) -> None:
    planted, events = plant(NEWS, sites, SPAN, 3.0, seed=1)
    assert [seen for seen in planted if not seen.item.startswith("planted")] == list(NEWS)
    assert [seen.clock for seen in planted] == sorted(seen.clock for seen in planted)
    assert len(events) == sum(len(site.starts) for site in sites)
    inside = [seen for seen in planted if seen.item.startswith("planted")]
    assert len({seen.story for seen in inside}) == len(inside)
    for seen in inside:
        (series,) = [series for series, _ in seen.sentiments if series != "overall"]
        assert any(event.series == series and event.starts_at <= seen.event_at < event.ends_at for event in events)
    assert plant(NEWS, sites, SPAN, 3.0, seed=1)[0] == planted


def test_strength_is_how_many_times_the_usual_number_comes(sites: list[Site]) -> None:
    planted, events = plant(NEWS, sites, SPAN, 5.0, seed=2)
    added = Counter(seen.sentiments[-1][0] for seen in planted if seen.item.startswith("planted"))
    for site in sites:
        expected = 4.0 * max(site.usual, 1.0) * SURGE_WINDOWS * len(site.starts)
        assert added[site.series] == pytest.approx(expected, rel=0.35)
    assert {event.strength for event in events} == {"5"}


def test_stronger_surges_are_found_more_often_and_sooner(sites: list[Site]) -> None:
    weak, strong = draw_curve(NEWS, SETTINGS, ErrorRates(), sites, SPAN, (1.2, 8.0))
    assert weak.recall < 0.5 < strong.recall
    assert strong.recall >= 0.9
    assert strong.delay_windows is not None
    assert strong.delay_windows < 2.0
    assert weak.low <= weak.recall <= weak.high

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kits.sentiment.backtest.measure import (
    DAYS_PER_MONTH,
    Span,
    find_delay,
    is_explained,
    poisson_interval,
    quiet_months,
    score_alarms,
    share_interval,
)
from kits.sentiment.backtest.replay import Alarm
from kits.sentiment.backtest.truth import SIDE, Event

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=2 * DAYS_PER_MONTH), HOUR)
SERIES = ("overall", "topic:a", "topic:b")


def alarm(series: str, hour: float, hours: float = 1.0, *, is_withdrawn: bool = False) -> Alarm:
    at = START + hour * HOUR
    return Alarm(series, at, at, at + hours * HOUR, is_withdrawn=is_withdrawn)


def event(series: str, hour: float, hours: float, strength: str = "strong") -> Event:
    return Event(series, START + hour * HOUR, START + (hour + hours) * HOUR, strength)


def test_alarm_is_right_from_the_start_of_an_event_to_a_window_after_its_end() -> None:
    events = [event("topic:a", 10, 4)]
    right = [alarm("topic:a", hour) for hour in (9.5, 10, 13, 14.5)]
    wrong = [alarm("topic:a", 8), alarm("topic:a", 15.5), alarm("topic:b", 11)]
    assert [is_explained(one, events, SPAN) for one in right] == [True] * 4
    assert [is_explained(one, events, SPAN) for one in wrong] == [False] * 3


def test_event_of_all_news_explains_topics_and_that_of_a_topic_all_news() -> None:
    assert is_explained(alarm("topic:b", 10), [event("overall", 9, 3)], SPAN)
    assert is_explained(alarm("overall", 10), [event("topic:a", 9, 3)], SPAN)
    assert not is_explained(alarm("topic:b", 10), [event("topic:a", 9, 3)], SPAN)


def test_score_counts_false_alarms_in_quiet_time_and_events_with_their_delay() -> None:
    events = [event("topic:a", 100, 10), event("topic:b", 100, 10), event("topic:b", 300, 5, SIDE)]
    alarms = [alarm("topic:a", 102), alarm("topic:a", 105), alarm("overall", 104), alarm("topic:b", 500)]
    score = score_alarms(alarms, events, SERIES, SPAN)
    assert (score.alarms, score.false, score.events, score.found, score.recall) == (4, 1, 2, 1, 0.5)
    assert score.delay_windows == 2.0
    assert score.series_months == pytest.approx(6 - 25 / 24 / DAYS_PER_MONTH)
    assert score.false_per_month == pytest.approx(1 / score.series_months)
    assert score.false_low is not None
    assert score.false_high is not None
    assert score.false_low < 1 / score.series_months < score.false_high


def test_event_that_only_shows_in_passing_is_neither_asked_for_nor_a_false_alarm() -> None:
    score = score_alarms([alarm("topic:b", 301)], [event("topic:b", 300, 5, SIDE)], SERIES, SPAN)
    assert (score.false, score.events, score.recall) == (0, 0, None)


def test_alarm_before_the_span_does_not_count() -> None:
    late = Span(START + 50 * HOUR, SPAN.end, HOUR)
    assert score_alarms([alarm("topic:a", 49)], [], SERIES, late).alarms == 0


def test_withdrawn_alarm_finds_nothing_but_costs_as_much() -> None:
    taken_back = alarm("topic:a", 101, is_withdrawn=True)
    assert find_delay(event("topic:a", 100, 5), [taken_back], SPAN) is None
    assert score_alarms([taken_back], [], SERIES, SPAN).false == 1


def test_alarm_that_is_on_when_an_event_begins_has_no_delay() -> None:
    assert find_delay(event("topic:a", 100, 5), [alarm("topic:a", 98, 4)], SPAN) == timedelta(0)


def test_median_delay_is_none_when_more_than_half_are_missed() -> None:
    events = [event("topic:a", 100 * n, 5) for n in range(1, 4)]
    assert score_alarms([alarm("topic:a", 101)], events, SERIES, SPAN).delay_windows is None


def test_overlapping_events_are_busy_only_once() -> None:
    events = [event("topic:a", 0, 10), event("topic:a", 5, 10)]
    assert SPAN.months - quiet_months("topic:a", events, SPAN) == pytest.approx(15 / 24 / DAYS_PER_MONTH)


def test_intervals_hold_the_truth_at_least_as_often_as_they_say() -> None:
    random = np.random.default_rng(7)
    counts = random.poisson(3.0, size=2000)
    assert np.mean([low <= 3.0 <= high for low, high in map(poisson_interval, counts.tolist())]) >= 0.95
    found = random.binomial(12, 0.8, size=2000)
    assert np.mean([low <= 0.8 <= high for low, high in (share_interval(n, 12) for n in found.tolist())]) >= 0.95

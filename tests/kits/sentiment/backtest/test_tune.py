from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataError
from kits.sentiment.backtest.measure import Span
from kits.sentiment.backtest.tune import choose_threshold, split_span, to_toml, try_threshold
from kits.sentiment.config import SentimentConfig, read_config
from kits.sentiment.reading import ErrorRates
from tests.kits.sentiment.simulate import HOUR, MONDAY, stream

NEWS = stream(seed=6, topics=4, weeks=4, rate=0.6)
SPAN = Span(MONDAY + 24 * 5 * HOUR, NEWS[-1].clock, HOUR)
ERRORS = ErrorRates()


def with_budget(budget: str) -> SentimentConfig:
    start = SentimentConfig()
    return start.model_copy(update={"alert": start.alert.model_copy(update={"budget": budget})})


def test_later_part_begins_where_the_earlier_one_ends() -> None:
    early, late = split_span(SPAN)
    assert (early.start, early.end, late.end) == (SPAN.start, late.start, SPAN.end)
    assert 0.55 < (early.end - early.start) / (SPAN.end - SPAN.start) < 0.65


def test_threshold_is_the_largest_that_keeps_the_budget_and_grows_with_it() -> None:
    early, _ = split_span(SPAN)
    chosen = []
    for budget in ("2 per series per month", "8 per series per month"):
        settings = with_budget(budget)
        chosen.append(choose_threshold(NEWS, settings, ERRORS, early, []))
        trials = try_threshold(chosen[-1], NEWS, settings, ERRORS, early, [], "")
        assert all(trial.per_month <= trial.budget for trial in trials)
        assert {trial.kind for trial in trials} == {"overall", "topic"}
    assert chosen[0] < chosen[1]


def test_what_comes_after_the_part_it_is_chosen_on_changes_nothing() -> None:
    early, _ = split_span(SPAN)
    settings = with_budget("4 per series per month")
    seen = [one for one in NEWS if one.clock < early.end]
    assert choose_threshold(NEWS, settings, ERRORS, early, []) == choose_threshold(seen, settings, ERRORS, early, [])


def test_history_that_surges_all_the_time_is_refused() -> None:
    unquiet = [one for one in NEWS if one.event_at < MONDAY + 24 * 9 * HOUR]
    at = MONDAY + 24 * 8 * HOUR
    burst = [
        type(one)(at + n * HOUR / 100, at + n * HOUR / 100, f"x{n}", f"x{n}", (("topic:0", "negative"),))
        for n, one in enumerate(NEWS[:95])
    ]
    seen = sorted([*unquiet, *burst], key=lambda one: one.clock)
    span = Span(MONDAY + 24 * 5 * HOUR, MONDAY + 24 * 9 * HOUR, HOUR)
    with pytest.raises(DataError, match="more alarms than the budget allows"):
        choose_threshold(seen, with_budget("1 per topic per year"), ERRORS, span, [])


def test_written_setting_is_one_that_config_takes(tmp_path: Path) -> None:
    settings = with_budget("4 per series per month")
    trials = try_threshold(0.002, NEWS, settings, ERRORS, SPAN, [], "shown on")
    file = tmp_path / "tuned.toml"
    file.write_text(to_toml(0.002, settings, trials), encoding="utf-8")
    read = read_config(config=file)
    assert (read.alert.threshold, read.alert.budget) == (0.002, "4 per series per month")
    assert "# shown on" in file.read_text(encoding="utf-8")

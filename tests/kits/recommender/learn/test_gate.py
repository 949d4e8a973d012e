from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from kits.recommender.event import Event
from kits.recommender.learn.gate import decide, out_of_fold, with_scores
from kits.recommender.learn.replay import as_newcomers
from kits.recommender.learn.run import Learned, learn
from kits.recommender.log.behaviour import Log
from kits.recommender.model.feature import COLUMN, FEATURES, OF_THE_USER, Known, state_features
from kits.recommender.model.rank import Ranker, fit_ranker, grades
from kits.recommender.state.user import User
from tests.kits.recommender.readers import make_reading, quick_config

CONFIG = quick_config(data={"validation_fraction": 0.3, "test_fraction": 0.2}, rank={"check_fraction": 0.5})


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(make_reading(users=60, lists=30), CONFIG)


def test_model_finds_what_readers_like(learned: Learned) -> None:
    whole = learned.verdicts["all"]
    assert learned.alarms == []
    assert whole.metrics["model"]["ndcg@10"] > whole.metrics["popularity"]["ndcg@10"] + 0.1
    assert whole.intervals["model"]["auc"].low > 0.7
    assert 0.4 < whole.metrics["random"]["auc"] < 0.6


def test_click_logged_before_its_list_raises_the_leak_alarm() -> None:
    log = make_reading()
    early = sorted((replace(e, at=e.at - timedelta(hours=1)) for e in log.events), key=lambda event: event.at)
    found = learn(Log(log.items, early, log.impressions), CONFIG)
    leaks = [alarm.message for alarm in found.alarms if alarm.kind == "leak"]
    assert any(message.startswith("days_since_own_event alone") for message in leaks)


def test_clicks_that_follow_nothing_raise_the_chance_alarm() -> None:
    log, random = make_reading(), np.random.default_rng(0)
    mixed = [replace(shown, weights=tuple(random.permutation(shown.weights).tolist())) for shown in log.impressions]
    events = [
        Event(shown.user_id, item, "click", shown.at)
        for shown in mixed
        for item, is_clicked in zip(shown.item_ids, shown.clicks, strict=True)
        if is_clicked
    ]
    assert "chance" in {alarm.kind for alarm in learn(Log(log.items, events, mixed), CONFIG).alarms}


def test_ranker_that_leans_on_what_stops_being_true_is_refused(learned: Learned) -> None:
    windows, rung = learned.windows, learned.chosen
    random = np.random.default_rng(0)
    ranked, _ = out_of_fold(windows, rung, CONFIG)
    select, check = (with_scores(data, rung.texts, rung.tower) for data in (windows.select, windows.check))
    honest = decide(fit_ranker(ranked.lists, select.lists, CONFIG.rank, 0), select, check, CONFIG)
    for data, is_true in ((ranked, True), (select, True), (check, False)):
        noise = random.normal(size=len(data.items))
        data.lists.features[:, COLUMN["age_days"]] = noise + (3.0 * data.clicks if is_true else 0.0)
    planted = decide(fit_ranker(ranked.lists, select.lists, CONFIG.rank, 0), select, check, CONFIG)
    assert not planted.is_promoted
    assert "a later window contradicts it" in planted.reason
    assert planted.selected is not None
    assert honest.selected is not None
    assert planted.selected.value > honest.selected.value


def test_ranker_is_the_same_text_each_time_and_reads_back(learned: Learned) -> None:
    windows, rung = learned.windows, learned.chosen
    ranked, _ = out_of_fold(windows, rung, CONFIG)
    select = with_scores(windows.select, rung.texts, rung.tower)
    first, second = (fit_ranker(ranked.lists, select.lists, CONFIG.rank, 7) for _ in range(2))
    assert first.text == second.text
    features = select.lists.features
    assert np.array_equal(Ranker(first.text).score(features), first.score(features))
    lifted = first.contributions(features)
    assert lifted.shape == features.shape == (len(features), len(FEATURES))
    rest = first.score(features) - lifted.sum(axis=1)
    assert np.allclose(rest, rest[0])


def test_scores_of_the_ranker_s_lists_come_from_towers_that_have_not_seen_them(learned: Learned) -> None:
    """Out of fold, the first stretch is scored by towers of the early lists alone."""
    windows, rung = learned.windows, learned.chosen
    ranked, _ = out_of_fold(windows, rung, CONFIG)
    seen = with_scores(windows.ranked, rung.texts, rung.tower)
    column = COLUMN["model_score"]
    assert len(ranked) == len(windows.ranked)
    assert not np.allclose(ranked.lists.features[:, column], seen.lists.features[:, column], atol=1e-3)


def test_features_of_newcomers_are_those_of_an_empty_history(learned: Learned) -> None:
    windows = learned.windows
    first = as_newcomers(windows.ranked, windows.catalog)
    state = state_features(Known(windows.catalog, windows.tally), User(), first.items, windows.tally.clock)
    for name in OF_THE_USER:
        assert np.array_equal(first.lists.features[:, COLUMN[name]], state[:, COLUMN[name]], equal_nan=True), name


def test_who_is_not_known_at_all_is_ranked_by_trees_for_newcomers(learned: Learned) -> None:
    windows, rung = learned.windows, learned.chosen
    ranked, first = out_of_fold(windows, rung, CONFIG)
    ranker = fit_ranker(ranked.lists, ranked.lists, CONFIG.rank, 0, (first.lists, first.lists))
    known, new = Ranker(ranker.text), Ranker(str(ranker.newcomers))
    for features in (ranked.lists.features, first.lists.features):
        is_new = (features[:, COLUMN["history_events"]] == 0) & np.isnan(features[:, COLUMN["text_nearest"]])
        expected = np.where(is_new, new.score(features), known.score(features))
        assert np.array_equal(ranker.score(features), expected)
    assert not np.array_equal(known.score(first.lists.features), new.score(first.lists.features))
    wished = first.lists.features.copy()
    wished[:, COLUMN["text_nearest"]] = 0.5  # interests were named
    assert np.array_equal(ranker.score(wished), known.score(wished))


def test_grades_rise_with_what_was_done() -> None:
    assert grades(np.array([-1, 0, 0.3, 1, 2, 3, 4], dtype=np.float32)).tolist() == [0, 0, 0, 1, 2, 3, 4]

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from kits.recommender.event import Event, Impression
from kits.recommender.learn.cut import make_lists
from kits.recommender.learn.replay import Replayed, replay
from kits.recommender.log.behaviour import Log
from kits.recommender.model.feature import COLUMN, FEATURES
from kits.recommender.model.recommender import Recommender
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.tally import Tally
from tests.kits.recommender.readers import make_reading
from tests.kits.recommender.shop import NOW, make_items, make_recommender


def replay_log(log: Log) -> Replayed:
    return replay(Catalog(log.items.values()), Tally(), {}, log.events, log.impressions)


def test_no_feature_and_no_history_knows_of_what_comes_later() -> None:
    """Whatever happens from a moment on, lists that were shown until then have the same features."""
    log = make_reading(users=20, lists=10)
    cut = log.impressions[len(log.impressions) // 2].at
    whole, before = replay_log(log), replay_log(log.before(cut))
    other = make_reading(users=20, lists=10, seed=1)
    changed = replay_log(
        Log(
            log.items,
            [*log.before(cut).events, *other.between(cut, None).events],
            [*log.before(cut).impressions, *other.between(cut, None).impressions],
        )
    )
    known = len(before)
    assert known > 50
    rows = before.starts[-1]
    for later in (whole, changed):
        assert np.array_equal(later.lists.features[:rows], before.lists.features, equal_nan=True)
        assert all(np.array_equal(a, b) for a, b in zip(later.histories[:known], before.histories, strict=True))


def test_what_is_done_at_the_very_moment_of_a_list_is_not_known_to_it() -> None:
    items = {item.item_id: item for item in make_items()}
    shown = Impression("u", NOW, ("i1", "i2"), (1.0, 0.0), (1, 2), impression_id="x")
    at_once = replay_log(Log(items, [Event("u", "i1", "click", NOW, "x", 1)], [shown]))
    before = replay_log(Log(items, [Event("u", "i1", "click", NOW - timedelta(seconds=1))], [shown]))
    assert at_once.lists.features[:, COLUMN["popularity"]].tolist() == [0.0, 0.0]
    assert len(at_once.histories[0]) == 0
    assert before.lists.features[0, COLUMN["popularity"]] > 0
    assert before.histories[0].tolist() == [1]


def test_two_lists_of_one_moment_do_not_know_of_each_other() -> None:
    items = {item.item_id: item for item in make_items()}
    shown = Impression("u", NOW, ("i1", "i2"), (1.0, 0.0), (1, 2), impression_id="x")
    again = replace(shown, impression_id="y")
    later = replace(shown, at=NOW + timedelta(minutes=1), impression_id="z")
    replayed = replay_log(Log(items, [], [shown, again, later]))
    assert replayed.lists.features[:, COLUMN["shown_before"]].tolist() == [0, 0, 0, 0, 2, 2]


def test_service_computes_the_features_that_training_saw() -> None:
    """A recommender that followed the same events ranks a list by the very numbers of the replay."""
    log = make_reading(users=12, lists=8)
    last = [shown for shown in log.impressions if 0 < sum(shown.clicks) < len(shown.item_ids)][-1]
    replayed = replay_log(log.before(last.at + timedelta(microseconds=1)))
    recommender: Recommender = make_recommender()
    events, lists = log.before(last.at).events, log.before(last.at).impressions
    steps = sorted([*events, *lists], key=lambda step: (step.at, isinstance(step, Event)))
    for step in steps:
        if isinstance(step, Event):
            recommender.observe(step)
        else:
            recommender.observe_impression(step)
    ranking = recommender.rank(recommender.user(last.user_id), last.item_ids, last.at)
    expected = replayed.lists.features[replayed.starts[-2] :]
    stands = [place for place, name in enumerate(FEATURES) if not name.startswith(("text_", "model_"))]
    assert np.allclose(ranking.features[:, stands], expected[:, stands], equal_nan=True, rtol=1e-5)


def test_sampled_lists_hold_what_was_published_and_not_touched() -> None:
    log = make_reading(has_lists=False)
    catalog = Catalog(log.items.values())
    lists = make_lists(log, catalog, 10, seed=3)
    touched = {(event.user_id, event.item_id) for event in log.events}
    assert len(lists) == len(log.events)
    for shown in lists:
        assert shown.is_sampled
        assert sum(shown.clicks) == 1
        others = [item for item, clicked in zip(shown.item_ids, shown.clicks, strict=True) if not clicked]
        assert len(set(others)) == len(others) <= 10
        assert not {(shown.user_id, item) for item in others} & touched
        assert all(log.items[item].published_at <= shown.at for item in others)  # type: ignore[operator]
    assert lists == make_lists(log, catalog, 10, seed=3)


def test_click_that_position_explains_does_not_raise_the_click_rate() -> None:
    """Two items are liked alike; one always stands on top. Their debiased rates are nearer than their clicks."""
    tally, random = Tally(), np.random.default_rng(0)
    from kits.recommender.state.user import User

    for step in range(4000):
        user = User()
        for item, position in ((0, 1), (1, 8), (2 + step % 50, 1 if step % 2 else 8)):
            weight = float(random.random() < (0.4 if position == 1 else 0.1))
            tally.observe(user, item, 0.0, step, position)
            if weight:
                tally.observe(user, item, weight, step + 0.5, position)
    rates, clicks = tally.click_rate(np.array([0, 1])), tally.clicks(np.array([0, 1]))
    assert clicks[0] / clicks[1] > 3
    assert 0.75 < rates[0] / rates[1] < 1.35

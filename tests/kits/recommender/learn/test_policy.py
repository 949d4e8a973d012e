from __future__ import annotations

from kits.recommender.learn.policy import judge_policy
from kits.recommender.learn.replay import Replayed
from kits.recommender.learn.window import Windows, join, open_windows
from tests.kits.recommender.readers import make_reading, quick_config
from tests.kits.recommender.shop import make_recommender


def judged(windows: Windows, earlier: Replayed, data: Replayed) -> object:
    recommender = make_recommender()
    return judge_policy(
        earlier, data, windows.catalog, recommender.texts, recommender.tower, samples=200, seed=0
    )  # fmt: skip


def test_towers_would_have_earned_more_than_chance_did() -> None:
    """A reader clicks 0.7 of one category in four and 0.05 of the others, at the first place: 0.21 by chance."""
    windows = open_windows(make_reading(users=60), quick_config())
    found = judged(windows, windows.early, join(windows.ranked, windows.select))
    assert isinstance(found, dict)
    assert found["logged"].value < 0.25
    assert found["snips"].interval.low > found["logged"].interval.high
    assert found["dr"].interval.low > found["logged"].interval.high


def test_log_without_propensities_says_nothing_of_other_policies() -> None:
    windows = open_windows(make_reading(has_lists=False), quick_config())
    assert judged(windows, windows.early, windows.ranked) is None

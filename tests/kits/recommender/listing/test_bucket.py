from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kits.recommender.config import DiversifyConfig, ExperimentConfig
from kits.recommender.listing.bucket import choose_bucket, compare_buckets, settings_of


def test_users_are_dealt_out_by_the_shares_and_always_in_the_same_way() -> None:
    experiment = ExperimentConfig(name="variety", buckets={"old": 0.7, "new": 0.3})
    users = [f"user {n}" for n in range(20_000)]
    dealt = [choose_bucket(user, experiment) for user in users]
    assert dealt == [choose_bucket(user, experiment) for user in users]
    assert Counter(dealt)["new"] / len(users) == pytest.approx(0.3, abs=0.01)
    other = experiment.model_copy(update={"name": "another"})
    both = Counter(zip(dealt, (choose_bucket(user, other) for user in users), strict=True))
    assert both["new", "new"] / len(users) == pytest.approx(0.09, abs=0.01)
    assert choose_bucket("user 1", ExperimentConfig()) == ""


def test_bucket_has_its_own_trade_off() -> None:
    experiment = ExperimentConfig(buckets={"old": 0.5, "new": 0.5}, trade_off={"new": 0.8})
    assert settings_of("new", DiversifyConfig(), experiment).trade_off == 0.8
    assert settings_of("old", DiversifyConfig(), experiment) == DiversifyConfig()


def test_interval_of_the_difference_holds_the_truth_and_widens_when_users_differ() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for seed in range(12):
        rows = {
            name: [(40, int(random.binomial(40, chance))) for chance in random.beta(2, 2 / share - 2, size=300)]
            for name, share in (("a", 0.10), ("b", 0.12))
        }
        outcomes, (difference,) = compare_buckets(rows, seed)
        assert [outcome.users for outcome in outcomes] == [300, 300]
        hits += difference.low <= 0.02 <= difference.high
    assert hits >= 10
    binomial = 2 * 1.96 * np.sqrt(0.1 * 0.9 / (300 * 40))
    assert outcomes[0].high - outcomes[0].low > 1.5 * binomial

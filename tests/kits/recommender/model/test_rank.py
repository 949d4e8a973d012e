from __future__ import annotations

import numpy as np
import pytest

from kits.recommender.config import RankConfig
from kits.recommender.model.feature import COLUMN, FEATURES
from kits.recommender.model.rank import Lists, Ranker, fit_ranker


@pytest.fixture(scope="module")
def lists() -> Lists:
    """Clicks that depend on three features, lists of a size that is served."""
    random = np.random.default_rng(0)
    features = random.normal(size=(400 * 50, len(FEATURES))).astype(np.float32)
    columns = [COLUMN[name] for name in ("text_nearest", "popularity_recent", "category_affinity")]
    liking = features[:, columns] @ np.array([3.0, 1.0, 1.0]) + random.logistic(scale=0.3, size=len(features))
    return Lists(features, (liking > np.quantile(liking, 0.9)).astype(np.float32), np.full(400, 50))


@pytest.mark.parametrize("trees", [10, 120])
def test_best_of_many_are_those_that_all_trees_would_choose(lists: Lists, trees: int) -> None:
    ranker = fit_ranker(lists, lists, RankConfig(trees=trees), seed=0)
    features = lists.features[:400]
    every = ranker.score(features)
    order = np.argsort(-every, kind="stable")
    rows, scores = ranker.choose(features, 60)
    assert rows[:20].tolist() == order[:20].tolist()
    assert len(set(rows.tolist()) & set(order[:60].tolist())) >= 58
    np.testing.assert_allclose(scores, every[rows], rtol=1e-9)
    assert np.all(np.diff(scores) <= 0)


def test_few_candidates_are_all_read_by_all_trees(lists: Lists) -> None:
    ranker: Ranker = fit_ranker(lists, lists, RankConfig(trees=60), seed=0)
    for rows in (0, 1, 90):
        features = lists.features[:rows]
        found, scores = ranker.choose(features, 60)
        assert found.tolist() == np.argsort(-ranker.score(features), kind="stable")[:60].tolist()
        np.testing.assert_allclose(scores, ranker.score(features)[found], rtol=1e-9)

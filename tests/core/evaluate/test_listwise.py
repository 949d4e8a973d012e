from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from core.evaluate.listwise import interval, judge_lists, lead, list_auc, mean_by_user


@given(st.integers(0, 10_000))
def test_scores_of_a_list_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(2, 30, size=4)
    scores = random.permutation(sizes.sum()).astype(np.float64)
    clicks = random.random(sizes.sum()) < 0.3
    starts = np.cumsum(sizes) - sizes
    clicks[starts], clicks[starts + 1] = True, False
    judged = judge_lists(scores, clicks, sizes, ["a", "b", "c", "d"])
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        own, hit = scores[start : start + size], clicks[start : start + size]
        assert judged.lists["auc"][number] == pytest.approx(roc_auc_score(hit, own))
        assert judged.lists["ndcg@10"][number] == pytest.approx(ndcg_score([hit], [own], k=10))
        first = 1 + np.flatnonzero(hit[np.argsort(-own)])
        assert judged.lists["mrr"][number] == pytest.approx((1 / first).sum() / hit.sum())
        assert judged.lists["hit@10"][number] == float(first[0] <= 10)


def test_equal_scores_count_half_in_auc_and_do_not_favour_the_first_row() -> None:
    sizes = np.full(2000, 10)
    clicks = np.tile([True, *[False] * 9], 2000)
    judged = judge_lists(np.zeros(20_000), clicks, sizes, [str(n) for n in range(2000)])
    assert judged.mean("auc") == 0.5
    assert judged.mean("mrr") == pytest.approx(np.mean(1 / np.arange(1, 11)), abs=0.02)
    assert list_auc(np.zeros(2), np.array([True, False]), np.array([2])).tolist() == [0.5]


def test_every_user_counts_the_same_however_many_lists_there_are() -> None:
    assert mean_by_user(np.array([1.0, 0.0, 0.0, 0.0]), ["a", "b", "b", "b"]).tolist() == [1.0, 0.0]


def test_interval_of_a_lead_is_narrower_than_of_its_sides_when_they_go_together() -> None:
    random = np.random.default_rng(0)
    base = random.random(200)
    better = base + 0.05 + 0.01 * random.random(200)
    ahead, bounds = lead(better, base), interval(better)
    assert ahead.is_certain
    assert ahead.high - ahead.low < (bounds.high - bounds.low) / 5

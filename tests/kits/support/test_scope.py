"""The judge, the costs and the measures: laws that hold for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.evaluate.risk import mean_risk, risk_curve
from kits.support.scope.judge import Judge, fit_judge
from kits.support.scope.measure import area, expected_error
from kits.support.scope.neighbour import FAR, Neighbours
from kits.support.scope.part import cut_parts, fit_cut, second_wish
from kits.support.scope.policy import Policy

LABELS = ("a", "b", "c", "oos")
SHARES = st.floats(0, 1)


def make_rows(rows: int, seed: int, outside: float = 0.2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, similarities and truth of a classifier that is right more often than not."""
    random = np.random.default_rng(seed)
    truth = np.where(random.random(rows) < outside, 3, random.integers(0, 3, rows))
    scores = random.normal(size=(rows, 4))
    scores[np.arange(rows), truth] += 2.5
    near = np.clip(random.normal(0.3, 0.1, size=(rows, 4)), -1, 1)
    near[np.arange(rows), truth] += 0.3
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return chances, near, truth


def test_judge_is_calibrated_and_better_than_the_classifier_alone() -> None:
    judge = fit_judge(LABELS, *make_rows(2000, 0), None)
    chances, near, truth = make_rows(2000, 1)
    judged = judge.judge(LABELS, chances, near)
    outside = truth == 3
    right = chances[:, :3].argmax(axis=1) == truth
    assert expected_error(judged.outside, outside) < 0.03
    assert expected_error(judged.first, right) < 0.03
    assert area(judged.outside, outside) > area(chances[:, 3], outside) + 0.01
    assert (judged.first <= judged.either + 1e-12).all()
    assert (judged.either <= 1 - judged.outside + 1e-12).all()


def test_rows_out_of_scope_are_imitated_where_there_are_none() -> None:
    chances, near, truth = make_rows(1000, 0, outside=0.0)
    judge = fit_judge(LABELS[:3], chances[:, :3] / chances[:, :3].sum(axis=1, keepdims=True), near[:, :3], truth, None)
    assert judge.outside_rows == 0
    strange = np.full((1, 3), 1 / 3)
    known = np.array([[0.98, 0.01, 0.01]])
    far, close = np.full((1, 3), 0.1), np.array([[0.9, 0.2, 0.2]])
    assert judge.judge(LABELS[:3], strange, far).outside[0] > judge.judge(LABELS[:3], known, close).outside[0] + 0.3


def test_more_out_of_scope_to_expect_makes_every_text_more_suspect() -> None:
    rows = make_rows(1000, 0)
    usual, many = fit_judge(LABELS, *rows, 0.2), fit_judge(LABELS, *rows, 0.6)
    chances, near, _ = make_rows(50, 2)
    assert (many.judge(LABELS, chances, near).outside > usual.judge(LABELS, chances, near).outside).all()


def test_few_rows_fall_back_to_the_classifier_itself() -> None:
    chances, near, truth = make_rows(6, 0)
    judged = fit_judge(LABELS, chances, near, truth, None).judge(LABELS, chances, near)
    assert np.isfinite(judged.first).all()
    assert isinstance(Judge(), Judge)


def test_neighbours_are_those_that_are_nearest() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = random.integers(0, 3, 50)
    found = Neighbours.of(vectors, labels.tolist(), 4, 0).similarities(vectors[:10])
    for row in range(10):
        for label in range(3):
            assert found[row, label] == pytest.approx((vectors[labels == label] @ vectors[row]).max(), abs=1e-5)
    assert (found[:, 3] == FAR).all()


@given(SHARES, SHARES, st.floats(0.1, 50), st.floats(0, 50), st.floats(0, 50))
def test_decision_is_the_cheapest(first: float, rest: float, wrong: float, handoff: float, clarify: float) -> None:
    either = first + (1 - first) * rest
    policy = Policy(wrong, handoff, clarify)
    costs = policy.costs(first, either)
    (decision,) = policy.decide_many(np.array([first]), np.array([either])).tolist()
    assert costs[decision] == pytest.approx(min(costs.values()), abs=1e-9)


@given(st.lists(st.tuples(SHARES, st.booleans()), min_size=1, max_size=40))
def test_curve_goes_from_nothing_answered_to_everything(rows: list[tuple[float, bool]]) -> None:
    sure, right = np.array([s for s, _ in rows]), np.array([r for _, r in rows])
    curve = risk_curve(sure, right, cost_wrong=3, cost_abstain=1, samples=20)
    assert (curve[0].coverage, curve[0].cost) == (0.0, 1.0)
    assert curve[-1].coverage == 1.0
    assert curve[-1].risk == pytest.approx(1 - right.mean())
    assert curve[-1].cost == pytest.approx(3 * (1 - right.mean()))
    assert [p.coverage for p in curve] == sorted(p.coverage for p in curve)
    assert 0 <= mean_risk(curve) <= 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("I lost my card and I also want to know the fee", ["I lost my card", "I also want to know the fee"]),
        ("I lost my card. What does a new one cost?", ["I lost my card", "What does a new one cost?"]),
        ("bed and breakfast", []),
        ("我的卡丢了，还有转账限额是多少？", ["我的卡丢了", "转账限额是多少"]),
    ],
)
def test_parts_of_a_text_are_what_could_stand_alone(text: str, parts: list[str]) -> None:
    assert [part.rstrip("?") for part in cut_parts(text)] == [part.rstrip("?") for part in parts]


def test_second_wish_needs_two_parts_that_differ() -> None:
    assert second_wish(np.array([[0.9, 0.1], [0.8, 0.2]])) is None
    assert second_wish(np.array([[0.1, 0.9], [0.7, 0.3]])) == (1, 0, 0.7)


def test_cut_between_one_wish_and_two_makes_fewest_mistakes() -> None:
    assert fit_cut([], [0.5]) > 1
    assert fit_cut([(True, 0.8), (True, 0.6), (False, 0.9)], [0.1, 0.2, 0.3]) == 0.6
    assert fit_cut([(True, 0.5)], [0.6] * 10) > 1

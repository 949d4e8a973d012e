"""Temperature mends confidence without changing decisions; thresholds fit without overfitting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from core.evaluate.calibration import (
    expected_calibration_error,
    fit_temperature,
    fit_temperature_multi,
    fit_thresholds,
    reliability_curve,
    sigmoid,
    softmax,
)


def honest_logits(rows=4000, labels=4, seed=0):
    """Logits whose softmax is exactly the chance of each label."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=1.5, size=(rows, labels))
    chances = softmax(logits).cumsum(axis=1)
    truth = (random.random((rows, 1)) > chances).sum(axis=1).clip(max=labels - 1)
    return logits, truth


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_temperature_undoes_a_known_scale(scale):
    logits, truth = honest_logits()
    assert fit_temperature(logits * scale, truth) == pytest.approx(scale, rel=0.1)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_multi_label_temperature_undoes_a_known_scale(scale):
    random = np.random.default_rng(0)
    logits = random.normal(scale=2.0, size=(2000, 5))
    truth = random.random(logits.shape) < sigmoid(logits)
    assert fit_temperature_multi(logits * scale, truth) == pytest.approx(scale, rel=0.1)


def test_temperature_lowers_the_calibration_error_of_an_over_sure_model():
    logits, truth = honest_logits()
    before = expected_calibration_error(softmax(logits * 3), truth)
    after = expected_calibration_error(softmax(logits * 3 / fit_temperature(logits * 3, truth)), truth)
    assert after < before / 4


def test_temperature_stays_one_with_too_few_rows():
    logits, truth = honest_logits(rows=19)
    assert fit_temperature(logits, truth) == 1.0
    assert fit_temperature_multi(logits, np.ones_like(logits)) == 1.0


def test_temperature_of_a_faultless_model_does_not_collapse():
    truth = np.arange(60) % 3
    assert 0.3 < fit_temperature(4.0 * np.eye(3)[truth], truth) <= 1.0


def test_temperature_stays_in_its_bounds_when_all_is_wrong():
    truth = np.arange(600) % 3
    assert 1.0 < fit_temperature(-50.0 * np.eye(3)[truth], truth) <= 20.0


def test_diverged_logits_are_refused():
    with pytest.raises(ValueError, match="diverged"):
        fit_temperature(np.full((30, 2), np.nan), np.zeros(30, dtype=int))


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 20))
@settings(max_examples=50, deadline=None)
def test_temperature_keeps_every_decision(seed, temperature):
    logits = np.random.default_rng(seed).normal(scale=5, size=(20, 6))
    assert (softmax(logits / temperature).argmax(axis=1) == logits.argmax(axis=1)).all()
    assert ((sigmoid(logits / temperature) > 0.5) == (logits > 0)).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_probabilities_are_finite_and_sum_to_one(logits):
    assert softmax(np.array(logits)).sum() == pytest.approx(1.0)
    assert (sigmoid(np.array(logits)) + sigmoid(-np.array(logits))).tolist() == pytest.approx([1.0] * len(logits))


def test_reliability_bins_hold_every_prediction_once():
    logits, truth = honest_logits(rows=500)
    assert sum(b.count for b in reliability_curve(softmax(logits), truth)) == 500
    marks = np.eye(4)[truth]
    assert sum(b.count for b in reliability_curve(softmax(logits), marks)) == 2000


def test_calibration_error_of_a_small_case_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [1.0, 0.0]])
    truth = np.array([0, 1, 0, 0])
    assert expected_calibration_error(probabilities, truth, bins=10) == pytest.approx(
        (3 * abs(2 / 3 - (0.9 + 0.9 + 1.0) / 3) + 0.4) / 4
    )


@given(seed=st.integers(0, 10_000), rows=st.integers(2, 60))
@settings(max_examples=60, deadline=None)
def test_threshold_of_a_trusted_label_has_the_largest_f1_of_all_cuts(seed, rows):
    random = np.random.default_rng(seed)
    truth = (random.random((rows, 1)) < 0.4).astype(int)
    truth[0] = 1
    scores = np.round(random.uniform(0.05, 0.95, (rows, 1)), 2)
    threshold = fit_thresholds(scores, truth, minimum_positives=1)
    reached = f1_score(truth[:, 0], scores[:, 0] >= threshold[0])
    best = max(f1_score(truth[:, 0], scores[:, 0] >= cut) for cut in np.unique(scores))
    assert reached == pytest.approx(best)


def test_threshold_of_a_rare_label_leans_on_the_pooled_one():
    random = np.random.default_rng(0)
    truth = np.zeros((400, 3))
    truth[:200, 0] = 1
    truth[200, 1] = 1
    scores = 0.3 * truth + random.uniform(0.1, 0.35, truth.shape)
    scores[200, 1] = 0.95
    own = fit_thresholds(scores, truth, minimum_positives=1)
    leaning = fit_thresholds(scores, truth, minimum_positives=20)
    pooled = leaning[2]
    assert own[1] > 0.6
    assert leaning[1] == pytest.approx(own[1] / 20 + pooled * 19 / 20)
    assert leaning[0] == own[0]


def test_thresholds_are_never_extreme():
    scores = np.array([[0.0, 1.0], [0.0, 1.0], [0.001, 1.0]])
    for truth in (np.ones((3, 2)), np.zeros((3, 2)), np.array([[0, 1], [0, 0], [1, 0]])):
        thresholds = fit_thresholds(scores, truth)
        assert ((thresholds >= 0.01) & (thresholds <= 0.99)).all()

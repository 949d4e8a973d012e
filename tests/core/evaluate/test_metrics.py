"""Scores agree with scikit-learn, intervals and comparisons tell luck from skill."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from core.errors import DataError
from core.evaluate.calibration import sigmoid, softmax
from core.evaluate.metrics import (
    bootstrap,
    compare,
    confusion,
    measure,
    multi_metrics,
    per_label,
    single_metrics,
)
from core.evaluate.ranking import average_precision, roc_area


def single_case(rows=300, labels=5, signal=2.0, seed=0):
    random = np.random.default_rng(seed)
    truth = random.integers(labels, size=rows)
    logits = random.normal(size=(rows, labels))
    logits[np.arange(rows), truth] += signal
    return softmax(logits), truth


def multi_case(rows=300, labels=6, signal=3.0, seed=0):
    random = np.random.default_rng(seed)
    truth = (random.random((rows, labels)) < 0.2).astype(np.float32)
    return sigmoid(random.normal(size=(rows, labels)) - 1.5 + signal * truth), truth


def test_single_scores_agree_with_scikit_learn():
    probabilities, truth = single_case()
    predicted = probabilities.argmax(axis=1)
    scores = single_metrics(probabilities, truth)
    one_hot = np.eye(5)[truth]
    assert scores == pytest.approx(
        {
            "accuracy": reference.accuracy_score(truth, predicted),
            "macro_f1": reference.f1_score(truth, predicted, average="macro"),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, predicted),
            "log_loss": reference.log_loss(truth, probabilities),
            "brier": np.square(probabilities - one_hot).sum(axis=1).mean(),
            "roc_auc": reference.roc_auc_score(truth, probabilities, multi_class="ovr"),
            "average_precision": reference.average_precision_score(one_hot, probabilities),
            "ece": scores["ece"],
        }
    )


def test_multi_scores_agree_with_scikit_learn():
    probabilities, truth = multi_case()
    thresholds = np.linspace(0.2, 0.7, 6)
    predicted = probabilities >= thresholds
    scores = multi_metrics(probabilities, truth, thresholds)
    assert scores["ece"] > 0
    assert scores == pytest.approx(
        {
            "micro_f1": reference.f1_score(truth, predicted, average="micro"),
            "macro_f1": reference.f1_score(truth, predicted, average="macro"),
            "micro_precision": reference.precision_score(truth, predicted, average="micro"),
            "micro_recall": reference.recall_score(truth, predicted, average="micro"),
            "subset_accuracy": reference.accuracy_score(truth, predicted),
            "hamming": reference.hamming_loss(truth, predicted),
            "roc_auc": reference.roc_auc_score(truth, probabilities),
            "average_precision": reference.average_precision_score(truth, probabilities),
            "log_loss": np.mean([reference.log_loss(truth[:, i], probabilities[:, i]) for i in range(6)]),
            "brier": np.square(probabilities - truth).mean(),
            "ece": scores["ece"],
        }
    )


def test_macro_f1_leaves_out_labels_that_neither_occur_nor_are_predicted():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1]])
    assert single_metrics(probabilities, np.array([0, 1]))["macro_f1"] == 1.0
    assert multi_metrics(probabilities, np.array([[1, 0, 0], [0, 1, 0]]))["macro_f1"] == 1.0


def test_ranking_scores_are_absent_when_all_rows_carry_the_same_label():
    scores = single_metrics(np.array([[0.8, 0.2], [0.6, 0.4]]), np.array([0, 0]))
    assert "roc_auc" not in scores
    assert scores["average_precision"] == 1.0
    assert all(np.isfinite(list(scores.values())))


def test_scores_per_label_agree_with_scikit_learn():
    probabilities, truth = multi_case()
    truth[:, 3] = 0
    rows = per_label(probabilities, truth, "multi")
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        truth, probabilities >= 0.5, zero_division=0
    )
    assert [row.precision for row in rows] == pytest.approx(precision.tolist())
    assert [row.recall for row in rows] == pytest.approx(recall.tolist())
    assert [row.f1 for row in rows] == pytest.approx(f1.tolist())
    assert [row.support for row in rows] == support.tolist()
    assert (rows[3].roc_auc, rows[3].average_precision) == (None, None)


def test_confusion_counts_truth_in_rows_and_predictions_in_columns():
    probabilities, truth = single_case()
    wanted = reference.confusion_matrix(truth, probabilities.argmax(axis=1), labels=range(5))
    assert confusion(probabilities, truth).tolist() == wanted.tolist()


@given(seed=st.integers(0, 10_000), rows=st.integers(2, 60), kind=st.sampled_from(["single", "multi"]))
@settings(max_examples=40, deadline=None)
def test_order_of_rows_does_not_matter(seed, rows, kind):
    case, score = (single_case, single_metrics) if kind == "single" else (multi_case, multi_metrics)
    probabilities, truth = case(rows=rows, seed=seed)
    order = np.random.default_rng(seed).permutation(rows)
    assert score(probabilities[order], truth[order]) == pytest.approx(score(probabilities, truth))


@given(
    pairs=st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
        lambda pairs: len({positive for _, positive in pairs}) == 2
    )
)
@settings(max_examples=60, deadline=None)
def test_ranking_with_ties_agrees_with_scikit_learn(pairs):
    scores, truth = (np.array(column) for column in zip(*pairs, strict=True))
    scores = scores.astype(float)
    assert roc_area(scores, truth).value == pytest.approx(reference.roc_auc_score(truth, scores))
    assert average_precision(scores, truth).value == pytest.approx(reference.average_precision_score(truth, scores))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(roc_area, reference.roc_auc_score), (average_precision, reference.average_precision_score)],
)
def test_influence_is_the_slope_of_the_score_in_the_weight_of_a_row(ours, theirs):
    random = np.random.default_rng(0)
    truth = random.random(30) < 0.4
    scores = np.round(random.normal(size=30) + truth, 1)
    ranked, small = ours(scores, truth), 1e-6
    for row in range(30):
        weights = np.ones(30)
        weights[row] += small
        slope = (theirs(truth, scores, sample_weight=weights) - ranked.value) / small
        assert ranked.influence[row] / 30 == pytest.approx(slope, abs=1e-4)
    assert ranked.influence.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_every_interval_holds_its_score(kind):
    probabilities, truth = single_case() if kind == "single" else multi_case()
    model = measure("model", probabilities, truth, kind, samples=400)
    assert set(model.metrics) - set(model.intervals) == {"ece"}
    for name, interval in model.intervals.items():
        assert interval.low <= model.metrics[name] <= interval.high, name


def test_accuracy_interval_is_as_wide_as_theory_says():
    probabilities, truth = single_case(rows=2000)
    accuracy = single_metrics(probabilities, truth)["accuracy"]
    interval = bootstrap(probabilities, truth, "single")["accuracy"]
    wanted = 2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / 2000)
    assert interval.high - interval.low == pytest.approx(wanted, rel=0.1)


def test_ninety_five_percent_intervals_hold_the_true_score_about_that_often():
    true_accuracy = single_metrics(*single_case(rows=100_000, labels=3, seed=999))["accuracy"]
    held = 0
    for seed in range(60):
        interval = bootstrap(*single_case(rows=200, labels=3, seed=seed), "single", samples=200)["accuracy"]
        held += interval.low <= true_accuracy <= interval.high
    assert 51 <= held <= 60


def test_bootstrap_of_copied_rows_knows_that_copies_are_no_evidence():
    probabilities, truth = single_case(rows=200)
    copied = np.repeat(probabilities, 10, axis=0), np.repeat(truth, 10)
    feigned = bootstrap(*copied, "single", samples=400)["accuracy"]
    honest = bootstrap(*copied, "single", samples=400, groups=np.repeat(np.arange(200), 10))["accuracy"]
    once = bootstrap(probabilities, truth, "single", samples=400)["accuracy"]
    assert honest.high - honest.low == pytest.approx(once.high - once.low, rel=0.2)
    assert honest.high - honest.low > 2 * (feigned.high - feigned.low)


def test_few_rows_without_a_mistake_do_not_prove_a_faultless_model():
    truth = np.arange(60) % 2
    interval = bootstrap(np.eye(2)[truth], truth, "single", samples=20)["accuracy"]
    assert (interval.low, interval.high) == (pytest.approx(0.940, abs=0.001), 1.0)


def test_bootstrap_repeats_with_its_seed():
    case = single_case()
    assert bootstrap(*case, "single", samples=50, seed=3) == bootstrap(*case, "single", samples=50, seed=3)
    assert bootstrap(*case, "single", samples=50, seed=3) != bootstrap(*case, "single", samples=50, seed=4)


def test_thousand_resamples_of_banking77_size_are_quick():
    probabilities, truth = single_case(rows=5000, labels=77, signal=4.0)
    start = time.process_time()
    bootstrap(probabilities, truth, "single", samples=1000)
    assert time.process_time() - start < 12  # of all cores together; about 2 s on the clock of two


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "micro_f1", "log_loss"])
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_comparison_is_certain_of_a_better_model_and_antisymmetric(kind, metric):
    case = single_case if kind == "single" else multi_case
    good, truth = case(rows=600, signal=3.0)
    noise = np.random.default_rng(1).normal(scale=2.0, size=good.shape)
    poor = softmax(np.log(good) + noise) if kind == "single" else sigmoid(np.log(good / (1 - good)) + noise)
    lead = compare(truth, good, poor, kind, metric=metric, samples=200)
    assert lead.is_certain
    assert lead.low < lead.value < lead.high
    back = compare(truth, poor, good, kind, metric=metric, samples=200)
    assert back.value == pytest.approx(-lead.value)
    assert back.standard_error == pytest.approx(lead.standard_error)


def test_comparison_of_a_model_with_itself_finds_nothing():
    probabilities, truth = single_case()
    same = compare(truth, probabilities, probabilities, "single", samples=100)
    assert (same.value, same.standard_error, same.is_certain) == (0.0, 0.0, False)


def test_paired_error_is_smaller_than_that_of_either_score():
    probabilities, truth = single_case(rows=1000)
    nearly = probabilities.copy()
    nearly[:10] = np.roll(nearly[:10], 1, axis=1)
    lead = compare(truth, probabilities, nearly, "single", metric="accuracy", samples=300)
    alone = bootstrap(probabilities, truth, "single", samples=300)["accuracy"]
    assert lead.high - lead.low < (alone.high - alone.low) / 2


def test_unknown_comparison_metric_is_refused():
    probabilities, truth = single_case(rows=5)
    with pytest.raises(ValueError, match="macro_f1"):
        compare(truth, probabilities, probabilities, "single", metric="f1")


def test_no_rows_is_a_fault_of_the_data():
    with pytest.raises(DataError, match="no row to evaluate"):
        single_metrics(np.zeros((0, 3)), np.zeros(0, dtype=int))


@pytest.mark.parametrize(
    ("probabilities", "truth", "message"),
    [
        ([[0.5, 0.5]], [-1], "not known"),
        ([[0.5, 0.5]], [2], "0..1"),
        ([[0.5, 0.5]], [0.0], "integers"),
        ([[np.nan, 0.5]], [0], "diverged"),
    ],
)
def test_wrong_arrays_are_refused_with_the_reason(probabilities, truth, message):
    with pytest.raises(ValueError, match=message):
        single_metrics(np.array(probabilities), np.array(truth))

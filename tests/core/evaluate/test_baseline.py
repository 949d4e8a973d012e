"""Guessing by frequency is the floor, and every baseline is scored on the model's own rows."""

from __future__ import annotations

import numpy as np
import pytest

from core.evaluate.baseline import baseline_rows, majority_probabilities
from core.evaluate.metrics import single_metrics


def test_majority_predicts_the_most_frequent_label_for_every_row():
    train, truth = np.array([2, 2, 2, 0, 1, 2]), np.array([2, 0, 2, 1])
    guess = majority_probabilities(train, 4, 3, "single")
    assert guess.shape == (4, 3)
    assert guess.sum(axis=1) == pytest.approx(np.ones(4))
    assert single_metrics(guess, truth)["accuracy"] == 0.5


def test_majority_of_a_multi_label_task_gives_each_label_its_frequency():
    train = np.array([[1, 0, 1], [1, 0, 0]])
    assert majority_probabilities(train, 2, 3, "multi").tolist() == [[1.0, 0.0, 0.5]] * 2


def test_majority_without_training_rows_gives_zeros():
    assert majority_probabilities(np.zeros((0, 2)), 1, 2, "multi").tolist() == [[0.0, 0.0]]
    assert majority_probabilities(np.zeros(0, dtype=int), 1, 2, "single").tolist() == [[0.0, 0.0]]


def test_baseline_rows_keep_names_order_and_own_thresholds():
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    scores = 0.3 * truth + 0.05
    rows = baseline_rows(
        {"cut at half": scores, "cut lower": scores},
        truth,
        "multi",
        thresholds={"cut lower": np.array([0.2, 0.2])},
        samples=20,
    )
    assert [row.name for row in rows] == ["cut at half", "cut lower"]
    assert [row.metrics["micro_f1"] for row in rows] == [0.0, 1.0]
    assert rows[1].intervals["micro_f1"].high == 1.0

"""Guessing by frequency is the floor."""

from __future__ import annotations

import numpy as np
import pytest

from core.evaluate.baseline import label_frequencies
from core.evaluate.metrics import single_metrics


def test_guessing_by_frequency_predicts_the_most_frequent_label():
    train, truth = np.array([2, 2, 2, 0, 1, 2]), np.array([2, 0, 2, 1])
    guess = np.tile(label_frequencies(train, 3, "single"), (4, 1))
    assert guess.sum(axis=1) == pytest.approx(np.ones(4))
    assert single_metrics(guess, truth)["accuracy"] == 0.5


def test_each_label_of_a_multi_label_task_has_its_own_frequency():
    assert label_frequencies(np.array([[1, 0, 1], [1, 0, 0]]), 3, "multi").tolist() == [1.0, 0.0, 0.5]


def test_without_training_rows_frequencies_are_zero():
    assert label_frequencies(np.zeros((0, 2)), 2, "multi").tolist() == [0.0, 0.0]
    assert label_frequencies(np.zeros(0, dtype=int), 2, "single").tolist() == [0.0, 0.0]

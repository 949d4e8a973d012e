from __future__ import annotations

import numpy as np
import pytest

from core.data.example import Dataset
from core.predict.blend import SHARES, choose_shares
from core.predict.decide import Calibration
from tests.core.examples import SENTIMENT, TOPICS

TASKS = (SENTIMENT, TOPICS)
READING = {task.name: Calibration() for task in TASKS}
RANDOM = np.random.default_rng(3)
ROWS = 400
TRUTH = RANDOM.integers(0, 3, ROWS)
TOPIC_TRUTH = (RANDOM.random((ROWS, 3)) < 0.3).astype(np.float32)


def rows(are_known: bool = True) -> Dataset:
    known = np.full(ROWS, are_known)
    return Dataset([("a", None)] * ROWS, {"sentiment": TRUTH, "topics": TOPIC_TRUTH}, {t.name: known for t in TASKS})


def logits(skill: float) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """What a model of some skill says of each task; its mistakes are its own."""
    return [
        (skill * truth + RANDOM.normal(size=truth.shape)).astype(np.float32)
        for truth in (np.eye(3)[TRUTH], 2 * TOPIC_TRUTH - 1)
    ]


@pytest.mark.parametrize(("linear", "encoder", "shares"), [
    (0.2, 3.0, SHARES[:1]),
    (2.0, 2.0, SHARES[2:4]),
    (3.0, 0.2, SHARES[-1:]),
])  # fmt: skip
def test_the_better_model_has_more_to_say(linear: float, encoder: float, shares: tuple[float, ...]) -> None:
    chosen = choose_shares(TASKS, logits(linear), READING, logits(encoder), READING, rows())
    assert set(chosen.values()) <= set(shares)


def test_without_labels_both_say_the_same_amount() -> None:
    assert set(choose_shares(TASKS, logits(1), READING, logits(3), READING, rows(False)).values()) == {0.5}

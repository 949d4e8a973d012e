from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.data.example import Dataset, Task, make_dataset
from core.predict.decide import Calibration, calibrate, probabilities
from core.predict.explain import MOST_SPANS, explain_label, strongest
from core.predict.judge import leave_out_seen
from core.predict.load import Model, Settings, load_baselines
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)
SETTINGS = Settings(kit="made", rung="tfidf", kind="tfidf", max_tokens=8, fieldkits="0")
FINITE = st.floats(-50, 50, width=32)


class Counter:
    """Knows two words: ``up`` is good, ``涨价`` too; everything else says nothing."""

    kind = "tfidf"
    tasks = (Task("mood", "single", ("bad", "good")),)
    parameters = 0

    def logits(self, texts: Any) -> list[Any]:
        return [np.array([[0, 2 * (t.split().count("up") + t.count("涨价"))] for t, _ in texts], dtype=np.float32)]


@pytest.fixture
def counter() -> Model:
    from core.config import KitConfig

    return Model(Counter(), {"mood": Calibration()}, SETTINGS, KitConfig())  # type: ignore[arg-type]


def made_logits(data: Dataset, sureness: float) -> list[Any]:
    """Logits that are right four times in five and too sure of themselves."""
    random = np.random.default_rng(0)
    single = random.normal(size=(len(data), 3))
    shown = np.where(random.random(len(data)) < 0.8, data.targets["sentiment"], random.integers(3, size=len(data)))
    single[np.arange(len(data)), shown] += 3
    multi = random.normal(size=(len(data), 3)) + 4 * data.targets["topics"] - 4
    return [(sureness * single).astype(np.float32), (sureness * multi).astype(np.float32)]


def test_calibration_mends_certainty_and_keeps_every_decision() -> None:
    data = make_dataset(make_examples(300), TASKS)
    logits = made_logits(data, sureness=10.0)
    calibration = calibrate(TASKS, logits, data)
    assert all(calibration[task.name].temperature > 3 for task in TASKS)
    before, after = (probabilities(SENTIMENT, logits[0], c) for c in (Calibration(), calibration["sentiment"]))
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    right = after.argmax(axis=1) == data.targets["sentiment"]
    assert abs(after.max(axis=1).mean() - right.mean()) < 0.05 < before.max(axis=1).mean() - right.mean()


def test_thresholds_find_labels_that_half_would_miss() -> None:
    data = make_dataset(make_examples(300), TASKS)
    chances = probabilities(TOPICS, made_logits(data, 1.0)[1], Calibration())
    cuts = calibrate(TASKS, made_logits(data, 1.0), data)["topics"].cuts()
    assert cuts is not None
    assert cuts.shape == (3,)
    truth = data.targets["topics"] > 0.5
    assert ((chances >= cuts) == truth).mean() > ((chances >= 0.5) == truth).mean()


def test_task_without_validation_rows_is_read_as_it_is() -> None:
    data = make_dataset([], TASKS)
    empty = [np.zeros((0, 3), dtype=np.float32)] * 2
    assert calibrate(TASKS, empty, data) == {
        "sentiment": Calibration(1.0),
        "topics": Calibration(1.0, (0.5, 0.5, 0.5)),
    }


def test_rows_whose_label_is_not_known_do_not_calibrate() -> None:
    data = make_dataset(make_examples(200, partly=True), TASKS)
    logits = made_logits(make_dataset(make_examples(200), TASKS), 5.0)
    spoiled = [
        np.where(data.known[t.name][:, None], z, 999.0).astype(np.float32) for t, z in zip(TASKS, logits, strict=True)
    ]
    assert calibrate(TASKS, spoiled, data) == calibrate(TASKS, logits, data)


@given(arrays(np.float32, (4, 3), elements=FINITE), st.floats(0.05, 20))
def test_probabilities_are_probabilities(logits: Any, temperature: float) -> None:
    single = probabilities(SENTIMENT, logits, Calibration(temperature))
    np.testing.assert_allclose(single.sum(axis=1), 1)
    for chances in (single, probabilities(TOPICS, logits, Calibration(temperature))):
        assert ((chances >= 0) & (chances <= 1)).all()


def test_word_taken_out_lowers_what_it_speaks_for(counter: Model) -> None:
    effects = explain_label(counter, ("sales up today", "pair"), "mood", "good")
    assert [(e.word, e.effect > 0.3) for e in effects] == [("sales", False), ("up", True), ("today", False)]
    assert strongest(effects, 1)[0].word == "up"
    against = explain_label(counter, ("sales up today", None), "mood", "bad")
    assert strongest(against, 1)[0].effect < -0.3
    assert [e.effect for e in explain_label(counter, ("nothing here", None), "mood", "good")] == [0, 0]


def test_chinese_word_taken_out_lowers_what_it_speaks_for(counter: Model) -> None:
    effects = explain_label(counter, ("钢材涨价，利润", None), "mood", "good")
    assert [(e.word, e.start, e.end) for e in effects] == [("钢材", 0, 2), ("涨价", 2, 4), ("利润", 5, 7)]
    assert strongest(effects, 1)[0].word == "涨价"


def test_text_of_any_length_is_explained_from_its_start(counter: Model) -> None:
    assert explain_label(counter, ("", None), "mood", "good") == []
    assert explain_label(counter, (" … !", None), "mood", "good") == []
    assert len(explain_label(counter, ("up " * 500, None), "mood", "good")) == MOST_SPANS


def test_numbers_and_names_stay_whole(counter: Model) -> None:
    words = [e.word for e in explain_label(counter, ("AT&T's EPS rose 1,234.5% to $3", None), "mood", "good")]
    assert words == ["AT&T's", "EPS", "rose", "1,234.5%", "to", "$", "3"]


def test_model_that_remembers_no_rows_leaves_none_out(counter: Model) -> None:
    examples = make_examples(3)
    assert leave_out_seen(counter, examples) == (examples, 0)


def test_model_without_a_folder_has_no_baselines(counter: Model) -> None:
    assert load_baselines(counter) == {}

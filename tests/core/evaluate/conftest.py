"""Small reports with everything in them, as a kit would build them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.data.example import Example, Task
from core.evaluate.assess import Forecast, assess_task
from core.evaluate.baseline import label_frequencies
from core.evaluate.bootstrap import Interval
from core.evaluate.calibration import fit_thresholds, sigmoid, softmax
from core.evaluate.convergence import TrainingPoint
from core.evaluate.curves import LearningPoint
from core.evaluate.document import DataFacts, ModelFacts, Report, Rung


def single_task(labels=("negative", "neutral", "positive"), rows=120, signal=1.5, name="sentiment", text="text"):
    random = np.random.default_rng(0)
    truth = np.arange(rows) % len(labels)
    logits = random.normal(size=(rows, len(labels)))
    logits[np.arange(rows), truth] += signal
    examples = [Example(f"{text} {i}", place=f"news.csv:{i + 2}", group=f"g{i // 2}") for i in range(rows)]
    return assess_task(
        Task(name, "single", tuple(labels)),
        truth,
        Forecast(softmax(logits), uncalibrated=softmax(3 * logits), temperature=3.0),
        baselines={
            "TF-IDF linear": Forecast(softmax(random.normal(size=logits.shape))),
            "majority": Forecast(np.tile(label_frequencies(truth, len(labels), "single"), (rows, 1))),
        },
        examples=examples,
        samples=50,
    )


def multi_task(labels=40, rows=200):
    random = np.random.default_rng(1)
    truth = (random.random((rows, labels)) < 0.1).astype(float)
    scores = sigmoid(random.normal(size=truth.shape) - 2 + 3 * truth)
    return assess_task(
        Task("topic", "multi", tuple(f"topic {i}" for i in range(labels))),
        truth,
        Forecast(scores, fit_thresholds(scores, truth)),
        examples=[Example(f"item {i}", pair="Acme") for i in range(rows)],
        samples=20,
    )


def full_report(task=None, **changes):
    task = replace(
        task or single_task(),
        learning=(LearningPoint(100, 0.6, Interval(0.5, 0.7)), LearningPoint(1000, 0.8)),
    )
    report = Report(
        title="Sentiment of news",
        model=ModelFacts(
            "all-MiniLM-L6-v2", "lora", 22_713_216, 600_000, 87.3, "English", 13, {"numpy": "2"}, "2026-01-02", 75.0
        ),
        data=DataFacts({"train": 900, "test": 120}, "time", "tomorrow is new", {"empty text": 2}, ("a.csv",), "ab12"),
        tasks=(task,),
        warnings=("Some rows are near-duplicates.",),
        ladder=(
            Rung("TF-IDF linear", 0.7, Interval(0.65, 0.75), 3.0, 4.0, False, "The first rung."),
            Rung("tuned", 0.8, Interval(0.75, 0.85), 300.0, 87.0, True, "Wins by more than its error bar."),
            Rung("large", None, reason="Not tried: no time left."),
        ),
        training=tuple(TrainingPoint(e, int(10 * e), 1 / e, 0.5, 0.8, 1e-4) for e in (1.0, 2.0, 3.0, 4.0)),
        intended_use="Reading the tone of headlines.",
        limits=("Headlines only.",),
        load_example='Scorer.load("model")',
    )
    return replace(report, **changes)


@pytest.fixture(scope="session")
def report():
    return full_report()


@pytest.fixture(name="full_report", scope="session")
def full_report_builder():
    return full_report


@pytest.fixture(name="single_task", scope="session")
def single_task_builder():
    return single_task


@pytest.fixture(name="multi_task", scope="session")
def multi_task_builder():
    return multi_task

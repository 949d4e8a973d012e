from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import KitConfig, ModelConfig
from core.data.example import Dataset, Task, make_dataset
from core.errors import ConfigError
from core.predict.engine import EncoderClassifier
from core.train.fit import fit_probe
from core.train.probe import fit_heads
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)


def configure(backbone: Path, **model: Any) -> KitConfig:
    return KitConfig(
        model=ModelConfig(**{"backbone": str(backbone), "max_tokens": 32} | model),
        predict=KitConfig().predict.model_copy(update={"precision": "fp32"}),
    )


def fit_points(points: np.ndarray[Any, Any], targets: Any, task: Task, backbone: Path) -> np.ndarray[Any, Any]:
    """Logits of the rows that heads were fitted on, for made-up embeddings."""
    model = fit_probe(make_dataset(make_examples(20), [task]), [task], configure(backbone)).model
    known = np.ones(len(points), dtype=bool)
    data = Dataset([("x", None)] * len(points), {task.name: np.asarray(targets)}, {task.name: known})
    fit_heads(model, points.astype(np.float32), data, [task], seed=0)
    weight, bias = (value.detach().numpy() for value in model.heads[0].parameters())
    return np.asarray(points @ weight.T + bias)


def test_heads_learn_what_the_frozen_encoder_tells(tiny_backbone: Path) -> None:
    train, held = (make_dataset(make_examples(rows, seed), TASKS) for rows, seed in ((300, 1), (100, 2)))
    single, multi = fit_probe(train, TASKS, configure(tiny_backbone)).logits(held.texts)
    assert (single.argmax(axis=1) == held.targets["sentiment"]).mean() > 0.7
    assert ((multi > 0) == held.targets["topics"]).mean() > 0.7


def test_encoder_itself_is_not_changed(tiny_backbone: Path) -> None:
    config = configure(tiny_backbone)
    texts = [("profit rises", None)]
    vectors = [
        fit_probe(make_dataset(make_examples(30, seed), TASKS), TASKS, config).embeddings(texts) for seed in (1, 2)
    ]
    np.testing.assert_array_equal(*vectors)


def test_texts_are_embedded_once(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = []

    def counted(*arguments: Any) -> Any:
        embedded.append(1)
        return embed_tokens(*arguments)

    embed_tokens = EncoderClassifier.embed_tokens
    data = make_dataset(make_examples(25, seed=404), TASKS)
    with monkeypatch.context() as patched:
        patched.setattr(EncoderClassifier, "embed_tokens", counted)
        fitted = [fit_probe(data, TASKS, configure(tiny_backbone)) for _ in range(2)]
    assert len(embedded) == 1
    results = [classifier.logits(data.texts) for classifier in fitted]
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_dimensions_of_any_scale_and_constant_ones_do_no_harm(tiny_backbone: Path) -> None:
    random = np.random.default_rng(0)
    targets = np.arange(90) % 3
    points = random.normal(size=(90, 32)) * 0.01
    points[np.arange(90), targets] += 1000.0
    points[:, 5] = 7.0
    logits = fit_points(points, targets, SENTIMENT, tiny_backbone)
    assert np.isfinite(logits).all()
    assert (logits.argmax(axis=1) == targets).all()


def test_two_of_three_labels_are_enough_and_the_third_stays_improbable(tiny_backbone: Path) -> None:
    targets = np.arange(60) % 2 * 2
    points = np.random.default_rng(0).normal(size=(60, 32)) + targets[:, None]
    logits = fit_points(points, targets, SENTIMENT, tiny_backbone)
    assert (logits.argmax(axis=1) == targets).mean() > 0.95
    assert (logits[:, 1] < logits.max(axis=1) - 4).all()


@pytest.mark.parametrize("task", TASKS)
def test_task_without_a_labelled_row_claims_nothing(tiny_backbone: Path, task: Task) -> None:
    data = make_dataset(make_examples(20), TASKS)
    known = data.known | {task.name: np.zeros(20, dtype=bool)}
    classifier = fit_probe(Dataset(data.texts, data.targets, known), TASKS, configure(tiny_backbone))
    logits = classifier.logits(data.texts)[TASKS.index(task)]
    assert np.ptp(logits) == 0
    assert (logits < 0).all()


@pytest.mark.parametrize("always", [True, False])
def test_topic_of_every_row_or_of_none_is_taken_as_such(tiny_backbone: Path, always: bool) -> None:
    targets = np.zeros((40, 3), dtype=np.float32)
    targets[:, 1] = always
    targets[::2, 2] = 1
    points = np.random.default_rng(0).normal(size=(40, 32)) + targets[:, 2:]
    logits = fit_points(points, targets, TOPICS, tiny_backbone)
    assert ((logits[:, 1] > 4) if always else (logits[:, 1] < -4)).all()


def test_more_tokens_than_the_encoder_reads_are_refused_before_any_work(tiny_backbone: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.max_tokens.*at most 128"):
        fit_probe(make_dataset(make_examples(10), TASKS), TASKS, configure(tiny_backbone, max_tokens=129))


def test_result_is_an_ordinary_encoder_with_heads(tiny_backbone: Path, tmp_path: Path) -> None:
    data = make_dataset(make_examples(20), TASKS)
    classifier = fit_probe(data, TASKS, configure(tiny_backbone))
    classifier.save(tmp_path)
    loaded = EncoderClassifier.load(tmp_path, TASKS, max_tokens=32, precision="fp32")
    for a, b in zip(classifier.logits(data.texts), loaded.logits(data.texts), strict=True):
        np.testing.assert_array_equal(a, b)

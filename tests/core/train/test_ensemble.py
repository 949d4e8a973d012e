"""Tuning may begin where the probe ends; its weights then end where validation rows are read best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.config import KitConfig, ModelConfig, TrainConfig
from core.data.batch import tokenize
from core.data.example import make_dataset
from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from core.predict.decide import Calibration
from core.train import ensemble, fit
from core.train.ensemble import SHARES, copy_weights, go_between
from core.train.fit import fit_probe, fit_tuned
from core.train.ladder import Rung, _good_probe
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)
TRAIN, HELD = (make_dataset(make_examples(rows, seed, partly=True), TASKS) for rows, seed in ((120, 1), (40, 2)))


def configure(backbone: Path, tuning: str = "full") -> KitConfig:
    return KitConfig(
        model=ModelConfig(backbone=str(backbone), tuning=tuning, max_tokens=32, lora_rank=4),  # type: ignore[arg-type]
        train=TrainConfig(epochs=2, batch_size=16, precision="fp32"),
        predict=KitConfig().predict.model_copy(update={"precision": "fp32"}),
    )


@pytest.mark.parametrize("losses", [(1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 1.0, 2.0), (1.0, 1.0, 1.0, 1.0)])
def test_weights_are_those_of_the_least_loss(
    losses: tuple[float, ...], tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TextClassifier(load_encoder(tiny_backbone), [SENTIMENT])
    start = copy_weights(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    told = iter(losses)
    monkeypatch.setattr(ensemble, "calibrated_loss", lambda *_: next(told))
    tokens = tokenize(load_tokenizer(tiny_backbone), HELD.texts, 32)
    share = go_between(model, start, tokens, HELD, "fp32", 16)
    assert share == SHARES[int(np.argmin(losses))]
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, start[name] + share)


def test_without_labels_to_choose_by_the_tuned_weights_stay(tiny_backbone: Path) -> None:
    model = TextClassifier(load_encoder(tiny_backbone), [SENTIMENT])
    start = {name: torch.zeros_like(value) for name, value in copy_weights(model).items()}
    before = copy_weights(model)
    unlabelled = make_dataset(make_examples(8), [SENTIMENT])
    unlabelled.known["sentiment"][:] = False
    tokens = tokenize(load_tokenizer(tiny_backbone), unlabelled.texts, 32)
    assert go_between(model, start, tokens, unlabelled, "fp32", 16) == 1.0
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])


@pytest.mark.parametrize("tuning", ["full", "lora", "head"])
def test_tuning_begins_at_the_probe(tuning: str, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure(tiny_backbone, tuning)
    probe = fit_probe(TRAIN, TASKS, config)
    begun: list[Any] = []

    def note(model: TextClassifier, *others: Any) -> Any:
        begun.append(model.heads.state_dict()["0.weight"].clone())
        return drive(model, *others)

    drive = fit._drive
    monkeypatch.setattr(fit, "_drive", note)
    tuned, _ = fit_tuned(TRAIN, HELD, TASKS, config, probe=probe)
    torch.testing.assert_close(begun[-1], probe.model.heads.state_dict()["0.weight"])
    assert set(tuned.model.state_dict()) == set(probe.model.state_dict())
    monkeypatch.setattr(fit, "go_between", lambda *_: pytest.fail("there is nothing to go back to"))
    fit_tuned(TRAIN, HELD, TASKS, config)
    assert begun[-1].std() < 0.05  # at the base rates


@pytest.mark.parametrize(
    ("tfidf", "probe", "is_begun_at"), [(10, 30, True), (24, 25, False), (30, 10, False), (None, 30, False)]
)
def test_only_a_probe_that_clearly_beats_the_n_grams_is_begun_at(
    tfidf: int | None, probe: int, is_begun_at: bool, tiny_backbone: Path
) -> None:
    fitted = fit_probe(TRAIN, [SENTIMENT], configure(tiny_backbone))
    rows = make_dataset(make_examples(40, 2), [SENTIMENT])
    truth = rows.targets["sentiment"]

    def read(right: int) -> list[NDArray[np.float64]]:
        """Sure of so many rows, and of a wrong label for the others, which are not the same for both."""
        told = np.where(np.roll(np.arange(40) < right, right), truth, (truth + 1) % 3)
        return [0.1 + 0.7 * np.eye(3)[told]]

    rungs, chances, as_they_are = [], {}, {"sentiment": Calibration()}
    for name, right, classifier in (("tfidf", tfidf, None), ("probe", probe, fitted)):
        if right is not None:
            rungs.append(Rung(name, "", score=right / 40, classifier=classifier, calibration=as_they_are))
            chances[name] = read(right)
    assert _good_probe(rungs, [SENTIMENT], rows, chances, seed=0) is (fitted if is_begun_at else None)

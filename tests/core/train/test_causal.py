from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.config import CausalConfig, KitConfig, TrainConfig
from core.errors import ConfigError, ResumeError
from core.model.causal import encode_answer, encode_request, known_arguments, load_causal
from core.train.causal import CausalTrial, Written, answer_losses, fit_causal
from core.train.loop import Step
from tests.core.causal import write_causal

WORDS = "card fee loan rate mail bank cash code desk form".split()  # noqa: SIM905
KIT = KitConfig(train=TrainConfig(precision="fp32", warmup_fraction=0.0, average_epochs=None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_causal(tmp_path_factory.mktemp("causal"), [f"repeat {w} {v}" for w in WORDS for v in WORDS])


def examples(tokenizer: Any) -> list[Written]:
    """Requests to repeat two words."""
    return [
        Written(encode_request(tokenizer, f"repeat {w} {v}"), encode_answer(tokenizer, f"{w} {v}"))
        for w in WORDS
        for v in WORDS
    ]


def tune(folder: Path, **options: Any) -> CausalTrial:
    model, tokenizer = load_causal(folder)
    rows = examples(tokenizer)
    order = np.random.default_rng(0).permutation(len(rows))
    usual: dict[str, Any] = {"epochs": 4, "lr": 3e-3, "accumulation_steps": 2, "lora_dropout": 0.0}
    settings = CausalConfig(**usual | options.pop("config", {}))
    train, held = [rows[i] for i in order[:80]], [rows[i] for i in order[80:]]
    return fit_causal(model, train, held, settings, KIT, origin=folder, **options)


def tensors(trial: CausalTrial) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trial.model.state_dict().items()}


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_what_is_to_be_written_is_learned(folder: Path, tuning: str) -> None:
    trial = tune(folder, config={"tuning": tuning})
    assert trial.after.mean() < 0.7 * trial.before.mean()
    assert trial.is_better
    assert set(trial.model.state_dict()) == set(load_causal(folder)[0].state_dict())  # no adapters are left


def test_adapters_stand_beside_linear_layers_and_change_nothing_else(folder: Path) -> None:
    before, after = load_causal(folder)[0].state_dict(), tensors(tune(folder))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all("proj" in name for name in changed)


def test_layers_may_be_named_and_unknown_ones_are_refused(folder: Path) -> None:
    after = tensors(tune(folder, config={"epochs": 1, "lora_targets": ["q_proj"]}))
    before = load_causal(folder)[0].state_dict()
    assert all("q_proj" in name for name, value in after.items() if not torch.equal(value, before[name]))
    with pytest.raises(ConfigError, match=r"tune\.lora_targets: no such linear layers"):
        tune(folder, config={"lora_targets": ["nonsense"]})


def test_layers_of_gpt2_are_adapted_too(tmp_path: Path) -> None:
    trial = tune(write_causal(tmp_path / "gpt2", WORDS, "gpt2"), config={"epochs": 2})
    assert trial.is_better


def test_losses_do_not_depend_on_who_stands_in_the_batch(folder: Path) -> None:
    model, tokenizer = load_causal(folder)
    rows = [
        Written(encode_request(tokenizer, "a " * request), encode_answer(tokenizer, "card " * answer))
        for request, answer in ((1, 9), (30, 2))
    ]
    device, arguments = torch.device("cpu"), known_arguments(model)
    with torch.no_grad():
        together = answer_losses(model, rows, arguments, device)
        alone = torch.cat([answer_losses(model, [row], arguments, device) for row in rows])
        plain = torch.stack([by_hand(model, row) for row in rows])
        whole = answer_losses(model, rows, arguments - {"logits_to_keep"}, device)
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together, plain)
    torch.testing.assert_close(together, whole)


def by_hand(model: Any, row: Written) -> torch.Tensor:
    ids = torch.tensor([[*row.request, *row.answer]])
    logs = model(input_ids=ids).logits[0].log_softmax(-1)
    places = range(len(row.request), ids.shape[1])
    return -torch.stack([logs[place - 1, ids[0, place]] for place in places]).sum()


def test_killed_and_resumed_gives_the_same_weights(folder: Path, tmp_path: Path) -> None:
    whole = tensors(tune(folder, config={"epochs": 2}))
    steps = 0

    def die(event: object) -> None:
        nonlocal steps
        steps += isinstance(event, Step)
        if steps == 14:  # in the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(folder, config={"epochs": 2}, checkpoints=tmp_path, tell=die)
    again = tensors(tune(folder, config={"epochs": 2}, checkpoints=tmp_path, resume=True))
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    with pytest.raises(ResumeError):
        tune(folder, config={"epochs": 3}, checkpoints=tmp_path, resume=True)


def test_gain_within_its_error_is_none(folder: Path) -> None:
    model = load_causal(folder)[0]
    assert not CausalTrial(model, np.array([1.0, 1.0, 1.0]), np.array([0.5, 1.4, 1.0])).is_better
    assert CausalTrial(model, np.array([1.0, 1.0, 1.0]), np.array([0.8, 0.9, 0.85])).is_better

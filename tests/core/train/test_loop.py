from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.config import ModelConfig, TrainConfig
from core.data.batch import tokenize
from core.data.example import make_dataset
from core.errors import KitError, ResumeError
from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from core.model.losses import LossConfig
from core.model.tuning import apply_tuning
from core.predict.engine import score_tokens
from core.train.loop import Run, Step, TrainSet, Validation, learning_rate, train_steps
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)


def set_up(
    backbone: Path, rows: int = 48, dropout: float = 0.0, **settings: Any
) -> tuple[TextClassifier, TrainSet, dict[str, Any]]:
    """A fresh model, rows, and the arguments of a run."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer(backbone)
    train, held = make_dataset(make_examples(rows), TASKS), make_dataset(make_examples(16, 9), TASKS)
    model = apply_tuning(TextClassifier(load_encoder(backbone, dropout), TASKS, dropout), ModelConfig())
    names = [task.name for task in TASKS]
    rows_set = TrainSet(
        tokenize(tokenizer, train.texts, 32),
        tuple(train.targets[n] for n in names),
        tuple(train.known[n] for n in names),
    )
    config = TrainConfig(**{"epochs": 2, "batch_size": 8, "precision": "fp32"} | settings)
    return (
        model,
        rows_set,
        {
            "config": config,
            "seed": 1,
            "validate": lambda logits: (1.0, 0.5),
            "validation": tokenize(tokenizer, held.texts, 32),
            "losses": (LossConfig(), LossConfig()),
        },
    )


def weights(model: TextClassifier) -> np.ndarray[Any, Any]:
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def test_accumulated_batches_equal_one_large_batch(tiny_backbone: Path) -> None:
    results = []
    for batch_size, accumulation in ((24, 1), (6, 4)):
        settings = {"epochs": 1, "optimizer": "sgd", "lr": 0.1}
        settings |= {"batch_size": batch_size, "accumulation_steps": accumulation}
        model, rows, run = set_up(tiny_backbone, 24, **settings)
        list(train_steps(model, rows, Run(**run)))
        results.append(weights(model))
    np.testing.assert_allclose(results[0], results[1], atol=2e-6)


def test_every_update_and_every_validation_is_told_in_order(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, evaluate_every_steps=5)
    events = list(train_steps(model, rows, Run(**run)))
    assert [e.number for e in events if isinstance(e, Step)] == list(range(1, 13))
    assert [e.step for e in events if isinstance(e, Validation)] == [5, 10, 12]


def test_training_lowers_the_loss(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, 96, epochs=12, lr=5e-3)
    losses = [e.train_loss for e in train_steps(model, rows, Run(**run)) if isinstance(e, Validation)]
    assert losses[-1] < 0.7 * losses[0]


def test_model_ends_with_the_weights_of_the_best_validation(tiny_backbone: Path) -> None:
    scores = iter([0.3, 0.9, 0.1])
    model, rows, run = set_up(tiny_backbone, epochs=3, average_epochs=None)
    seen: list[np.ndarray[Any, Any]] = []

    def validate(logits: Any) -> tuple[float, float]:
        seen.append(weights(model))
        return 1.0, next(scores)

    validations = [
        e for e in train_steps(model, rows, Run(**run | {"validate": validate})) if isinstance(e, Validation)
    ]
    assert [v.is_best for v in validations] == [True, True, False]
    np.testing.assert_array_equal(weights(model), seen[1])
    assert not np.array_equal(seen[1], seen[2])


def test_running_mean_of_the_weights_is_what_is_validated_and_kept(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, epochs=2, average_epochs=0.5)
    mean = kept = weights(model)
    course: list[np.ndarray[Any, Any]] = []
    for event in train_steps(model, rows, Run(**run)):
        if isinstance(event, Step):
            course.append(weights(model))
            updates_per_epoch = event.total // 2
            decay = min(0.5 ** (1 / (0.5 * updates_per_epoch)), (1 + event.number) / (10 + event.number))
            mean = course[0] if event.number == 1 else decay * mean + (1 - decay) * course[-1]
        else:
            np.testing.assert_array_equal(weights(model), course[-1])  # training goes on from the weights themselves
            kept = mean if event.is_best else kept
    np.testing.assert_allclose(weights(model), kept, atol=1e-5)
    assert not np.allclose(kept, course[-1], atol=1e-5)


def test_patience_ends_a_run_that_gets_no_better(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, epochs=9, patience=2)
    validations = [e for e in train_steps(model, rows, Run(**run)) if isinstance(e, Validation)]
    assert len(validations) == 3


def test_time_allowed_shortens_the_run_and_its_schedule(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(i) for i in range(10_000))
    monkeypatch.setattr("core.train.loop.time.monotonic", lambda: next(clock))
    model, rows, run = set_up(tiny_backbone, epochs=50)
    steps = [e for e in train_steps(model, rows, Run(**run | {"seconds": 30.0})) if isinstance(e, Step)]
    assert 8 < len(steps) < 60
    assert steps[-1].lr < 0.2 * run["config"].lr


def test_diverged_training_says_so(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone)
    with torch.no_grad():
        model.heads[0].weight.fill_(math.nan)
    with pytest.raises(KitError, match=r"train\.lr"):
        list(train_steps(model, rows, Run(**run)))


def test_precision_may_change_from_run_to_run(tiny_backbone: Path) -> None:
    for precision in ("fp32", "bf16", "fp32"):
        model, rows, run = set_up(tiny_backbone, 16, epochs=1, precision=precision)
        assert list(train_steps(model, rows, Run(**run)))


def test_frozen_embeddings_stay_and_the_rest_moves(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    list(train_steps(model, rows, Run(**run)))
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert not any("embeddings." in name or "pooler." in name for name in moved)
    assert {"heads.0.weight", "encoder.encoder.layer.0.attention.self.query.weight"} <= moved


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_rate_rises_then_never_rises_again(schedule: str) -> None:
    config = TrainConfig(lr=1.0, warmup_fraction=0.25, schedule=schedule)  # type: ignore[arg-type]
    rates = [learning_rate(step, 40, config) for step in range(40)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[9] == max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert all(rate > 0 for rate in rates)


def test_checkpoint_of_another_run_is_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    model, rows, run = set_up(tiny_backbone)
    list(train_steps(model, rows, Run(**run, checkpoints=tmp_path, fingerprint="one")))
    with pytest.raises(ResumeError, match="other settings or data"):
        list(train_steps(model, rows, Run(**run, checkpoints=tmp_path, fingerprint="two", resume=True)))


def test_damaged_newest_checkpoint_gives_way_to_the_one_before(tiny_backbone: Path, tmp_path: Path) -> None:
    model, rows, run = set_up(tiny_backbone, save_every_steps=5)
    list(train_steps(model, rows, Run(**run, checkpoints=tmp_path, fingerprint="one")))
    whole = weights(model)
    newest = max(tmp_path.glob("step-*")) / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-10])
    model, rows, run = set_up(tiny_backbone, save_every_steps=5)
    events = list(train_steps(model, rows, Run(**run, checkpoints=tmp_path, fingerprint="one", resume=True)))
    assert next(e.number for e in events if isinstance(e, Step)) == 11
    np.testing.assert_array_equal(weights(model), whole)


def test_checkpoints_hold_no_pickle_and_only_the_newest_stay(tiny_backbone: Path, tmp_path: Path) -> None:
    model, rows, run = set_up(tiny_backbone, save_every_steps=2)
    list(train_steps(model, rows, Run(**run, checkpoints=tmp_path)))
    assert len(list(tmp_path.iterdir())) == 2
    assert {f.name for f in tmp_path.rglob("*") if f.is_file()} == {"state.safetensors", "state.json"}


def scores_of(*values: float) -> Any:
    """A ``validate`` that gives these scores one after the other."""
    left = iter(values)
    return lambda logits: (1.0, next(left))


def test_dropout_differs_from_update_to_update_even_at_a_constant_rate(tiny_backbone: Path) -> None:
    frozen = {"optimizer": "sgd", "lr": 1e-12, "schedule": "constant", "warmup_fraction": 0.0}
    model, rows, run = set_up(tiny_backbone, 8, dropout=0.5, epochs=4, **frozen)
    losses = [e.loss for e in train_steps(model, rows, Run(**run)) if isinstance(e, Step)]
    assert len(set(losses)) == 4


def test_finished_run_that_is_resumed_trains_no_further(tiny_backbone: Path, tmp_path: Path) -> None:
    model, rows, run = set_up(tiny_backbone)
    first = list(train_steps(model, rows, Run(**run, checkpoints=tmp_path)))
    again, rows, run = set_up(tiny_backbone)
    events = list(train_steps(again, rows, Run(**run, checkpoints=tmp_path, resume=True)))
    assert events == [e for e in first if isinstance(e, Validation)]
    np.testing.assert_array_equal(weights(model), weights(again))


def test_run_that_patience_ended_and_is_resumed_trains_no_further(tiny_backbone: Path, tmp_path: Path) -> None:
    model, rows, run = set_up(tiny_backbone, epochs=6, patience=2)
    list(train_steps(model, rows, Run(**run | {"validate": scores_of(0.5, 0.4, 0.3)}, checkpoints=tmp_path)))
    again, rows, run = set_up(tiny_backbone, epochs=6, patience=2)
    run["validate"] = scores_of(0.9, 0.9, 0.9)
    events = list(train_steps(again, rows, Run(**run, checkpoints=tmp_path, resume=True)))
    assert not any(isinstance(e, Step) for e in events)
    np.testing.assert_array_equal(weights(model), weights(again))


def test_resumed_run_starts_with_the_validations_made_before(tiny_backbone: Path, tmp_path: Path) -> None:
    model, rows, run = set_up(tiny_backbone, epochs=3, save_every_steps=1)
    run["validate"] = scores_of(0.1, 0.2, 0.3)
    whole = []
    for event in train_steps(model, rows, Run(**run, checkpoints=tmp_path)):
        whole.append(event)
        if len(whole) == 16:  # 14 updates, 2 validations; the last update is not in a checkpoint yet
            break
    model, rows, run = set_up(tiny_backbone, epochs=3, save_every_steps=1)
    run["validate"] = scores_of(0.3)
    events = list(train_steps(model, rows, Run(**run, checkpoints=tmp_path, resume=True)))
    assert events[:2] == [e for e in whole if isinstance(e, Validation)]
    assert events[2] == whole[-1]
    assert [e.score for e in events if isinstance(e, Validation)] == [0.1, 0.2, 0.3]


def test_time_allowed_is_planned_anew_after_a_stop(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rows, run = set_up(tiny_backbone, epochs=5, save_every_steps=1)
    for event in train_steps(model, rows, Run(**run, checkpoints=tmp_path, seconds=1e6)):
        if isinstance(event, Step) and event.number == 5:
            break
    model, rows, run = set_up(tiny_backbone, epochs=5, save_every_steps=1)
    steps = [
        e
        for e in train_steps(model, rows, Run(**run, checkpoints=tmp_path, seconds=1e6, resume=True))
        if isinstance(e, Step)
    ]
    assert [steps[0].number, steps[-1].number] == [5, 30]


def test_best_weights_do_not_depend_on_when_checkpoints_are_written(tiny_backbone: Path, tmp_path: Path) -> None:
    results = []
    for every in (None, 1, 7):
        model, rows, run = set_up(tiny_backbone, epochs=2, evaluate_every_steps=4, save_every_steps=every)
        run["validate"] = scores_of(0.5, 0.9, 0.1)
        list(train_steps(model, rows, Run(**run, checkpoints=tmp_path / str(every))))
        results.append(weights(model))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_divergence_that_only_validation_sees_is_told_alike(tiny_backbone: Path) -> None:
    wild = {"optimizer": "sgd", "lr": 10.0, "clip_norm": None, "task_weights": {"sentiment": 1e30}}
    model, rows, run = set_up(tiny_backbone, 8, epochs=1, **wild)
    events = train_steps(model, rows, Run(**run))
    assert isinstance(next(events), Step)
    with pytest.raises(KitError, match=r"diverged.*train\.clip_norm"):
        next(events)


def test_model_trained_in_bf16_scores_in_fp32_afterwards(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, 16, epochs=1, precision="bf16")
    list(train_steps(model, rows, Run(**run)))
    plain = TextClassifier(load_encoder(tiny_backbone), TASKS)
    plain.load_state_dict(model.state_dict())
    for a, b in zip(score_tokens(model, rows.tokens, 8), score_tokens(plain.eval(), rows.tokens, 8), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("missing", ["rows", "task"])
def test_labels_that_are_missing_move_nothing(tiny_backbone: Path, missing: str) -> None:
    settings = {"epochs": 1, "optimizer": "sgd", "lr": 0.1, "batch_size": 24, "clip_norm": None}
    results = []
    for is_wrong in (False, True):  # what stands where a label is not known must not matter
        model, rows, run = set_up(tiny_backbone, 24, **settings)
        (single, multi), (single_known, multi_known) = rows.targets, rows.known
        hidden = np.arange(24) % 2 == 0 if missing == "rows" else np.ones(24, dtype=bool)
        multi = np.where(hidden[:, None], 1.0 if is_wrong else 0.0, multi).astype(np.float32)
        known = (single_known, multi_known & ~hidden)
        list(train_steps(model, TrainSet(rows.tokens, (single, multi), known), Run(**run)))
        results.append(weights(model))
    np.testing.assert_array_equal(*results)


def test_task_of_weight_zero_does_not_train_its_head(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, task_weights={"topics": 0.0}, weight_decay=0.0)
    before = [head.weight.detach().clone() for head in model.heads]
    list(train_steps(model, rows, Run(**run)))
    assert [torch.equal(a, head.weight) for a, head in zip(before, model.heads, strict=True)] == [False, True]


def test_gradient_norm_is_clipped(tiny_backbone: Path) -> None:
    moved = []
    for clip in (None, 1e-3):
        model, rows, run = set_up(tiny_backbone, 8, epochs=1, optimizer="sgd", lr=0.1, weight_decay=0, clip_norm=clip)
        before = weights(model)
        (step, _) = train_steps(model, rows, Run(**run))
        assert isinstance(step, Step)
        moved.append(np.linalg.norm(weights(model) - before))
        assert step.grad_norm > 0.1
    assert moved[1] == pytest.approx(0.1 * 1e-3, rel=0.01)
    assert moved[0] > 50 * moved[1]


def test_decay_spares_norms_and_biases(tiny_backbone: Path) -> None:
    model, rows, run = set_up(tiny_backbone, 8, epochs=1, optimizer="sgd", lr=0.1, weight_decay=5.0, clip_norm=1e-12)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    list(train_steps(model, rows, Run(**run)))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for name, weight in trained.items():
        shrinks = weight.ndim > 1
        torch.testing.assert_close(weight, before[name] * (0.5 if shrinks else 1.0), atol=1e-6, rtol=1e-5)

"""A run that is killed at any moment and resumed ends with the same bits as one that was not."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KILLS = 20
FORKSERVER = multiprocessing.get_context("forkserver")


def _train(backbone: str, folder: str, tuning: str, precision: str, die_at: int | None, result: str) -> None:
    """Train in this process; die by SIGKILL after ``die_at`` events, else write the weights' sha256."""
    import torch

    from core.config import KitConfig, ModelConfig, TrainConfig
    from core.data.example import make_dataset
    from core.train import checkpoint, fit
    from tests.core.examples import SENTIMENT, TOPICS, make_examples

    torch.set_num_threads(1)  # threads that wait for busy cores make this a hundred times slower
    config = KitConfig(
        seed=3,
        model=ModelConfig(backbone=backbone, tuning=tuning, max_tokens=32, lora_rank=4),  # type: ignore[arg-type]
        train=TrainConfig(
            epochs=3,
            batch_size=8,
            save_every_steps=2,
            evaluate_every_steps=5,
            precision=precision,  # type: ignore[arg-type]
        ),
    )
    tasks = (SENTIMENT, TOPICS)
    train, validation = (make_dataset(make_examples(n, seed, partly=True), tasks) for n, seed in ((64, 1), (24, 2)))
    _die_after(die_at, fit, checkpoint)
    classifier, _ = fit.fit_tuned(train, validation, tasks, config, checkpoints=Path(folder), resume=True)
    digest = hashlib.sha256()
    for name, weight in sorted(classifier.model.state_dict().items()):
        digest.update(name.encode() + weight.contiguous().numpy().tobytes())
    Path(result).write_text(digest.hexdigest(), encoding="utf-8")


def _die_after(moments: int | None, fit: Any, checkpoint: Any) -> None:
    """Count updates, and the steps of writing a checkpoint, as moments at which to be killed."""
    left = [moments]

    def moment() -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    steps, sync, save = fit.train_steps, checkpoint._sync, checkpoint.save_file

    def counted_steps(*args: Any) -> Any:
        for event in steps(*args):
            moment()
            yield event

    def counted(function: Any) -> Any:
        def call(*args: Any) -> Any:
            moment()
            done = function(*args)
            moment()
            return done

        return call

    fit.train_steps, checkpoint._sync, checkpoint.save_file = counted_steps, counted(sync), counted(save)


def _run(*arguments: Any) -> int | None:
    process = FORKSERVER.Process(target=_train, args=arguments)
    process.start()
    process.join(120)
    return process.exitcode


@pytest.mark.parametrize(("tuning", "precision"), [("full", "fp32"), ("lora", "fp32"), ("full", "bf16")])
def test_killed_at_random_moments_and_resumed_gives_the_same_bits(
    tiny_backbone: Path, tmp_path: Path, tuning: str, precision: str
) -> None:
    FORKSERVER.set_forkserver_preload(["core.train.fit", "peft"])
    whole, pieces = tmp_path / "whole.txt", tmp_path / "pieces.txt"
    arguments = (str(tiny_backbone), str(tmp_path / "a"), tuning, precision)
    assert _run(*arguments, None, str(whole)) == 0
    random = np.random.default_rng(11)
    kills = 0
    for attempt in range(200):
        if kills == KILLS:
            break
        folder = str(tmp_path / f"b{attempt}")
        arguments = (str(tiny_backbone), folder, tuning, precision)
        while kills < KILLS:
            code = _run(*arguments, int(random.integers(1, 40)), str(pieces))
            if code == 0:
                break
            assert code == -signal.SIGKILL
            kills += 1
        if kills < KILLS:
            assert pieces.read_text() == whole.read_text()
    assert kills == KILLS
    assert _run(*arguments, None, str(pieces)) == 0
    assert pieces.read_text() == whole.read_text()

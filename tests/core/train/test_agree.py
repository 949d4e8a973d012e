"""Two processes that train together, started as users start them: with torchrun, on CPUs."""

from __future__ import annotations

import faulthandler
import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SECONDS_PER_LOOK = {0: 1.0, 1: 50.0}
HANGING_SECONDS = 100.0


@pytest.fixture(scope="module")
def facts(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes saw."""
    folder = tmp_path_factory.mktemp("pair")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launch, "-m", "tests.core.train.test_agree", str(tiny_backbone), str(folder)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1.5 * HANGING_SECONDS,
    )
    assert done.returncode == 0, done.stderr[:6000]
    return [json.loads((folder / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


def test_clocks_that_differ_end_training_at_the_same_update(facts: list[dict[str, Any]]) -> None:
    first, second = (fact["budget"]["steps"] for fact in facts)
    assert first == second
    assert 9 < first < 200  # the second clock alone would have ended it at once


def test_both_processes_end_with_equal_weights_and_one_writes(facts: list[dict[str, Any]]) -> None:
    first, second = (fact["budget"] for fact in facts)
    assert first["weights"] == second["weights"]
    assert first["written"] == ["model"]
    assert first["loads"]


def test_divergence_that_one_process_sees_is_told_by_both(facts: list[dict[str, Any]]) -> None:
    for fact in facts:
        assert "diverged" in fact["divergence"]["error"]
        assert fact["divergence"]["steps"] == 2


def test_two_processes_train_as_one_that_accumulates(facts: list[dict[str, Any]], tiny_backbone: Path) -> None:
    alone = _train_plainly(tiny_backbone, accumulation_steps=4)
    for fact in facts:
        assert fact["plain"]["losses"] == pytest.approx(alone["losses"], rel=1e-4)
        assert fact["plain"]["weights"] == pytest.approx(alone["weights"], abs=2e-6)


def _act(backbone: Path, folder: Path) -> None:
    """What each process does; the first waits for the second before it looks at what was written."""
    import torch

    rank = int(os.environ["RANK"])
    torch.set_num_threads(1)
    facts = {
        "plain": _train_plainly(backbone, accumulation_steps=2),
        "divergence": _diverge(backbone, rank),
        "budget": _train_within_budget(backbone, folder / "out", rank),
    }
    (folder / f"{rank}.json").write_text(json.dumps(facts), encoding="utf-8")


def _train_plainly(backbone: Path, accumulation_steps: int) -> dict[str, Any]:
    """Two updates, the second of fewer batches than there are processes to share them."""
    from core.train.loop import Run, Step, train_steps
    from tests.core.train.test_loop import set_up, weights

    settings = {"epochs": 1, "optimizer": "sgd", "lr": 0.1, "batch_size": 6, "accumulation_steps": accumulation_steps}
    model, rows, run = set_up(backbone, 30, **settings)
    losses = [event.loss for event in train_steps(model, rows, Run(**run)) if isinstance(event, Step)]
    return {"losses": losses, "weights": weights(model)[::50].tolist()}


def _diverge(backbone: Path, rank: int) -> dict[str, Any]:
    """The loss is no number in the third update, and only in the second process."""
    from core.errors import KitError
    from core.train import loop
    from tests.core.train.test_loop import set_up

    batch_loss, calls, steps = loop._Labelled.loss, itertools.count(1), 0

    def poisoned(*arguments: Any) -> Any:
        return batch_loss(*arguments) * (float("nan") if rank == 1 and next(calls) == 3 else 1.0)

    loop._Labelled.loss = poisoned  # type: ignore[method-assign]
    model, rows, run = set_up(backbone)
    try:
        for event in loop.train_steps(model, rows, loop.Run(**run)):
            steps += isinstance(event, loop.Step)
    except KitError as error:
        return {"error": str(error), "steps": steps}
    finally:
        loop._Labelled.loss = batch_loss  # type: ignore[method-assign]
    return {"error": "", "steps": steps}


def _train_within_budget(backbone: Path, folder: Path, rank: int) -> dict[str, Any]:
    """A whole training, by clocks of which one runs far ahead of the other."""
    import torch

    from core.config import KitConfig
    from core.predict.load import load_model
    from core.train import loop
    from tests.core.train.test_recipe import configure, train

    looks = itertools.count()
    loop.time = SimpleNamespace(monotonic=lambda: next(looks) * SECONDS_PER_LOOK[rank])  # type: ignore[assignment]
    trained = train(folder / "model", configure(backbone, rungs=("tuned",), epochs=50, budget="60s"))
    model: Any = trained.ladder.classifier
    digest = hashlib.sha256()
    for name, weight in sorted(model.model.state_dict().items()):
        digest.update(name.encode() + weight.contiguous().numpy().tobytes())
    torch.distributed.barrier()
    return {
        "steps": trained.ladder.chosen.curve[-1].step,
        "weights": digest.hexdigest(),
        "written": sorted(path.name for path in folder.iterdir()),
        "loads": load_model(folder / "model", KitConfig, "made").version != "",
    }


if __name__ == "__main__":
    faulthandler.dump_traceback_later(HANGING_SECONDS, exit=True)  # says where it waits, and leaves nothing behind
    _act(Path(sys.argv[1]), Path(sys.argv[2]))

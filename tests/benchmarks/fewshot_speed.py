"""Training on few rows beside SetFit: ``python -m tests.benchmarks.fewshot_speed``.

Eight rows of each intent of BANKING77, drawn as ``support_quality`` draws them, are learned with the same
encoder, and both are judged on the same development rows: by the rung ``contrast`` alone, and by SetFit.
Each runs in a process of its own, so that peak memory is its own, with the same number of threads. The
clock begins when all is imported and ends with a model that can label; caches begin empty. CPU seconds
hold for a machine that others use too, if run with ``OMP_NUM_THREADS=1``.

SetFit keeps its defaults, but writes no checkpoints. Its oversampling makes pairs of every two rows, of which
no CPU sees the end. ``setfit`` therefore draws ``ITERATIONS`` pairs of either kind for each row, long its default;
``setfit_defaults`` tries the oversampling. Both are cut by SetFit's own ``max_steps`` where ``--steps`` and
``--default-steps`` are fewer than all: the learning rate then falls to zero within them. Of a run that was cut,
``extrapolated_seconds`` is what all its steps would take at the same rate, and the accuracy that of the cut one.

``texts_read`` and ``tokens_read`` count what the encoder reads in training, with padding. SetFit computes in
fp32, as it comes; ours in ``precision``, as the machine has it.

SetFit is no part of this project. Put it into a folder beside: ``pip install --no-deps --target DIR
setfit==1.2.0 evaluate==0.4.6``, then run with ``PYTHONPATH=DIR``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Example, Task, make_dataset
from core.model.backbone import PACKAGED, resolve_backbone
from tests.benchmarks.measuring import peak_megabytes, read_intents, wilson_half_width
from tests.benchmarks.support_quality import draw_shots

ITERATIONS, BATCH = 20, 16
Labeller = Callable[[list[str]], NDArray[Any]]
Train = Callable[[list[Example], Task], tuple[Labeller, dict[str, Any]]]


def main() -> None:
    """Measure all and print one JSON object; with ``--only``, one contestant in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--draw", type=int, default=0, help="which lot the rows are drawn by")
    parser.add_argument("--steps", type=int, default=500, help="cut setfit after so many steps")
    parser.add_argument("--default-steps", type=int, default=40, help="cut setfit_defaults after so many steps")
    parser.add_argument("--only", choices=CONTESTANTS)
    options = parser.parse_args()
    if importlib.util.find_spec("setfit") is None:
        print("skipped: setfit is not installed (see this module's docstring)", file=sys.stderr)
        raise SystemExit(0)
    if options.only:
        steps = {"setfit": options.steps, "setfit_defaults": options.default_steps}.get(options.only)
        print(json.dumps(measure(options.only, options.shots, options.draw, steps)))
        return
    results: dict[str, dict[str, Any]] = {}
    for name in CONTESTANTS:
        command = [sys.executable, "-m", "tests.benchmarks.fewshot_speed", *sys.argv[1:], "--only", name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        results[name] = json.loads(done.stdout.splitlines()[-1])
    ours = results["fieldkits"]
    ratios = {
        name: {key: other[key] / ours[key.removeprefix("extrapolated_")] for key in SECONDS if key in other}
        for name, other in results.items()
        if name != "fieldkits"
    }
    print(json.dumps({"shots": options.shots, "draw": options.draw, "result": results, "ratio": ratios}, indent=1))


def measure(name: str, shots: int, draw: int, steps: int | None) -> dict[str, Any]:
    """What training takes in this process, and how good it is."""
    import torch

    train_rows, held_rows, task = read_intents()
    rows = draw_shots(train_rows, task, shots, draw)
    train = CONTESTANTS[name](steps)
    with tempfile.TemporaryDirectory() as cache, counting() as read:
        os.environ["FIELDKITS_CACHE"] = cache
        begun, used = time.perf_counter(), time.process_time()
        label, facts = train(rows, task)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - used
    result = {"rows": len(rows), "threads": torch.get_num_threads(), "seconds": seconds, "cpu_seconds": cpu_seconds}
    left = facts.get("full_steps", 0) - facts.get("steps", 0)
    if left:
        more = left * facts["step_seconds"]
        result["extrapolated_seconds"] = seconds + more
        result["extrapolated_cpu_seconds"] = cpu_seconds + more * cpu_seconds / seconds
    result |= facts | read | {"peak_mb": peak_megabytes()}
    right = label([example.text for example in held_rows]) == [example.labels[task.name] for example in held_rows]
    accuracy = float(np.mean(right))
    return result | {
        "development_rows": len(held_rows),
        "accuracy": accuracy,
        "half_width": wilson_half_width(accuracy, len(held_rows)),
    }


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Counts the texts and tokens that an encoder reads while it is trained, at its table of words."""
    from torch import nn

    read: Counter[str] = Counter()

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, nn.Embedding) and module.padding_idx is not None and module.training:
            read.update(texts_read=inputs[0].shape[0], tokens_read=inputs[0].numel())

    handle = nn.modules.module.register_module_forward_pre_hook(note)
    try:
        yield read
    finally:
        handle.remove()


def count_pairs(labels: list[str], iterations: int | None) -> int:
    """How many pairs SetFit makes of rows: of all or, where told, of so many with each row, as many alike as not."""
    if iterations is not None:
        return 2 * iterations * len(labels)
    alike = sum(count * (count + 1) // 2 for count in Counter(labels).values())
    return 2 * max(alike, len(labels) * (len(labels) + 1) // 2 - alike)


def _fieldkits(_: int | None) -> Train:
    from core.runtime import choose_device, choose_precision
    from core.train.fit import fit_rung
    from kits.support.config import SupportConfig

    config = SupportConfig()

    def train(examples: list[Example], task: Task) -> tuple[Labeller, dict[str, Any]]:
        rows = make_dataset(examples, [task])
        classifier, _ = fit_rung("contrast", rows, rows, [task], config)
        names = np.array(task.labels)
        facts = {"precision": choose_precision(config.train.precision, choose_device().value).value}
        return lambda texts: names[classifier.logits([(t, None) for t in texts])[0].argmax(axis=1)], facts

    return train


def _setfit(iterations: int | None, steps: int | None) -> Train:
    import datasets
    from setfit import SetFitModel, Trainer, TrainingArguments  # type: ignore[import-not-found]

    def train(examples: list[Example], task: Task) -> tuple[Labeller, dict[str, Any]]:
        texts, labels = [e.text for e in examples], [str(e.labels[task.name]) for e in examples]
        full_steps = math.ceil(count_pairs(labels, iterations) / BATCH)
        model = SetFitModel.from_pretrained(str(resolve_backbone(PACKAGED)))
        with tempfile.TemporaryDirectory() as out:
            arguments = TrainingArguments(
                output_dir=out,
                num_iterations=iterations,
                batch_size=BATCH,
                max_steps=-1 if steps is None or steps >= full_steps else steps,
                save_strategy="no",
                report_to="none",
                show_progress_bar=False,
            )
            trainer = Trainer(model, arguments, datasets.Dataset.from_dict({"text": texts, "label": labels}))
            trainer.train()
        state = trainer.st_trainer.state
        facts = {
            "precision": "fp32",
            "steps": state.global_step,
            "full_steps": full_steps,
            "step_seconds": 1 / state.log_history[-1]["train_steps_per_second"],
        }
        return lambda held: np.asarray(model.predict(held)), facts

    return train


CONTESTANTS: dict[str, Callable[[int | None], Train]] = {
    "fieldkits": _fieldkits,
    "setfit": partial(_setfit, ITERATIONS),
    "setfit_defaults": partial(_setfit, None),
}
SECONDS = ("seconds", "cpu_seconds", "extrapolated_seconds", "extrapolated_cpu_seconds")

if __name__ == "__main__":
    main()

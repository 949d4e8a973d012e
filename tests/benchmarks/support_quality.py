"""How well the support kit reads intents: ``python -m tests.benchmarks.support_quality clinc150 banking77 …``.

Every figure comes out of the kit's own commands with their defaults: ``train`` sees the training
file (of BANKING77 a part of it), splits off what it needs to choose and calibrate by, and
``evaluate`` judges on rows that were kept away from it. TF-IDF and the probe are judged on the same
rows. ``few5`` and ``few10`` fit the rungs on five and ten rows of each intent of BANKING77, drawn
three times, without a row to choose by; ``self_trained`` is also given the other texts of the training
part, without their labels.

The times are those of this machine, and CPU seconds, which do not depend on what else it is doing.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.data.example import Example, Task, make_dataset
from core.data.split import split_examples
from core.data.write import write_rows
from core.train.fit import fit_rung
from core.train.selftrain import choose_near, fit_self_trained
from kits.support.config import SupportConfig
from tests.benchmarks.measuring import (
    SPLIT_SEED,
    data_folder,
    peak_megabytes,
    read_intents,
    run_kit,
    wilson_half_width,
)

DRAWS = 3
SHOWN = ("intent.accuracy", "intent.macro_f1", "intent.ece", "scope.accuracy_in_scope", "scope.auroc_out_of_scope",
         "scope.ece", "scope.ece_in_scope", "scope.coverage", "scope.risk", "scope.cost")  # fmt: skip


def main() -> None:
    """Measure what is asked for; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(MEASURES))
    for name in parser.parse_args().names:
        print(json.dumps({"name": name} | MEASURES[name](), ensure_ascii=False), flush=True)


def measure_clinc() -> dict[str, Any]:
    """CLINC150: training and validation file to train on, the test file to judge by."""
    folder = data_folder() / "support/clinc150"
    files = [folder / "train.csv", folder / "validation.csv"]
    return through_the_kit(files, folder / "test.csv", ["--budget", "10m"])


def measure_banking(budget: str) -> dict[str, Any]:
    """BANKING77: four fifths of its training file to train on, the rest to judge by."""
    train, test, _ = read_intents()
    with tempfile.TemporaryDirectory() as name:
        files = [write(Path(name) / f"{part}.csv", rows) for part, rows in (("train", train), ("test", test))]
        return through_the_kit(files[:1], files[1], ["--budget", budget])


def measure_hwu() -> dict[str, Any]:
    """HWU64: its training file to train on, its validation file to judge by."""
    folder = data_folder() / "support/hwu64"
    return through_the_kit([folder / "train.csv"], folder / "validation.csv", ["--budget", "10m"])


def measure_smp() -> dict[str, Any]:
    """SMP2017 (Chinese): four fifths to train on, the rest to judge by, with the zh preset."""
    with (data_folder() / "support/smp2017_zh/train.csv").open(encoding="utf-8", newline="") as stream:
        examples = [Example(row["text"], labels={"intent": row["label"]}) for row in csv.DictReader(stream)]
    split = split_examples(examples, validation_fraction=0.2, test_fraction=0.0, seed=SPLIT_SEED)
    with tempfile.TemporaryDirectory() as name:
        train = write(Path(name) / "train.csv", [examples[i] for i in split.train])
        test = write(Path(name) / "test.csv", [examples[i] for i in split.validation])
        return through_the_kit([train], test, ["--preset", "zh"])


def measure_few(shots: int) -> dict[str, Any]:
    """BANKING77 with few rows of each intent: every rung on the same rows, judged on the development part."""
    train, test, task = read_intents()
    config = SupportConfig()
    held = make_dataset(test, [task])
    found: dict[str, list[float]] = {"tfidf": [], "probe": [], "contrast": [], "self_trained": []}
    seconds: dict[str, list[float]] = {name: [] for name in found}
    wall: dict[str, list[float]] = {name: [] for name in found}
    for draw in range(DRAWS):
        drawn = draw_shots(train, task, shots, draw)
        rows, texts = make_dataset(drawn, [task]), {example.text for example in drawn}
        others = [(example.text, None) for example in train if example.text not in texts]
        classifier: Any = None
        for name, scores in found.items():
            begun, used = time.monotonic(), time.process_time()
            if name == "self_trained":  # it goes on from the rung before
                near = choose_near(classifier, rows, others, task, config)
                classifier = fit_self_trained(classifier, rows, near, task, config)
            else:
                classifier, _ = fit_rung(name, rows, rows, [task], config)
            wall[name].append(time.monotonic() - begun)
            seconds[name].append(time.process_time() - used)
            right = classifier.logits(held.texts)[0].argmax(axis=1) == held.targets[task.name]
            scores.append(float(right.mean()))
    return {
        "rows": len(test),
        "shots": shots,
        "accuracy": {name: round(float(np.mean(scores)), 4) for name, scores in found.items()},
        "each_draw": {name: [round(score, 4) for score in scores] for name, scores in found.items()},
        "half_width": {
            name: round(wilson_half_width(float(np.mean(scores)), len(test)), 4) for name, scores in found.items()
        },
        "seconds": {name: round(float(np.mean(values)), 1) for name, values in wall.items()},
        "cpu_seconds": {name: round(float(np.mean(values)), 1) for name, values in seconds.items()},
        "peak_mb": round(peak_megabytes()),
    }


def draw_shots(examples: list[Example], task: Task, shots: int, draw: int) -> list[Example]:
    """So many rows of each intent, drawn by lot."""
    order = np.random.default_rng([SPLIT_SEED, draw]).permutation(len(examples))
    left = dict.fromkeys(task.labels, shots)
    drawn = []
    for row in order:
        label = str(examples[row].labels[task.name])
        if left[label] > 0:
            left[label] -= 1
            drawn.append(examples[row])
    return drawn


def through_the_kit(train: list[Path], test: Path, options: list[str]) -> dict[str, Any]:
    """Train and evaluate by the command line."""
    with tempfile.TemporaryDirectory() as name:
        model = Path(name) / "model"
        data = [argument for file in train for argument in ("--data", str(file))]
        begun, used = time.monotonic(), _children_seconds()
        trained = run_kit("support", "train", *data, "--out", str(model), "--set", "data.test_fraction=0", *options)
        facts = {"seconds": round(time.monotonic() - begun, 1), "cpu_seconds": round(_children_seconds() - used, 1)}
        judged = run_kit("support", "evaluate", "--model", str(model), "--data", str(test))
    rungs = {rung["rung"]: rung["validation_score"] for rung in trained["ladder"]}
    scores = {key: round(judged["metrics"][key], 4) for key in SHOWN if key in judged["metrics"]}
    baselines = {
        name: {key: round(values[key], 4) for key in SHOWN if key in values}
        for name, values in judged["baselines"].items()
    }
    intervals = {
        key: [round(end, 4) for end in judged["intervals"][key]] for key in SHOWN if key in judged["intervals"]
    }
    return facts | {
        "rows": judged["rows"], "chosen": trained["chosen"], "validation": rungs, "metrics": scores,
        "intervals": intervals, "baselines": baselines,
    }  # fmt: skip


def write(file: Path, examples: list[Example]) -> Path:
    """Examples as a table."""
    write_rows(str(file), ({"text": e.text, "intent": e.labels["intent"]} for e in examples))
    return file


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


MEASURES: dict[str, Callable[[], dict[str, Any]]] = {
    "clinc150": measure_clinc,
    "banking77": lambda: measure_banking("10m"),
    "banking77_fast": lambda: measure_banking("20s"),
    "hwu64": measure_hwu,
    "smp2017_zh": measure_smp,
    "few5": lambda: measure_few(5),
    "few10": lambda: measure_few(10),
}

if __name__ == "__main__":
    main()

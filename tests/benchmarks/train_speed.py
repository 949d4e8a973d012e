"""Training speed beside the transformers Trainer: ``python -m tests.benchmarks.train_speed``.

Same encoder, rows (BANKING77, training part), batch size and epochs, in one run on one machine;
the Trainer keeps its defaults otherwise. Reported: training rows per second, accuracy on the
development part, and the time until a model of at least 0.92 is in hand. The ladder may use any of
its cheap rungs. Both are looked at after every epoch, and those looks are not counted in the rates; where
the Trainer never gets there, its whole time stands in, and the ratio is a lower bound.

Every time is given by the clock and in CPU seconds. The latter stay the same when others use the
machine too, if run with ``OMP_NUM_THREADS=1`` (a thread that waits for another counts as busy).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from core.config import KitConfig, TrainConfig
from core.data.example import Dataset, Example, Task, make_dataset
from core.data.split import split_examples
from core.model.backbone import PACKAGED, resolve_backbone
from core.train import loop
from core.train.fit import fit_tuned
from core.train.ladder import climb
from tests.benchmarks.measuring import read_intents, wilson_half_width

TARGET = 0.92


def main() -> None:
    """Measure both and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, help="train on the first so many rows only (a quick look)")
    options = parser.parse_args()
    train_rows, held_rows, task = read_intents()
    train_rows = train_rows[: options.rows]
    train, held = make_dataset(train_rows, (task,)), make_dataset(held_rows, (task,))
    config = KitConfig(train=TrainConfig(batch_size=options.batch_size, epochs=options.epochs))
    ours = measure_ours(train, held, task, config)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["FIELDKITS_CACHE"] = cache
        quick = measure_ladder(train_rows, held, task, config)
    theirs = measure_trainer(train, held, task, options.batch_size, options.epochs)
    result = {
        "rows": len(train),
        "development_rows": len(held),
        "batch_size": options.batch_size,
        "epochs": options.epochs,
        "ours": ours,
        "trainer": theirs,
        "speed_ratio": ours["rows_per_second"] / theirs["rows_per_second"],
        "speed_ratio_cpu": ours["rows_per_cpu_second"] / theirs["rows_per_cpu_second"],
        "accuracy_noise": wilson_half_width(theirs["accuracy"], len(held)),
        "target": TARGET,
        "ladder_to_target": quick,
        "time_ratio": (theirs["seconds_to_target"] or theirs["seconds"]) / quick["seconds"],
        "time_ratio_cpu": (theirs["cpu_seconds_to_target"] or theirs["cpu_seconds"]) / quick["cpu_seconds"],
        "time_ratio_is_a_lower_bound": theirs["seconds_to_target"] is None,
    }
    print(json.dumps(result, indent=1))


def measure_ours(train: Dataset, held: Dataset, task: Task, config: KitConfig) -> dict[str, Any]:
    """Fine-tuning by the loop."""
    begun, looked = _now(), np.zeros(2)
    look = loop._validate

    def look_and_note(*arguments: Any) -> loop.Validation:
        nonlocal looked
        paused = _now()
        found = look(*arguments)
        looked = looked + _now() - paused
        return found

    with patch.object(loop, "_validate", look_and_note):
        classifier, _ = fit_tuned(train, held, (task,), config)
    seconds, cpu_seconds = _now() - begun - looked
    accuracy = _accuracy(classifier.logits(held.texts)[0], held, task)
    visits = len(train) * (config.train.epochs or 1)
    return {
        "rows_per_second": visits / seconds,
        "rows_per_cpu_second": visits / cpu_seconds,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "seconds_of_looks": float(looked[0]),
        "accuracy": accuracy,
    }


def measure_ladder(rows: list[Example], held: Dataset, task: Task, config: KitConfig) -> dict[str, Any]:
    """The ladder's cheap rungs, from nothing cached, choosing on rows cut from the training part."""
    cheap = config.model_copy(update={"train": config.train.model_copy(update={"rungs": ("tfidf", "probe", "blend")})})
    begun = _now()
    split = split_examples(rows, validation_fraction=0.1, test_fraction=0.0, seed=config.seed)
    train, validation = (make_dataset([rows[i] for i in part], (task,)) for part in (split.train, split.validation))
    ladder = climb(train, validation, (task,), cheap)
    seconds, cpu_seconds = _now() - begun
    accuracy = _accuracy(ladder.classifier.logits(held.texts)[0], held, task)
    return {
        "rung": ladder.chosen.name,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "accuracy": accuracy,
        "reached": accuracy >= TARGET,
    }


def measure_trainer(train: Dataset, held: Dataset, task: Task, batch_size: int, epochs: int) -> dict[str, Any]:
    """The transformers Trainer with its defaults, looked at after every epoch."""
    folder = resolve_backbone(PACKAGED)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=len(task.labels), local_files_only=True
    )
    looks = _Looks()
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out,
            per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=128,
            num_train_epochs=epochs,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = Trainer(
            model,
            arguments,
            train_dataset=_encode(train, task, tokenizer),
            eval_dataset=_encode(held, task, tokenizer),
            processing_class=tokenizer,
            compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(-1) == p.label_ids).mean())},
            callbacks=[looks],
        )
        looks.begun = _now()
        trainer.train()
    (seconds, cpu_seconds), accuracy = looks.history[-1]
    reached = [at for at, score in looks.history if score >= TARGET]
    to_target, cpu_to_target = reached[0] if reached else (None, None)
    return {
        "rows_per_second": len(train) * epochs / seconds,
        "rows_per_cpu_second": len(train) * epochs / cpu_seconds,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "accuracy": accuracy,
        "accuracy_by_epoch": [score for _, score in looks.history],
        "seconds_to_target": to_target,
        "cpu_seconds_to_target": cpu_to_target,
    }


class _Looks(TrainerCallback):
    """Notes times and accuracy after every epoch; the time spent on looking is not counted."""

    def __init__(self) -> None:
        self.history: list[tuple[NDArray[np.float64], float]] = []
        self.begun = self._looked = self._paused = np.zeros(2)

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        self._paused = _now()

    def on_evaluate(self, *_: Any, metrics: dict[str, float], **__: Any) -> None:
        self.history.append((self._paused - self.begun - self._looked, metrics["eval_accuracy"]))
        self._looked = self._looked + _now() - self._paused


def _now() -> NDArray[np.float64]:
    """Seconds by the clock, and of this process's CPU time."""
    return np.array([time.perf_counter(), time.process_time()])


def _encode(rows: Dataset, task: Task, tokenizer: Any) -> list[dict[str, Any]]:
    encoded = tokenizer([text for text, _ in rows.texts], truncation=True)
    labels = rows.targets[task.name].tolist()
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": label}
        for ids, mask, label in zip(encoded["input_ids"], encoded["attention_mask"], labels, strict=True)
    ]


def _accuracy(logits: NDArray[Any], held: Dataset, task: Task) -> float:
    return float((logits.argmax(axis=1) == held.targets[task.name]).mean())


if __name__ == "__main__":
    main()

"""Judges a model on labelled rows, beside what guessing and the cheaper models get on the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.data.example import Example, Task, make_dataset
from core.errors import DataError
from core.evaluate.assess import Forecast, assess_task
from core.evaluate.baseline import MAJORITY
from core.evaluate.document import TaskReport
from core.predict.decide import Calibration, Classifier, probabilities
from core.predict.load import Model, fingerprint_rows

Baselines = Mapping[str, tuple[Classifier, Mapping[str, Calibration]]]


def judge(
    model: Model, examples: Sequence[Example], baselines: Baselines, *, samples: int, seed: int
) -> tuple[TaskReport, ...]:
    """Score a model and its baselines on rows whose labels are known.

    Args:
        model: The model.
        examples: Held-out rows; each task uses those that carry its labels.
        baselines: Name to classifier and calibration; the majority baseline is added.
        samples: Bootstrap resamples behind each interval.
        seed: Of the resampling.

    Raises:
        DataError: No row carries a label that the model knows.
    """
    rows = make_dataset(examples, model.tasks)
    if not any(known.any() for known in rows.known.values()):
        raise DataError(
            "no row to evaluate",
            where="--data",
            expected=f"rows labelled with {', '.join(t.name for t in model.tasks)}",
            fix="map the label columns (--map) and words (--label)",
        )
    own = model.classifier.logits(rows.texts)
    others = {
        name: own if classifier is model.classifier else classifier.logits(rows.texts)
        for name, (classifier, _) in baselines.items()
    }
    reports = []
    for position, task in enumerate(model.tasks):
        known = np.flatnonzero(rows.known[task.name])
        if not len(known):
            continue
        forecast = _forecast(task, own[position][known], model.calibration[task.name])
        compared = {MAJORITY: Forecast(np.tile(model.priors[task.name], (len(known), 1)))}
        for name, (_, calibration) in baselines.items():
            compared[name] = _forecast(task, others[name][position][known], calibration[task.name])
        reports.append(
            assess_task(
                task,
                rows.targets[task.name][known],
                forecast,
                baselines=compared,
                examples=[examples[int(i)] for i in known],
                samples=samples,
                seed=seed,
            )
        )
    return tuple(reports)


def leave_out_seen(model: Model, examples: Sequence[Example]) -> tuple[list[Example], int]:
    """The examples that the model was neither trained nor chosen on, and how many others there are."""
    used = [model.seen[name] for name in ("train", "validation") if name in model.seen]
    is_seen = np.isin(fingerprint_rows(examples), np.concatenate([np.zeros(0, np.uint64), *used]))
    return [e for e, seen in zip(examples, is_seen, strict=True) if not seen], int(is_seen.sum())


def summarise(reports: Sequence[TaskReport], rows: int) -> dict[str, Any]:
    """What ``evaluate --json`` prints: scores named ``task.score``, of model and baselines."""
    names = [baseline.name for baseline in reports[0].baselines]
    return {
        "rows": rows,
        "metrics": {f"{r.name}.{k}": v for r in reports for k, v in r.model.metrics.items()},
        "baselines": {
            name: {
                f"{r.name}.{k}": v for r in reports for b in r.baselines if b.name == name for k, v in b.metrics.items()
            }
            for name in names
        },
        "intervals": {
            f"{r.name}.{k}": [interval.low, interval.high]
            for r in reports
            for k, interval in r.model.intervals.items()
        },
    }


def _forecast(task: Task, logits: Any, calibration: Calibration) -> Forecast:
    return Forecast(
        probabilities(task, logits, calibration),
        calibration.cuts(),
        probabilities(task, logits, Calibration()),
        calibration.temperature,
    )

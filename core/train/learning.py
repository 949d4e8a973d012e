"""Would more data help? The chosen kind of model, trained on growing shares of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.config import KitConfig
from core.console import say
from core.data.example import Example, Task, make_dataset
from core.evaluate.curves import LearningPoint
from core.evaluate.document import TaskReport
from core.predict.decide import calibrate, probabilities
from core.runtime import derive_seed
from core.train.fit import fit_rung
from core.train.ladder import score_tasks

SHARES = (0.125, 0.25, 0.5)


def learning_curve(
    rung: str,
    train: Sequence[Example],
    validation: Sequence[Example],
    test: Sequence[Example],
    reports: tuple[TaskReport, ...],
    config: KitConfig,
) -> tuple[TaskReport, ...]:
    """Add to each task's report how the score grows with the number of training rows.

    Args:
        rung: The kind of model to train.
        train: All training rows; the shares are taken from one shuffle, each in the next.
        validation: Rows to stop and calibrate by.
        test: Rows to score on.
        reports: What was measured with all rows: the last point of each curve.
        config: Settings of training.
    """
    order = np.random.default_rng(derive_seed(config.seed, "learning curve")).permutation(len(train))
    tasks = tuple(Task(r.name, r.kind, r.labels) for r in reports)
    held_out, stop = make_dataset(test, tasks), make_dataset(validation, tasks)
    points: dict[str, list[LearningPoint]] = {task.name: [] for task in tasks}
    for share in SHARES:
        rows = make_dataset([train[i] for i in order[: max(1, int(len(train) * share))]], tasks)
        say(f"Learning curve: {len(rows)} rows")
        classifier, _ = fit_rung(rung, rows, stop, tasks, config)
        calibration = calibrate(tasks, classifier.logits(stop.texts), stop)
        logits = classifier.logits(held_out.texts)
        read = [probabilities(t, z, calibration[t.name]) for t, z in zip(tasks, logits, strict=True)]
        for name, score in score_tasks(tasks, read, held_out, calibration).items():
            points[name].append(LearningPoint(len(rows), score))
    return tuple(
        replace(
            report,
            learning=(
                *points[report.name],
                LearningPoint(len(train), report.model.metrics["macro_f1" if report.kind == "single" else "micro_f1"]),
            ),
        )
        for report in reports
    )

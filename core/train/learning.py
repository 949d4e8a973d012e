"""Would more data help? The ladder, climbed again on growing shares of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.config import KitConfig
from core.console import say
from core.data.example import Example, Task, make_dataset
from core.evaluate.curves import LearningPoint
from core.evaluate.document import TaskReport
from core.predict.decide import probabilities
from core.runtime import derive_seed
from core.train.ladder import PRIMARY_METRIC, climb, score_tasks
from core.train.refit import refit

SHARES = (0.125, 0.25, 0.5)


def learning_curve(
    train: Sequence[Example],
    validation: Sequence[Example],
    test: Sequence[Example],
    reports: tuple[TaskReport, ...],
    config: KitConfig,
) -> tuple[TaskReport, ...]:
    """Add to each task's report how the score grows with the number of training rows.

    Args:
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
        ladder = refit(climb(rows, stop, tasks, config), rows, stop, tasks, config, None)
        calibration = ladder.chosen.calibration
        logits = ladder.classifier.logits(held_out.texts)
        read = [probabilities(t, z, calibration[t.name]) for t, z in zip(tasks, logits, strict=True)]
        for name, score in score_tasks(tasks, read, held_out, calibration).items():
            points[name].append(LearningPoint(len(rows), score))
    return tuple(
        replace(
            report,
            learning=(
                *points[report.name],
                LearningPoint(len(train), report.model.metrics[PRIMARY_METRIC[report.kind]]),
            ),
        )
        for report in reports
    )

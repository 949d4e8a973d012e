"""From predictions on held-out rows to the filled-in report of one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Example, Task
from core.evaluate.bootstrap import compare
from core.evaluate.calibration import reliability_curve
from core.evaluate.curves import Curve, precision_recall_points, roc_curve_points
from core.evaluate.document import ConfusedPair, Mistake, TaskReport
from core.evaluate.metrics import LabelScores, confusion, measure, per_label
from core.evaluate.outcome import Outcome, outcome_of

MOST_PAIRS = 15
MOST_MISTAKES = 20
MOST_CURVES = 6
WEAKEST_CURVES = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one model says about the evaluated rows.

    Attributes:
        probabilities: ``(rows, labels)``, calibrated if the model is.
        thresholds: ``(labels,)`` of a multi-label task; None: one half.
        uncalibrated: ``(rows, labels)`` as they were before calibration.
        temperature: That calibrated them.
    """

    probabilities: NDArray[Any]
    thresholds: NDArray[Any] | None = None
    uncalibrated: NDArray[Any] | None = None
    temperature: float | None = None


def assess_task(
    task: Task,
    truth: NDArray[Any],
    model: Forecast,
    *,
    baselines: Mapping[str, Forecast] | None = None,
    examples: Sequence[Example] = (),
    samples: int = 1000,
    seed: int = 0,
) -> TaskReport:
    """Judge a model and its baselines on the same held-out rows.

    Args:
        task: Whose labels are judged.
        truth: ``(rows,)`` label positions, or ``(rows, labels)`` zeros and ones; only rows whose
            label is known.
        model: What the model says of them.
        baselines: Name to what a baseline says of them, in the order of the table.
        examples: The rows themselves, for the mistakes and for the groups, within which rows are
            not independent.
        samples: Bootstrap resamples.
        seed: Of the resampling.
    """
    outcome = outcome_of(task.kind, model.probabilities, truth, model.thresholds)
    if examples and len(examples) != len(outcome.truth):
        raise ValueError(f"{len(examples)} examples for {len(outcome.truth)} rows")
    groups = _groups(examples)
    names = {"model": model} | dict(baselines or {})
    rows = [
        measure(
            name,
            forecast.probabilities,
            truth,
            task.kind,
            thresholds=forecast.thresholds,
            samples=samples,
            seed=seed,
            groups=groups,
        )
        for name, forecast in names.items()
    ]
    metric = "accuracy" if task.kind == "single" else "micro_f1"
    leads = {
        name: compare(
            truth,
            model.probabilities,
            forecast.probabilities,
            task.kind,
            model.thresholds,
            forecast.thresholds,
            metric,
            samples,
            seed,
            groups,
        )
        for name, forecast in (baselines or {}).items()
    }
    label_scores = per_label(model.probabilities, truth, task.kind, thresholds=model.thresholds)
    roc, precision_recall = _curves(task, outcome, label_scores)
    before = model.uncalibrated
    return TaskReport(
        name=task.name,
        kind=task.kind,
        labels=task.labels,
        rows=len(outcome.truth),
        model=rows[0],
        baselines=tuple(rows[1:]),
        leads=leads,
        label_scores=tuple(label_scores),
        thresholds=() if model.thresholds is None else tuple(map(float, model.thresholds)),
        confusion=_square(confusion(model.probabilities, truth)) if task.kind == "single" else (),
        confused=_confused(task, outcome),
        roc=roc,
        precision_recall=precision_recall,
        reliability_before=() if before is None else tuple(reliability_curve(before, truth)),
        reliability_after=tuple(reliability_curve(model.probabilities, truth)),
        temperature=model.temperature,
        mistakes=_mistakes(task, outcome, examples),
    )


def _groups(examples: Sequence[Example]) -> NDArray[Any] | None:
    """Group ids, a row without one being a group of its own; None when no row has one."""
    if all(example.group is None for example in examples):
        return None
    known: dict[object, int] = {}
    keys: list[object] = [row if e.group is None else e.group for row, e in enumerate(examples)]
    return np.array([known.setdefault(key, len(known)) for key in keys])


def _square(matrix: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def _confused(task: Task, outcome: Outcome) -> tuple[ConfusedPair, ...]:
    """Pairs of a label that was missed and one that was given instead, by how often.

    What happened once says nothing where other pairs repeat, and is then left out.
    """
    missed = (outcome.truth & ~outcome.predicted).astype(np.float64)
    invented = (outcome.predicted & ~outcome.truth).astype(np.float64)
    together = missed.T @ invented
    support = outcome.truth.sum(axis=0)
    fewest = 2 if together.max() >= 2 else 1
    order = np.argsort(-together, axis=None, kind="stable")[:MOST_PAIRS]
    return tuple(
        ConfusedPair(task.labels[t], task.labels[p], int(together[t, p]), float(together[t, p] / support[t]))
        for t, p in zip(*np.unravel_index(order, together.shape), strict=True)
        if together[t, p] >= fewest
    )


def _curves(task: Task, outcome: Outcome, scores: Sequence[LabelScores]) -> tuple[tuple[Curve, ...], tuple[Curve, ...]]:
    """One curve per label, or, of many labels, the common one and those of the weakest."""
    ranked = sorted((s.roc_auc, i) for i, s in enumerate(scores) if s.roc_auc is not None)
    few = len(task.labels) <= MOST_CURVES
    drawn = sorted(i for _, i in ranked) if few else [i for _, i in ranked[:WEAKEST_CURVES]]
    columns = [(outcome.probabilities[:, i], outcome.truth[:, i], task.labels[i]) for i in drawn]
    if not few:
        columns.insert(0, (outcome.probabilities.ravel(), outcome.truth.ravel(), ""))
    roc = tuple(c for column in columns if (c := roc_curve_points(*column)))
    return roc, tuple(c for column in columns if (c := precision_recall_points(*column)))


def _mistakes(task: Task, outcome: Outcome, examples: Sequence[Example]) -> tuple[Mistake, ...]:
    """The wrong rows in which the model was surest of what is wrong."""
    if not examples:
        return ()
    wrong = outcome.truth != outcome.predicted
    if task.kind == "single":
        certainty = np.where(outcome.predicted, outcome.probabilities, 0.0)
    else:
        certainty = np.where(outcome.predicted, outcome.probabilities, 1.0 - outcome.probabilities)
    surest = np.where(wrong, certainty, -1.0).max(axis=1)
    order = np.argsort(-surest, kind="stable")[:MOST_MISTAKES]

    def named(marks: NDArray[np.bool_]) -> str:
        return ", ".join(task.labels[i] for i in np.flatnonzero(marks))

    return tuple(
        Mistake(
            text=" ¦ ".join(filter(None, (examples[row].text, examples[row].pair))),
            truth=named(outcome.truth[row]),
            predicted=named(outcome.predicted[row]),
            confidence=float(surest[row]),
            place=examples[row].place,
        )
        for row in order
        if surest[row] >= 0
    )

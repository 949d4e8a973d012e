"""From logits to decisions: calibrated probabilities, then labels by argmax or by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.data.example import Dataset, Task, Text
from core.evaluate.calibration import (
    fit_temperature,
    fit_temperature_multi,
    fit_thresholds,
    sigmoid,
    softmax,
)

Floats = NDArray[np.float64]


class Classifier(Protocol):
    """What scores texts: an encoder with heads, or a linear model over n-grams."""

    kind: str
    tasks: tuple[Task, ...]

    @property
    def parameters(self) -> int:
        """How many numbers the model holds."""

    def logits(self, texts: Sequence[Text]) -> list[NDArray[np.float32]]:
        """Logits of each task, ``(rows, labels)`` float32 each."""

    def read(self, texts: Sequence[Text]) -> tuple[list[NDArray[np.float32]], NDArray[np.float32] | None]:
        """The same, and ``(rows, hidden)`` float32 states of the texts where the model has an encoder."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one task's logits are read.

    Attributes:
        temperature: Logits are divided by it; above 1 the model was too sure.
        thresholds: Multi-label: ``(labels,)`` from which probability a label holds; else None.
    """

    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None

    def cuts(self) -> Floats | None:
        """The thresholds as an array."""
        return None if self.thresholds is None else np.asarray(self.thresholds)


def calibrate(
    tasks: Sequence[Task], logits: Sequence[NDArray[np.float32]], validation: Dataset
) -> dict[str, Calibration]:
    """Fit temperature and thresholds of each task on validation rows.

    Args:
        tasks: What is asked of a text.
        logits: Per task ``(rows, labels)`` of the validation rows.
        validation: Their labels.
    """
    calibrations = {}
    for task, scores in zip(tasks, logits, strict=True):
        rows = np.flatnonzero(validation.known[task.name])
        truth = validation.targets[task.name][rows]
        if task.kind == "single":
            calibrations[task.name] = Calibration(fit_temperature(scores[rows], truth) if len(rows) else 1.0)
            continue
        temperature = fit_temperature_multi(scores[rows], truth) if len(rows) else 1.0
        cuts = fit_thresholds(sigmoid(scores[rows] / temperature), truth) if len(rows) else None
        chosen = tuple(float(c) for c in cuts) if cuts is not None else (0.5,) * len(task.labels)
        calibrations[task.name] = Calibration(temperature, chosen)
    return calibrations


def probabilities(task: Task, logits: NDArray[np.float32], calibration: Calibration) -> Floats:
    """Calibrated probabilities, ``(rows, labels)``; the rows of a single-label task sum to one."""
    scaled = logits.astype(np.float64) / calibration.temperature
    return softmax(scaled) if task.kind == "single" else sigmoid(scaled)

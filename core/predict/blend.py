"""Two models that err differently, averaged: n-grams see the words, the encoder the meaning.

When both have been fitted the blend costs nothing, and it is often better than either. How much
each has to say is chosen on validation rows: a tuned encoder needs less of the n-grams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Dataset, Task, Text
from core.evaluate.calibration import fit_temperature, fit_temperature_multi
from core.model.linear import LinearClassifier
from core.predict.decide import Calibration
from core.predict.engine import EncoderClassifier

SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
Logits = Sequence[NDArray[np.float32]]


class BlendClassifier:
    """The mean of a linear model's and an encoder's logits, which are scaled already.

    Args:
        linear: TF-IDF model whose margins are calibrated and weighted.
        encoder: Encoder with heads whose logits are calibrated and weighted.
    """

    kind = "blend"

    def __init__(self, linear: LinearClassifier, encoder: EncoderClassifier) -> None:
        self.tasks: tuple[Task, ...] = encoder.tasks
        self.linear, self.encoder = linear, encoder

    @property
    def parameters(self) -> int:
        """How many numbers both models hold."""
        return self.linear.parameters + self.encoder.parameters

    def logits(self, texts: Sequence[Text]) -> list[NDArray[np.float32]]:
        """Mean log probabilities (single) or mean logits (multi), ``(rows, labels)`` each."""
        return self._blend(self.linear.logits(texts), self.encoder.logits(texts))

    def read(self, texts: Sequence[Text]) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
        """The same logits, and the encoder's states ``(rows, hidden)`` float32, out of one pass."""
        logits, states = self.encoder.read(texts)
        return self._blend(self.linear.logits(texts), logits), states

    def _blend(self, linear: Logits, encoder: Logits) -> list[NDArray[np.float32]]:
        pairs = zip(self.tasks, linear, encoder, strict=True)
        return [
            _mean(_log_softmax(a), _log_softmax(b)) if task.kind == "single" else _mean(a, b) for task, a, b in pairs
        ]

    def save(self, folder: Path) -> None:
        """Write the files of both models, whose names differ."""
        self.linear.save(folder)
        self.encoder.save(folder)

    @classmethod
    def load(cls, folder: Path, tasks: Sequence[Task], **options: Any) -> BlendClassifier:
        """Read what ``save`` wrote.

        Raises:
            ModelError: Files are absent, refused, or do not fit together.
        """
        return cls(LinearClassifier.load(folder, tasks), EncoderClassifier.load(folder, tasks, **options))


def blend(
    linear: LinearClassifier,
    linear_calibration: Mapping[str, Calibration],
    encoder: EncoderClassifier,
    encoder_calibration: Mapping[str, Calibration],
    shares: Mapping[str, float] | None = None,
) -> BlendClassifier:
    """Put two fitted models on one scale by their temperatures, and average them.

    Args:
        linear: The one.
        linear_calibration: Its temperatures.
        encoder: The other.
        encoder_calibration: Its temperatures.
        shares: Per task the weight of the linear model; a half where it is not named.
    """
    weights = [(shares or {}).get(task.name, 0.5) for task in encoder.tasks]
    factors = [
        [2 * weight / calibration[task.name].temperature for task, weight in zip(encoder.tasks, chosen, strict=True)]
        for calibration, chosen in ((linear_calibration, weights), (encoder_calibration, [1 - w for w in weights]))
    ]
    return BlendClassifier(linear.scaled(factors[0]), encoder.scaled(factors[1]))


def choose_shares(
    tasks: Sequence[Task],
    linear: Logits,
    linear_calibration: Mapping[str, Calibration],
    encoder: Logits,
    encoder_calibration: Mapping[str, Calibration],
    validation: Dataset,
) -> dict[str, float]:
    """Per task the weight of the linear model in a blend that has the least log loss on validation rows.

    Args:
        tasks: What is asked of a text.
        linear: Per task ``(rows, labels)`` logits of the validation rows by the linear model.
        linear_calibration: Its temperatures.
        encoder: Likewise, by the encoder.
        encoder_calibration: Its temperatures.
        validation: The labels.
    """
    shares = {}
    for task, a, b in zip(tasks, linear, encoder, strict=True):
        rows = np.flatnonzero(validation.known[task.name])
        truth = validation.targets[task.name][rows]
        one = a[rows] / linear_calibration[task.name].temperature
        other = b[rows] / encoder_calibration[task.name].temperature
        losses = [calibrated_loss(share * one + (1 - share) * other, truth, task.kind) for share in SHARES]
        shares[task.name] = SHARES[int(np.argmin(losses))] if len(rows) else 0.5
    return shares


def calibrated_loss(logits: NDArray[np.float32], truth: NDArray[Any], kind: str) -> float:
    """The log loss at the best temperature, in nats, summed over rows and labels.

    Args:
        logits: ``(rows, labels)`` float32.
        truth: ``(rows,)`` positions of the labels of a single-label task, else ``(rows, labels)`` of 0 and 1.
        kind: ``single`` or ``multi``.
    """
    if kind == "single":
        scaled = _log_softmax(logits / fit_temperature(logits, truth))
        return -float(scaled[np.arange(len(truth)), truth].sum())
    scaled = logits / fit_temperature_multi(logits, truth)
    return float((np.logaddexp(0.0, scaled) - truth * scaled).sum())


def _mean(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((a + b) / 2, dtype=np.float32)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

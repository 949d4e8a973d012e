"""Two models that err differently, averaged: n-grams see the words, the encoder the meaning.

When both have been fitted the blend costs nothing, and it is often better than either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Task, Text
from core.model.linear import LinearClassifier
from core.predict.decide import Calibration
from core.predict.engine import EncoderClassifier


class BlendClassifier:
    """The mean of a linear model's and an encoder's calibrated logits.

    Args:
        linear: TF-IDF model whose margins are calibrated already.
        encoder: Encoder with heads whose logits are calibrated already.
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

    def _blend(
        self, linear: Sequence[NDArray[np.float32]], encoder: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
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
) -> BlendClassifier:
    """Put two fitted models on one scale by their temperatures, and average them."""
    factors = [
        [1 / calibration[task.name].temperature for task in encoder.tasks]
        for calibration in (linear_calibration, encoder_calibration)
    ]
    return BlendClassifier(linear.scaled(factors[0]), encoder.scaled(factors[1]))


def _mean(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((a + b) / 2, dtype=np.float32)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

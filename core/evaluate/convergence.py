"""What a training curve says, in one of five verdicts and a sentence.

The verdict is about the validation score where there is one, else the validation loss: a loss
that rises while the score holds is the model growing over-sure, which calibration repairs, and
no reason to stop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.evaluate.texts import Language, texts_in

FEWEST_POINTS = 3
SCORE_TOLERANCE = 0.005
LOSS_TOLERANCE = 0.02
BLOW_UP = 1.5

VerdictLabel = Literal["converged", "improving", "overfitting", "diverged", "short"]


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """What was measured at one moment of training; None where it was not.

    Attributes:
        epoch: Passes over the training rows so far.
        step: Optimizer steps so far.
        train_loss: Mean since the point before.
        validation_loss: On the validation rows.
        validation_metric: The score by which the best checkpoint is chosen; larger is better.
        learning_rate: At this step.
    """

    epoch: float
    step: int
    train_loss: float | None = None
    validation_loss: float | None = None
    validation_metric: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of the five, and why.

    Attributes:
        label: ``converged``, ``improving``, ``overfitting``, ``diverged`` or ``short``.
        text: A sentence for the reader.
    """

    label: VerdictLabel
    text: str


def convergence_verdict(curve: Sequence[TrainingPoint], language: Language = "en") -> Verdict:
    """Judge a training run by its curve.

    Args:
        curve: In the order of training.
        language: Of the sentence.

    Returns:
        ``diverged``: a loss or score is not finite, or the training loss ends half above where it began;
        ``short``: fewer than three points were validated; ``improving``: the last is the best by
        more than the tolerance (half a point of score, 2 % of loss); ``overfitting``: the last is
        worse than the best by more than that while the training loss went on falling;
        else ``converged``.
    """
    say = texts_in(language)
    losses = [p.train_loss for p in curve if p.train_loss is not None]
    seen = losses + [v for p in curve for v in (p.validation_loss, p.validation_metric) if v is not None]
    if not all(math.isfinite(loss) for loss in seen) or (len(losses) > 1 and losses[-1] > BLOW_UP * losses[0]):
        return Verdict("diverged", say["verdict_diverged"])
    judged = _judged(curve)
    if len(judged) < FEWEST_POINTS:
        return Verdict("short", say["verdict_short"].format(points=len(judged)))
    values = [value for _, value, _ in judged]
    best = max(range(len(values)), key=values.__getitem__)
    point, top, tolerance = judged[best]
    epoch = f"{point.epoch:g}"
    if best == len(values) - 1 and top - max(values[:-1]) > tolerance:
        return Verdict("improving", say["verdict_improving"].format(epoch=epoch))
    last = judged[-1][0]
    went_on_falling = point.train_loss is None or last.train_loss is None or last.train_loss < point.train_loss
    if top - values[-1] > tolerance and went_on_falling:
        return Verdict("overfitting", say["verdict_overfitting"].format(epoch=epoch))
    text = say["verdict_converged"].format(epoch=epoch)
    if _loss_rises_at_the_end(curve):
        text += ("" if language == "zh" else " ") + say["verdict_oversure"]
    return Verdict("converged", text)


def _judged(curve: Sequence[TrainingPoint]) -> list[tuple[TrainingPoint, float, float]]:
    """The validated points, each with its value (larger is better) and the tolerance around it."""
    by_metric = [(p, p.validation_metric, SCORE_TOLERANCE) for p in curve if p.validation_metric is not None]
    if by_metric:
        return by_metric
    return [
        (p, -p.validation_loss, LOSS_TOLERANCE * abs(p.validation_loss)) for p in curve if p.validation_loss is not None
    ]


def _loss_rises_at_the_end(curve: Sequence[TrainingPoint]) -> bool:
    losses = [p.validation_loss for p in curve if p.validation_loss is not None]
    return len(losses) >= FEWEST_POINTS and losses[-1] > min(losses) * (1 + LOSS_TOLERANCE)

"""Losses that sum over the labels a batch carries and leave the rest out.

Every loss is a sum over rows, in nats: the training loop divides by the number of rows of the
whole update, so that accumulating small batches equals one large batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core.data.example import MISSING


@dataclass(frozen=True, slots=True)
class LossConfig:
    """What shapes a task's loss.

    Attributes:
        label_weights: ``(labels,)`` float32, or None for equal weights.
        smoothing: Share of the target spread evenly (single: over labels; multi: towards 1/2).
        focal_gamma: Focusing exponent; 0 is the plain loss.
    """

    label_weights: Tensor | None = None
    smoothing: float = 0.0
    focal_gamma: float = 0.0


def single_label_loss(logits: Tensor, targets: Tensor, config: LossConfig) -> Tensor:
    """Cross-entropy, weighted, smoothed or focal, summed over the rows that have a target.

    Args:
        logits: ``(batch, labels)``.
        targets: ``(batch,)`` int64, ``MISSING`` where the label is not known.
        config: Weights, smoothing, focus.

    Returns:
        ``()`` float32.

    Source:
        Lin et al. 2017, Focal Loss for Dense Object Detection, eq. 5 (with alpha as label weights).
    """
    known = targets != MISSING
    logits, targets = logits[known].float(), targets[known]
    weights = None if config.label_weights is None else config.label_weights.to(logits.device)
    loss = functional.cross_entropy(logits, targets, weight=weights, label_smoothing=config.smoothing, reduction="none")
    if config.focal_gamma:
        right = logits.softmax(dim=-1).gather(1, targets[:, None]).squeeze(1)
        loss = loss * (1 - right).clamp(min=0) ** config.focal_gamma
    return loss.sum()


def multi_label_loss(logits: Tensor, targets: Tensor, known: Tensor, config: LossConfig) -> Tensor:
    """Binary cross-entropy summed over labels and over the rows whose labels are known.

    Args:
        logits: ``(batch, labels)``.
        targets: ``(batch, labels)`` zeros and ones.
        known: ``(batch,)`` bool.
        config: Weights (of the positive side), smoothing, focus.

    Returns:
        ``()`` float32: the negative log-likelihood of independent labels, comparable in scale
        with a single-label task's.
    """
    logits, targets = logits[known].float(), targets[known]
    smooth = targets * (1 - config.smoothing) + config.smoothing / 2
    weights = None if config.label_weights is None else config.label_weights.to(logits.device)
    loss = functional.binary_cross_entropy_with_logits(logits, smooth, pos_weight=weights, reduction="none")
    if config.focal_gamma:
        probabilities = logits.sigmoid()
        wrong = torch.where(targets > 0.5, 1 - probabilities, probabilities)
        loss = loss * wrong**config.focal_gamma
    return loss.sum()


def balanced_weights(counts: Tensor, rows: int, kind: str) -> Tensor:
    """Weights that give every label the same say, capped at 20 so that a rare one cannot rule.

    Args:
        counts: ``(labels,)`` rows that carry each label.
        rows: Rows with known labels.
        kind: ``single``: rows / (labels x count); ``multi``: square root of absent / present.
    """
    counts = counts.float().clamp(min=1)
    weights = rows / (len(counts) * counts) if kind == "single" else ((rows - counts).clamp(min=1) / counts).sqrt()
    return weights.clamp(max=20.0)

"""Weights between the pretrained and the tuned ones: often better than either, and no dearer to run.

What was tuned knows the training rows better, what was pretrained the language. Where the heads
began as those of the frozen encoder, every point of the line between both is a working model.

Source: Wortsman et al. 2022, Robust fine-tuning of zero-shot models (WiSE-FT), after a start as in
Kumar et al. 2022, Fine-Tuning can Distort Pretrained Features (LP-FT). The place on the line is
chosen by the log loss on validation rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from core.data.batch import Tokens
from core.data.example import Dataset
from core.model.heads import TextClassifier
from core.predict.blend import calibrated_loss
from core.predict.engine import fast_copy, score_tokens

SHARES = (1.0, 0.85, 0.7, 0.5)
Weights = Mapping[str, Tensor]


def copy_weights(model: TextClassifier) -> Weights:
    """All weights as they are now, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def go_between(
    model: TextClassifier, start: Weights, tokens: Tokens, validation: Dataset, precision: str, batch_size: int
) -> float:
    """Set the weights to those between ``start`` and their own that read validation rows best.

    Args:
        model: The tuned one; changed in place.
        start: The weights that it began with.
        tokens: The validation rows.
        validation: Their labels.
        precision: Number format in which it will score.
        batch_size: Rows in one forward pass.

    Returns:
        The share of the tuned weights.
    """
    tuned = copy_weights(model)
    losses = []
    for share in SHARES:
        mix_weights(model, start, tuned, share)
        logits = score_tokens(fast_copy(model, precision), tokens, batch_size)
        loss = 0.0
        for task, scores in zip(model.tasks, logits, strict=True):
            known = validation.known[task.name]
            if known.any():
                loss += calibrated_loss(scores[known], validation.targets[task.name][known], task.kind) / known.sum()
        losses.append(loss)
    best = SHARES[int(np.argmin(losses))]
    mix_weights(model, start, tuned, best)
    return best


def mix_weights(model: TextClassifier, start: Weights, tuned: Weights, share: float) -> None:
    """Set the weights of ``model`` to ``share`` parts of ``tuned`` and the rest of ``start``."""
    model.load_state_dict(
        {
            name: start[name].lerp(value, share) if value.is_floating_point() and share < 1 else value
            for name, value in tuned.items()
        }
    )

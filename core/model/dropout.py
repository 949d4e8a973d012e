"""Dropout that is drawn fast on a CPU, of what flows through an encoder and of its attention.

There torch draws a number in double precision for every single value, one after the other: with a small
encoder that took a fifth of an update. Here four values share the 64 bits of one draw.

Source: Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

LEVELS = 2**16  # of a value's own bits, so that probabilities are met to within 1/LEVELS
ATTENTION = "fast_dropout"
MODEL_TYPES = ("bert",)  # whose attention is no more than what is computed here
_VALUES_PER_DRAW = 4


class Dropout(nn.Dropout):
    """Like torch's own, out of torch's own random generator; on other devices it is that one."""

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape, some of them zero and the others larger by as much as that takes away."""
        if values.device.type != "cpu" or not self.training or not self.p:
            return super().forward(values)
        return drop(values, self.p)


def hasten_dropout(model: nn.Module) -> None:
    """Let every ``torch.nn.Dropout`` of a model, and the attention of its encoder, draw fast, in place."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
        if isinstance(module, PreTrainedModel) and module.config.model_type in MODEL_TYPES:
            module.set_attn_implementation(ATTENTION)


def drop(values: Tensor, probability: float) -> Tensor:
    """Values in a CPU's memory, each of them zero with a probability, else larger by as much as that takes away."""
    dropped = round(probability * LEVELS)
    draws = torch.empty(-(-values.numel() // _VALUES_PER_DRAW), dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[: values.numel()].view(values.shape)
    return torch.where(bits >= dropped - LEVELS // 2, values * (LEVELS / (LEVELS - dropped)), 0.0)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it; torch's own kernels except where a CPU trains an encoder with dropout.

    Args:
        module: The layer.
        query: ``(batch, heads, tokens, width)``.
        key: Likewise.
        value: Likewise.
        attention_mask: ``(batch, 1, tokens, tokens)`` bool, True where one token may look at another; None: everywhere.
        dropout: Probability that one token does not look at another after all.
        scaling: Of the products; None: one over the root of the width.
        more: Passed on.

    Returns:
        ``(batch, tokens, heads, width)``, and no weights.
    """
    if query.device.type != "cpu" or not dropout or getattr(module, "is_causal", False):
        found, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return found, None
    scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = drop(functional.softmax(scores, dim=-1).to(value.dtype), dropout)
    return (weights @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)

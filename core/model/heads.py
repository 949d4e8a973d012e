"""One encoder, one linear head for each task.

A text is the mean of its real tokens' last hidden states; each head maps that to one logit per
label. Single-label tasks read the logits with a softmax, multi-label tasks with a sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.example import Task


class TextClassifier(nn.Module):
    """An encoder with a head for each task.

    Args:
        encoder: A transformers encoder whose output has ``last_hidden_state``.
        tasks: What is asked of a text.
        dropout: Dropout on the pooled text while training.
    """

    def __init__(self, encoder: nn.Module, tasks: Sequence[Task], dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.tasks = tuple(tasks)
        self.dropout = nn.Dropout(dropout)
        hidden = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.heads = nn.ModuleList(nn.Linear(hidden, len(task.labels)) for task in self.tasks)

    def embed(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """The mean over real tokens.

        Args:
            input_ids: ``(batch, tokens)`` int64.
            attention_mask: ``(batch, tokens)``: 1 for real tokens, 0 for padding.
            token_type_ids: ``(batch, tokens)``: 0 for the text, 1 for its pair.

        Returns:
            ``(batch, hidden)`` float32.
        """
        inputs: dict[str, Any] = {"input_ids": input_ids, "attention_mask": attention_mask}
        if getattr(self.encoder.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = token_type_ids
        states = self.encoder(**inputs).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        pooled: Tensor = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return pooled.float()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        """Logits of each task, in the order of ``tasks``: ``(batch, labels)`` float32 each."""
        return self.decide(self.dropout(self.embed(input_ids, attention_mask, token_type_ids)))

    def decide(self, pooled: Tensor) -> tuple[Tensor, ...]:
        """Logits of each task for pooled texts ``(batch, hidden)``: ``(batch, labels)`` float32 each."""
        with torch.autocast(pooled.device.type, enabled=False):
            return tuple(head(pooled) for head in self.heads)


def start_heads(model: TextClassifier, targets: Sequence[NDArray[Any]], known: Sequence[NDArray[np.bool_]]) -> None:
    """Start each head at the labels' base rates, with small weights.

    An untrained head then predicts what is common, and the first updates are not spent on
    learning how rare each label is (which matters with dozens of rare multi-label topics).

    Args:
        model: Whose heads are set.
        targets: Per task, as ``encode_labels`` gives them.
        known: Per task ``(rows,)`` bool.
    """
    for task, head, values, mask in zip(model.tasks, model.heads, targets, known, strict=True):
        counts = (
            np.bincount(values[mask], minlength=len(task.labels)) if task.kind == "single" else values[mask].sum(axis=0)
        )
        rates = (counts + 0.5) / (mask.sum() + 1.0)
        bias = np.log(rates) if task.kind == "single" else np.log(rates) - np.log1p(-np.minimum(rates, 0.999))
        if not isinstance(head, nn.Linear):
            raise TypeError(f"a head is a linear layer, got {type(head).__name__}")
        with torch.no_grad():
            nn.init.normal_(head.weight, std=0.02)
            head.bias.copy_(torch.from_numpy(np.asarray(bias, dtype=np.float32)))

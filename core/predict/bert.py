"""Reads texts with a BERT on a CPU, faster than transformers' own module, which has to be able to do more.

Texts lie one after the other without padding; the three projections of attention are one matrix; and weights
are laid out once as the processor's matrix units want them, where torch would do that again for every batch,
however few its texts. The network and its numbers are those of transformers' ``BertModel``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from core.data.batch import Tokens
from core.predict.pack import Packed, cut_batches, pack, usual_numbers
from core.predict.parallel import map_batches

Dense = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer; ``project`` makes queries, keys and values, side by side."""

    project: Dense
    combine: Dense
    after_attention: nn.LayerNorm
    widen: Dense
    narrow: Dense
    after_all: nn.LayerNorm


class FastBert:
    """A ``BertModel`` for reading only; its matrices are copies.

    Args:
        encoder: On a CPU, in the number format that is to be computed in.
    """

    def __init__(self, encoder: Any) -> None:
        self._tables = encoder.embeddings
        self._heads = int(encoder.config.num_attention_heads)
        self._pad_id = int(encoder.config.pad_token_id or 0)
        self._layers = [
            _Layer(
                _dense(layer.attention.self.query, layer.attention.self.key, layer.attention.self.value),
                _dense(layer.attention.output.dense),
                layer.attention.output.LayerNorm,
                _dense(layer.intermediate.dense),
                _dense(layer.output.dense),
                layer.output.LayerNorm,
            )
            for layer in encoder.encoder.layer
        ]
        self._activate: Dense = encoder.encoder.layer[0].intermediate.intermediate_act_fn

    @staticmethod
    def can_be(encoder: Any) -> bool:
        """Whether an encoder can be read with like this: a BERT as it comes, without adapters in it."""
        if not isinstance(encoder, BertModel) or encoder.config.is_decoder or not len(encoder.encoder.layer):
            return False
        has_adapters = any(type(module).__module__.startswith("peft") for module in encoder.modules())
        return not has_adapters and next(encoder.parameters()).device.type == "cpu"

    def embed(self, tokens: Tokens, batch_size: int, tick: Callable[[int], object]) -> NDArray[np.float32]:
        """Mean-pooled states ``(texts, hidden)`` float32 of tokenised texts, in their order.

        Args:
            tokens: The texts.
            batch_size: Most texts at once.
            tick: Told how many texts are done.
        """
        pooled = np.zeros((len(tokens), self._tables.word_embeddings.embedding_dim), dtype=np.float32)

        def work(texts: NDArray[np.int64]) -> int:
            with torch.inference_mode():
                pooled[texts] = self._pool(pack(tokens, texts, self._pad_id), tokens.lengths[texts]).numpy()
            return len(texts)

        for count in map_batches(work, list(cut_batches(tokens.lengths, batch_size, torch.get_num_threads()))):
            tick(count)
        return pooled

    def warm(self) -> Iterator[int]:
        """Let kernels be compiled for the batches that will come, each of which would wait for that.

        Yields:
            How many tokens of no meaning were read, after each batch.
        """
        for count in usual_numbers():
            nothing = Tokens(np.zeros(count, np.int32), np.zeros(count, np.uint8), np.arange(count + 1))
            with torch.inference_mode():
                self._pool(pack(nothing, np.arange(count), 0), np.ones(count, np.int64))
            yield count

    def _pool(self, packed: Packed, lengths: NDArray[np.int64]) -> Tensor:
        """The means of the texts' states ``(texts, hidden)`` float32."""
        owners, rows, places = (torch.from_numpy(array) for array in (packed.owners, packed.rows, packed.places))
        seen = torch.from_numpy(packed.seen)
        own = seen[:, None, :, None] == seen[:, None, None, :]  # (rows, 1, width, width)
        mask = torch.zeros(own.shape).masked_fill_(~own, -torch.inf)
        states = self._look_up(*(torch.from_numpy(array) for array in (packed.ids, packed.types, packed.positions)))
        for layer in self._layers:
            attended = self._attend(layer.project(states), rows, mask, places)
            states = layer.after_attention(layer.combine(attended) + states)
            states = layer.after_all(layer.narrow(self._activate(layer.widen(states))) + states)
        sums = torch.zeros(len(lengths) + 1, states.shape[1]).index_add_(0, owners, states.float())[:-1]
        return sums / torch.from_numpy(lengths)[:, None].clamp(min=1)

    def _look_up(self, ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        """What the first layer reads, ``(tokens, hidden)``."""
        tables = self._tables
        found = tables.word_embeddings(ids) + tables.token_type_embeddings(types)
        states: Tensor = tables.LayerNorm(found + tables.position_embeddings(positions))
        return states

    def _attend(self, projected: Tensor, rows: Tensor, mask: Tensor, places: Tensor) -> Tensor:
        """What each token sees of its own text, ``(tokens, hidden)``, by ``(tokens, 3 * hidden)``.

        In float32, which takes a CPU no longer for so few tokens, and is more exact.
        """
        count, width = rows.shape
        inside = projected.index_select(0, rows.flatten()).float().view(count, width, 3, self._heads, -1)
        queries, keys, values = inside.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return seen.transpose(1, 2).to(projected.dtype).reshape(count * width, -1).index_select(0, places)


def _dense(*layers: nn.Linear) -> Dense:
    """Some linear layers side by side as one, its weights laid out for the processor where torch can do so.

    It can with operators of ``torch.compile`` that are not public; where they are absent, it multiplies plainly.
    """
    weight = torch.cat([layer.weight.data for layer in layers])
    bias = torch.cat([layer.bias.data for layer in layers])
    has_operators = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    if weight.dtype is not torch.bfloat16 or not has_operators:
        return lambda states: functional.linear(states, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
    multiply = torch.ops.mkldnn._linear_pointwise
    return lambda states: multiply(states, packed, bias, "none", [], "")

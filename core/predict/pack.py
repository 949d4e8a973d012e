"""Reads a few short texts without padding: several lie in one row, and each attends to its own tokens only.

On a CPU the time of an encoder is that of its tokens, padded or not, and a few texts that happen to arrive
together are of any length. Large batches need none of this: there, texts of like length find each other.

Source: Krell et al. 2021, Efficient Sequence Packing without Cross-contamination, section 3, with a simpler
packing: a handful of rows needs to be even, not optimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.batch import WIDTH_STEP, Tokens
from core.model.heads import TextClassifier
from core.predict.parallel import map_batches

MOST_TOKENS = 2048
ROW_TOKENS = 128  # attention looks at each pair of tokens in a row: longer ones cost more than they save
MODEL_TYPES = ("bert",)  # that take positions and a mask for each pair of tokens as they are meant here


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts in rows.

    Attributes:
        ids: ``(rows, width)`` int64.
        types: ``(rows, width)`` int64: 0 for the first text of a pair, 1 for the second.
        positions: ``(rows, width)`` int64: of a token in its own text.
        owners: ``(rows, width)`` int64: the number of its text; for padding the number of texts.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    positions: NDArray[np.int64]
    owners: NDArray[np.int64]


def can_pack(model: TextClassifier, tokens: Tokens) -> bool:
    """Whether packing these texts is possible, and worth it."""
    encoder: Any = model.encoder
    is_small = len(tokens) > 1 and int(tokens.offsets[-1]) <= MOST_TOKENS
    return is_small and encoder.config.model_type in MODEL_TYPES and next(model.parameters()).device.type == "cpu"


def pack(tokens: Tokens, pad_id: int) -> Packed:
    """Put texts into rows of about equal length: the longest first, each where there is most room."""
    lengths = tokens.lengths
    count = -(-int(lengths.sum()) // max(ROW_TOKENS, int(lengths.max())))
    filled = np.zeros(count, dtype=np.int64)
    places = np.zeros((len(tokens), 2), dtype=np.int64)  # row, first column
    for text in np.argsort(-lengths, kind="stable"):
        row = int(filled.argmin())
        places[text] = row, filled[row]
        filled[row] += lengths[text]
    width = -(-int(filled.max()) // WIDTH_STEP) * WIDTH_STEP  # kernels are compiled for each width and kept
    texts = np.repeat(np.arange(len(tokens)), lengths)
    inside = np.arange(len(texts)) - tokens.offsets[texts]
    where = places[texts, 0], places[texts, 1] + inside
    packed = Packed(*(np.full((count, width), fill, dtype=np.int64) for fill in (pad_id, 0, 0, len(tokens))))
    packed.ids[where], packed.types[where] = tokens.ids, tokens.types
    packed.positions[where], packed.owners[where] = inside, texts
    return packed


def embed_packed(model: TextClassifier, tokens: Tokens) -> NDArray[np.float32]:
    """Mean-pooled states ``(rows, hidden)`` float32 of tokenised rows, in their order."""
    encoder: Any = model.encoder
    packed = pack(tokens, int(encoder.config.pad_token_id or 0))

    def add_up(rows: NDArray[np.int64]) -> Tensor:
        """The sum of each text's states, those in other rows left at zero: ``(texts + 1, hidden)`` float32."""
        owners = torch.from_numpy(packed.owners[rows])
        inputs: dict[str, Tensor] = {
            "input_ids": torch.from_numpy(packed.ids[rows]),
            "position_ids": torch.from_numpy(packed.positions[rows]),
            "attention_mask": (owners[:, :, None] == owners[:, None, :])[:, None],  # (rows, 1, width, width)
        }
        if getattr(encoder.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = torch.from_numpy(packed.types[rows])
        with torch.inference_mode():
            states = encoder(**inputs).last_hidden_state.float().flatten(0, 1)
            return torch.zeros(len(tokens) + 1, states.shape[1]).index_add_(0, owners.flatten(), states)

    threads = torch.get_num_threads()
    shares = threads if len(packed.ids) >= threads else 1
    sums = sum(map_batches(add_up, np.array_split(np.arange(len(packed.ids)), shares)), torch.zeros(()))
    means: Tensor = sums[:-1] / torch.from_numpy(tokens.lengths)[:, None].clamp(min=1)
    return means.numpy()

"""Texts as token arrays, and the batches that training and scoring walk through.

Tokens of all rows lie end to end in one array: no padding until a batch is put together.
The order of an epoch is a function of (seed, epoch) alone, so it can be rebuilt after a stop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.console import progress
from core.data.cache import Arrays, cached_arrays
from core.data.example import Text
from core.runtime import derive_seed

CHUNK_ROWS = 2048
SORT_WINDOW_BATCHES = 32
EXACT_WIDTH, WIDTH_STEP = 48, 8
TIGHT_TOKENS, TIGHT_PADDING = 2048, 64


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokenised rows.

    Attributes:
        ids: ``(tokens,)`` int32: token ids of all rows, one after the other.
        types: ``(tokens,)`` uint8: 0 for the first text of a row, 1 for its pair.
        offsets: ``(rows + 1,)`` int64: row ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.
        limit: Tokens at which rows were cut: no batch is ever padded beyond it.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    limit: int = 512

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """``(rows,)`` int64: tokens of each row."""
        return np.diff(self.offsets)


def tokenize(tokenizer: Tokenizer, texts: Sequence[Text], max_tokens: int) -> Tokens:
    """Tokenise texts and pairs, cutting the longer part of a row that exceeds ``max_tokens``."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, strategy="longest_first")
    ids, types, lengths = [], [], []
    with progress("Tokenising", len(texts)) as tick:
        for start in range(0, len(texts), CHUNK_ROWS):
            chunk = texts[start : start + CHUNK_ROWS]
            encodings = tokenizer.encode_batch([text if pair is None else (text, pair) for text, pair in chunk])
            ids.append(np.fromiter((i for e in encodings for i in e.ids), dtype=np.int32))
            types.append(np.fromiter((t for e in encodings for t in e.type_ids), dtype=np.uint8))
            lengths += [len(e.ids) for e in encodings]
            tick(len(chunk))
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    if not ids:
        return Tokens(np.zeros(0, np.int32), np.zeros(0, np.uint8), offsets, max_tokens)
    return Tokens(np.concatenate(ids), np.concatenate(types), offsets, max_tokens)


def tokenize_cached(tokenizer: Tokenizer, texts: Sequence[Text], max_tokens: int) -> Tokens:
    """As ``tokenize``, but the same texts are tokenised only once on a machine."""
    tokenizer.no_truncation()  # what it was used for before is no part of what it is
    tokenizer.no_padding()
    digest = hashlib.sha256(f"{max_tokens}\0{tokenizer.to_str()}".encode())
    for text in texts:
        digest.update(repr(text).encode())  # unambiguous: it quotes each text, and None is not 'None'

    def compute() -> Arrays:
        tokens = tokenize(tokenizer, texts, max_tokens)
        return {"ids": tokens.ids, "types": tokens.types, "offsets": tokens.offsets}

    arrays = cached_arrays("tokens", digest.hexdigest(), compute)
    return Tokens(arrays["ids"], arrays["types"], arrays["offsets"], max_tokens)


def epoch_batches(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """All rows once, in batches of rows of like length, in an order fixed by (seed, epoch).

    Rows are shuffled, sorted by length inside windows of ``SORT_WINDOW_BATCHES`` batches (which
    keeps padding small and batches still random), cut into batches, and the batches shuffled.
    """
    random = np.random.default_rng(derive_seed(seed, "epoch", epoch))
    order = random.permutation(len(lengths))
    window = batch_size * SORT_WINDOW_BATCHES
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), window):
        rows = order[start : start + window]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def sorted_batches(lengths: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """All rows once, longest first, so that the largest batch meets memory first."""
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def tight_batches(lengths: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """All rows once, longest first, in batches that stay in a CPU's caches and hold hardly any padding.

    A CPU is busy with few tokens, so what is padded costs as much as what is read. A batch ends
    before it holds more than ``TIGHT_TOKENS`` tokens, or more padding than ``TIGHT_PADDING``,
    which is about what it costs to start another one.

    >>> [rows.tolist() for rows in tight_batches(np.array([90, 500, 80, 490]), batch_size=8)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        width = max(1, int(lengths[order[0]]))
        candidates = order[: min(batch_size, max(1, TIGHT_TOKENS // width))]
        padding = np.cumsum(width - lengths[candidates])
        rows = max(1, int(np.searchsorted(padding, TIGHT_PADDING, side="right")))
        yield order[:rows]
        order = order[rows:]


def collate(tokens: Tokens, rows: NDArray[np.int64], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad rows to the longest of them, rounded up where it is long.

    Kernels are compiled for each width and kept; steps of ``WIDTH_STEP`` keep long texts from
    wanting a kernel for every number of tokens, which costs more time and memory than the padding.

    Returns:
        ``input_ids``, ``attention_mask``, ``token_type_ids``: each ``(batch, tokens)`` int64.
    """
    starts = tokens.offsets[rows]
    lengths = tokens.offsets[rows + 1] - starts
    width = int(lengths.max(initial=1))
    if width > EXACT_WIDTH:
        width = max(width, min(-(-width // WIDTH_STEP) * WIDTH_STEP, tokens.limit))
    columns = np.arange(width)
    mask = columns < lengths[:, None]
    source = (starts[:, None] + columns)[mask]
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    types = np.zeros(mask.shape, dtype=np.int64)
    ids[mask], types[mask] = tokens.ids[source], tokens.types[source]
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask.astype(np.int64)),
        "token_type_ids": torch.from_numpy(types),
    }

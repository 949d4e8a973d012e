"""Puts texts into rows without padding: several short ones lie in one row, and each sees its own tokens only.

On a CPU the time of an encoder is that of its tokens, padded or not, and texts that happen to arrive
together are of any length.

Source: Krell et al. 2021, Efficient Sequence Packing without Cross-contamination, section 3, with a simpler
packing: a handful of rows needs to be even, not optimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.batch import Tokens

MOST_TOKENS = 1024  # of a batch: so many stay in a core's caches
ROW_TOKENS = 128  # attention looks at each pair of tokens in a row: longer ones cost more than they save
WIDTH_STEP = 16  # a CPU's kernels are compiled for each number of tokens, and kept


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


def pack(tokens: Tokens, chosen: NDArray[np.int64], pad_id: int) -> Packed:
    """Put some texts into rows of about equal length: the longest first, each where there is most room.

    Args:
        tokens: All texts.
        chosen: ``(texts,)`` positions of those that are packed; ``owners`` counts in their order.
        pad_id: Fills the rows up.
    """
    lengths = tokens.lengths[chosen]
    count = max(1, -(-int(lengths.sum()) // max(ROW_TOKENS, int(lengths.max()))))
    filled = np.zeros(count, dtype=np.int64)
    places = np.zeros((len(chosen), 2), dtype=np.int64)  # row, first column
    for text in np.argsort(-lengths, kind="stable"):
        row = int(filled.argmin())
        places[text] = row, filled[row]
        filled[row] += lengths[text]
    width = max(1, -(-int(filled.max()) // WIDTH_STEP)) * WIDTH_STEP
    texts = np.repeat(np.arange(len(chosen)), lengths)
    inside = np.arange(len(texts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = np.repeat(tokens.offsets[chosen], lengths) + inside
    where = places[texts, 0], places[texts, 1] + inside
    packed = Packed(*(np.full((count, width), fill, dtype=np.int64) for fill in (pad_id, 0, 0, len(chosen))))
    packed.ids[where], packed.types[where] = tokens.ids[source], tokens.types[source]
    packed.positions[where], packed.owners[where] = inside, texts
    return packed


def usual_shapes() -> Iterator[tuple[int, int]]:
    """The rows and the width of every batch of short texts, the small ones first."""
    for rows in range(1, MOST_TOKENS // ROW_TOKENS + 1):
        least = WIDTH_STEP if rows == 1 else ROW_TOKENS // 2 + WIDTH_STEP
        for width in range(least, ROW_TOKENS + WIDTH_STEP + 1, WIDTH_STEP):
            yield rows, width


def cut_batches(lengths: NDArray[np.int64], batch_size: int, threads: int) -> Iterator[NDArray[np.int64]]:
    """All texts once, longest first, in batches of at most ``MOST_TOKENS`` tokens; one for each thread at least.

    Args:
        lengths: ``(texts,)`` int64, tokens of each.
        batch_size: Most texts of a batch.
        threads: That work side by side; fewer texts than threads are one batch.

    >>> [texts.tolist() for texts in cut_batches(np.array([90, 900, 80, 490]), batch_size=8, threads=1)]
    [[1], [3, 0, 2]]
    """
    order = np.argsort(-lengths, kind="stable")
    if threads > 1 and len(lengths) >= threads:
        most = min(MOST_TOKENS, -(-int(lengths.sum()) // threads))
    else:
        most = MOST_TOKENS
    while len(order):
        texts = max(1, int(np.searchsorted(np.cumsum(lengths[order[:batch_size]]), most, side="right")))
        yield order[:texts]
        order = order[texts:]

"""Puts texts one after the other without padding, and tells attention which tokens see each other.

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
ROW_TOKENS = 32  # attention looks at each pair of tokens in a row: longer ones cost more than they save
FINE_STEP, COARSE_STEP, MOST_FINE = 8, 64, 256  # a CPU's kernels are compiled for each number of tokens, and kept


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts one after the other, filled up to a usual number of tokens, and rows in which their tokens see each other.

    Attributes:
        ids: ``(tokens,)`` int64.
        types: ``(tokens,)`` int64: 0 for the first text of a pair, 1 for the second.
        positions: ``(tokens,)`` int64: of a token in its own text.
        owners: ``(tokens,)`` int64: the number of its text; for what fills up the number of texts.
        rows: ``(rows, width)`` int64: the token at each place; 0 where there is none.
        seen: ``(rows, width)`` int64: the owner of the token at each place; the number of texts where there is none.
        places: ``(tokens,)`` int64: where in the flattened rows a token is; 0 for what fills up.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    positions: NDArray[np.int64]
    owners: NDArray[np.int64]
    rows: NDArray[np.int64]
    seen: NDArray[np.int64]
    places: NDArray[np.int64]


def pack(tokens: Tokens, chosen: NDArray[np.int64], pad_id: int) -> Packed:
    """Put some texts one after the other, and into rows of about equal length for attention.

    The longest goes into a row first, each where there is most room.

    Args:
        tokens: All texts.
        chosen: ``(texts,)`` positions of those that are packed; ``owners`` counts in their order.
        pad_id: Fills up.
    """
    lengths = tokens.lengths[chosen]
    count = max(1, -(-int(lengths.sum()) // max(ROW_TOKENS, int(lengths.max()))))
    filled = np.zeros(count, dtype=np.int64)
    begins = np.zeros((len(chosen), 2), dtype=np.int64)  # row, first column
    for text in np.argsort(-lengths, kind="stable"):
        row = int(filled.argmin())
        begins[text] = row, filled[row]
        filled[row] += lengths[text]
    width = max(1, int(filled.max()))
    texts = np.repeat(np.arange(len(chosen)), lengths)
    real = len(texts)
    inside = np.arange(real) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = np.repeat(tokens.offsets[chosen], lengths) + inside
    ids, types, positions, owners, places = (
        np.full(round_up(real), fill, dtype=np.int64) for fill in (pad_id, 0, 0, len(chosen), 0)
    )
    ids[:real], types[:real], positions[:real], owners[:real] = tokens.ids[source], tokens.types[source], inside, texts
    places[:real] = begins[texts, 0] * width + begins[texts, 1] + inside
    rows, seen = (np.full(count * width, fill, dtype=np.int64) for fill in (0, len(chosen)))
    rows[places[:real]], seen[places[:real]] = np.arange(real), texts
    return Packed(ids, types, positions, owners, rows.reshape(count, width), seen.reshape(count, width), places)


def round_up(tokens: int) -> int:
    """The next usual number of tokens.

    >>> [round_up(tokens) for tokens in (1, 16, 17, 250, 257)]
    [8, 16, 24, 256, 320]
    """
    step = FINE_STEP if tokens <= MOST_FINE else COARSE_STEP
    return max(1, -(-tokens // step)) * step


def usual_numbers() -> Iterator[int]:
    """How many tokens the batches of short texts have once they are filled up, the small ones first."""
    yield from range(FINE_STEP, MOST_FINE, FINE_STEP)
    yield from range(MOST_FINE, MOST_TOKENS + 1, COARSE_STEP)


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

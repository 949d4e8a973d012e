"""Texts as sets of n-grams, sketches of these sets, and vectors of them: a whole batch at once.

A text gives the same whatever else is in its batch, on every machine and after every restart.

Source: Broder, "On the resemblance and containment of documents" (1997); Weinberger et al.,
"Feature hashing for large scale multitask learning" (2009).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS, BAND_HASHES = 12, 4  # finds 54 of 100 pairs with a similarity of 0.5, 96 with 0.7
HASHES = BANDS * BAND_HASHES
LETTERS, CHARACTERS = 4, 2  # two Chinese characters say about as much as four letters
VECTOR_SIZE = 256  # a power of two
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_SEED = np.random.default_rng(20)
_FACTORS = _SEED.integers(1, 2**32, HASHES, dtype=np.uint32) | np.uint32(1)
_OFFSETS = _SEED.integers(0, 2**32, HASHES, dtype=np.uint32)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX_AGAIN = np.uint64(0xBF58476D1CE4E5B9)

Grams = NDArray[np.uint32]
Integers = NDArray[np.int64]


class _WordsOnly(dict[int, int]):
    """Each character as itself if it belongs to a word, else as a space; learnt as they come."""

    def __missing__(self, code: int) -> int:
        letter = chr(code)
        self[code] = code if letter.isalnum() or letter == "%" else ord(" ")
        return self[code]


_WORDS_ONLY = _WordsOnly()


@dataclass(frozen=True, slots=True)
class Shingles:
    """The n-grams of a batch of texts.

    Attributes:
        grams: Those of all texts, ``(grams,)`` uint32; of each text in rising order, each once.
        starts: Where each text begins in it, and the end, ``(texts + 1,)`` int64.
    """

    grams: Grams
    starts: Integers

    def of(self, text: int) -> Grams:
        """The n-grams of one text, in memory of their own."""
        return self.grams[self.starts[text] : self.starts[text + 1]].copy()

    def first(self, texts: int) -> Shingles:
        """Those of the first texts."""
        return Shingles(self.grams[: self.starts[texts]], self.starts[: texts + 1])


def fold(text: str) -> str:
    """What of a text is compared: its words, without case, marks and width.

    >>> fold("Profit UP 5% — “again”")
    'profit up 5% again'
    """
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().translate(_WORDS_ONLY).split())


def is_chinese(text: str) -> bool:
    """Whether a third of a text or more is Chinese characters."""
    return not text.isascii() and len(HAN.findall(text)) * 3 > len(text)


def cut_shingles(folded: Sequence[str]) -> Shingles:
    """The n-grams of folded texts: of four letters, or of two characters in Chinese.

    >>> cut_shingles(["profit", "profit"]).starts.tolist()
    [0, 3, 6]
    """
    if not folded:
        return Shingles(np.zeros(0, np.uint32), np.zeros(1, np.int64))
    sizes, padded = [], []
    for text in folded:
        size = CHARACTERS if is_chinese(text) else LETTERS
        text = text.replace(" ", "") if size == CHARACTERS else text
        sizes.append(size)
        padded.append(text.ljust(size))
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    lengths: Integers = np.array([len(text) for text in padded], np.int64)
    widths: Integers = np.array(sizes, np.int64)
    counts = lengths - widths + 1
    owners = np.repeat(np.arange(len(folded)), counts)
    begins = np.repeat(np.cumsum(lengths) - lengths, counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    hashes = _hash_grams(codes, begins + within, np.repeat(widths, counts))
    keyed = np.sort(owners.astype(np.uint64) << np.uint64(32) | hashes)
    keyed = keyed[np.append(True, keyed[1:] != keyed[:-1])]  # several times faster than np.unique
    starts = np.searchsorted(keyed, np.arange(len(folded) + 1, dtype=np.uint64) << np.uint64(32))
    return Shingles(keyed.astype(np.uint32), starts)


def sketch_bands(shingles: Shingles) -> NDArray[np.uint64]:
    """MinHash sketches cut into bands: texts that share one may be alike.

    Returns:
        ``(texts, BANDS)`` uint64.
    """
    texts = len(shingles.starts) - 1
    least = np.empty((HASHES, texts), np.uint32)
    for row in range(HASHES):
        hashed = shingles.grams * _FACTORS[row] + _OFFSETS[row]
        least[row] = np.minimum.reduceat(hashed, shingles.starts[:-1]) if texts else 0
    keys = np.repeat(np.arange(1, BANDS + 1, dtype=np.uint64)[:, None], texts, axis=1)
    for row in range(BAND_HASHES):
        keys = _mix(keys * _MIX + least.reshape(BANDS, BAND_HASHES, texts)[:, row])
    return np.ascontiguousarray(keys.T)


def hash_vectors(shingles: Shingles) -> NDArray[np.float32]:
    """Vectors of length one in which like texts are close; for models without an encoder.

    Returns:
        ``(texts, VECTOR_SIZE)`` float32.
    """
    texts = len(shingles.starts) - 1
    mixed = _mix(shingles.grams.astype(np.uint64) + _MIX)
    owners = np.repeat(np.arange(texts), np.diff(shingles.starts))
    places = owners * VECTOR_SIZE + (mixed & np.uint64(VECTOR_SIZE - 1)).astype(np.int64)
    signs = np.where(mixed >> np.uint64(63), -1.0, 1.0)
    vectors = np.bincount(places, weights=signs, minlength=texts * VECTOR_SIZE).reshape(texts, VECTOR_SIZE)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1.0)[:, None]).astype(np.float32)
    return unit


def _hash_grams(codes: NDArray[np.uint64], places: Integers, sizes: Integers) -> NDArray[np.uint64]:
    """32 bits of each n-gram that begins at a place."""
    pairs = _mix(codes[places] * _MIX + codes[places + 1])
    is_long = sizes == LETTERS
    later = places[is_long]
    pairs[is_long] = _mix(pairs[is_long] * _MIX + (codes[later + 2] << np.uint64(32) | codes[later + 3]))
    return pairs >> np.uint64(32)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread each number over 64 bits (the end of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_AGAIN
    return values ^ (values >> np.uint64(29))

"""Texts that stand there twice: the same, nearly the same, or the same with another label.

Nearly the same means a Jaccard similarity of the sets of character n-grams of at least
``NEAR_SIMILARITY``. MinHash LSH proposes pairs in about linear time, and each proposal is then
measured exactly, so what is reported is never a guess.

Source: Broder, "On the resemblance and containment of documents" (1997).
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.example import Example, label_names
from core.data.side import text_key

NEAR_SIMILARITY = 0.8
NEAR_LIMIT_TEXTS = 20_000
LIMIT_CHARACTERS = 1_000
BANDS, BAND_HASHES = 12, 5  # finds 99 of 100 pairs with a similarity of 0.8
LIMIT_CANDIDATES = 50
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two rows whose texts are nearly the same.

    Attributes:
        first: Position of one row; with a second collection, in that one.
        second: Position of the other.
        similarity: Of their n-grams, from ``NEAR_SIMILARITY`` to 1.
    """

    first: int
    second: int
    similarity: float


def group_same(examples: Sequence[Example]) -> list[list[int]]:
    """Rows with the same text and pair (but for case and white space), in groups of two or more."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        if example.text.strip():
            groups[_full_key(example)].append(row)
    return [rows for rows in groups.values() if len(rows) > 1]


def find_conflicts(examples: Sequence[Example], task: str) -> list[list[int]]:
    """Groups of rows with the same text and pair that do not carry the same labels."""
    conflicts = []
    for rows in group_same(examples):
        known = [row for row in rows if label_names(examples[row], task) is not None]
        if len({tuple(sorted(label_names(examples[row], task) or ())) for row in known}) > 1:
            conflicts.append(known)
    return conflicts


def find_shared(examples: Sequence[Example], others: Sequence[Example]) -> list[tuple[int, int]]:
    """Rows of ``examples`` whose text also stands in ``others``: ``(row, first row there)``."""
    first: dict[str, int] = {}
    for row, example in enumerate(others):
        first.setdefault(text_key(example), row)
    keys = [text_key(example) for example in examples]
    return [(row, first[key]) for row, key in enumerate(keys) if key and key in first]


def find_near(examples: Sequence[Example], others: Sequence[Example] = ()) -> list[NearPair]:
    """For each text the one that it nearly repeats, the most similar pairs first.

    Args:
        examples: Where to look; beyond ``NEAR_LIMIT_TEXTS`` an even selection.
        others: Without these, a text is compared with those before it in ``examples``; with them,
            each text of ``others`` is compared with all in ``examples``.
    """
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * BAND_HASHES, params=(BANDS, BAND_HASHES))
    indexed: dict[int, frozenset[bytes]] = {}
    pairs: list[NearPair] = []
    seed = MinHash(num_perm=BANDS * BAND_HASHES, hashfunc=zlib.crc32, seed=1)

    def visit(row: int, text: str, *, search: bool, keep: bool) -> None:
        grams = _cut_grams(text)
        sketch = seed.copy()
        sketch.update_batch(list(grams))
        best = max(_measure(index.query(sketch), grams, indexed), default=(0.0, 0)) if search else (0.0, 0)
        if best[0] >= NEAR_SIMILARITY:
            pairs.append(NearPair(best[1], row, best[0]))
        elif keep:  # of texts that are nearly the same, one is enough to be found by the next
            index.insert(row, sketch)
            indexed[row] = grams

    for row, text in _select_distinct(examples):
        visit(row, text, search=not others, keep=True)
    known = {text_key(example) for example in examples} if others else set()
    for row, text in _select_distinct(others):
        if text not in known:
            visit(row, text, search=True, keep=False)
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.second))


def _measure(
    candidates: list[int], grams: frozenset[bytes], indexed: dict[int, frozenset[bytes]]
) -> list[tuple[float, int]]:
    """The exact similarity of a text to each candidate."""
    return [
        (len(grams & indexed[row]) / len(grams | indexed[row]), row) for row in sorted(candidates)[:LIMIT_CANDIDATES]
    ]


def _select_distinct(examples: Sequence[Example]) -> list[tuple[int, str]]:
    """The first row of each text; an even selection when there are too many."""
    first: dict[str, int] = {}
    for row, example in enumerate(examples):
        first.setdefault(text_key(example), row)
    rows = [(row, text) for text, row in first.items() if text]
    step = -(-len(rows) // NEAR_LIMIT_TEXTS) or 1
    return rows[::step]


def _cut_grams(text: str) -> frozenset[bytes]:
    """The overlapping n-grams of a text: four letters, or two Chinese characters, which say as much."""
    text = text[:LIMIT_CHARACTERS]
    size = 2 if len(HAN.findall(text)) * 3 > len(text) else 4
    return frozenset(text[start : start + size].encode() for start in range(max(1, len(text) - size + 1)))


def _full_key(example: Example) -> tuple[str, str]:
    return text_key(example), " ".join((example.pair or "").casefold().split())

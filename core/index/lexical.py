"""BM25 over segments that change, with the statistics of exactly the documents that hold now.

A static index such as bm25s stores finished scores, which one more document makes wrong: it changes
every document frequency and the average length. Here a posting keeps the count, and the score is
computed when asked. Common words, whose postings are long and whose weight is small, are looked up
only for documents that can still come among the best (MaxScore), which changes no result.

Source: Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond" (2009), with
Lucene's inverse document frequency, which is never negative; Turtle and Flood, "Query evaluation:
strategies and optimizations" (1995).
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.record import Keys, Rows, digest_texts
from core.index.terms import cut_terms

SATURATION, LENGTH_WEIGHT = 1.5, 0.75  # k1 and b
LIMIT_COUNT = 2**16 - 1
LIMIT_QUERY_CHARACTERS = 10_000  # every term takes its time, and nobody asks so much
LONG_POSTINGS = 5_000  # from here on it pays to ask whether a term can still matter
SEARCH_COST = 10  # to look one row up takes as long as to read so many in their order
SORT_COST = 64  # and to sort one in
ROUNDING = 1e-9
Mask = NDArray[np.bool_]
Scores = NDArray[np.float64]
Found = NDArray[np.signedinteger]


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Which terms stand in which rows of a segment.

    Attributes:
        keys: Digests of the terms, sorted ``(terms,)`` uint64.
        starts: Where the postings of each term begin, and the end ``(terms + 1,)`` int64.
        rows: Ascending within a term ``(postings,)`` int32.
        counts: How often the term stands there ``(postings,)`` uint16.
        lengths: Terms of each row, repeated ones too ``(rows,)`` int32.
    """

    keys: Keys
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]
    lengths: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class LexicalPart:
    """A segment as a search sees it.

    Attributes:
        postings: Its terms.
        alive: Rows that hold, or None for all ``(rows,)``; these make the statistics.
        allowed: Rows that may be found, or None for all that hold ``(rows,)``.
        damping: From ``damp_lengths`` ``(rows,)``.
    """

    postings: Postings
    alive: Mask | None
    allowed: Mask | None
    damping: NDArray[np.float32]


def build_postings(texts: Iterable[str]) -> Postings:
    """Count the terms of texts, one row for each."""
    numbers: dict[str, int] = {}
    terms, counts, distinct, lengths = array("I"), array("I"), array("I"), array("I")
    for text in texts:
        counted = Counter(cut_terms(text))
        terms.extend([numbers.setdefault(term, len(numbers)) for term in counted])
        counts.extend(counted.values())
        distinct.append(len(counted))
        lengths.append(counted.total())
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), _read(distinct))
    keys, ranks = np.unique(digest_texts(numbers), return_inverse=True)
    columns = ranks[_read(terms)]
    order = np.argsort(columns, kind="stable")
    starts = np.zeros(len(keys) + 1, dtype=np.int64)
    np.cumsum(np.bincount(columns, minlength=len(keys)), out=starts[1:])
    clipped = np.minimum(_read(counts), LIMIT_COUNT).astype(np.uint16)
    return Postings(keys, starts, rows[order], clipped[order], _read(lengths).astype(np.int32))


def merge_postings(parts: Sequence[tuple[Postings, Rows]]) -> Postings:
    """The postings of chosen rows of several segments, numbered one after the other, without sorting again."""
    chosen = [_choose(postings, rows) for postings, rows in parts]
    keys = np.unique(np.concatenate([postings.keys for postings in chosen]))
    sizes = [_spread(np.diff(postings.starts), np.searchsorted(keys, postings.keys), len(keys)) for postings in chosen]
    starts = np.concatenate([[0], np.cumsum(sum(sizes, np.zeros(len(keys), dtype=np.int64)))])
    rows = np.empty(starts[-1], dtype=np.int32)
    counts = np.empty(starts[-1], dtype=np.uint16)
    begins, before = starts[:-1].copy(), 0
    for postings, size in zip(chosen, sizes, strict=True):
        ends = np.cumsum(size)
        places = np.arange(len(postings.rows)) + np.repeat(begins - (ends - size), size)
        rows[places], counts[places] = postings.rows + np.int32(before), postings.counts
        begins += size
        before += len(postings.lengths)
    return Postings(keys, starts, rows, counts, np.concatenate([postings.lengths for postings in chosen]))


def damp_lengths(postings: Postings, average_length: float) -> NDArray[np.float32]:
    """What is added to a count below the line of BM25, which is more for a longer row ``(rows,)``."""
    relative = postings.lengths / max(average_length, 1e-9)
    damping: NDArray[np.float32] = (SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * relative)).astype(np.float32)
    return damping


def weigh_rarity(documents: int, of_all: int) -> float:
    """The inverse document frequency of a term that so many of all documents have."""
    return math.log1p((of_all - documents + 0.5) / (documents + 0.5))


def count_documents(parts: Sequence[LexicalPart], terms: Sequence[str]) -> list[int]:
    """How many of the documents that hold have each term."""
    keys = digest_texts(terms)
    counts = [0] * len(terms)
    for part in parts:
        for number, found in enumerate(_find_slices(part.postings, keys)):
            rows = part.postings.rows[found]
            counts[number] += len(rows) if part.alive is None else int(np.count_nonzero(part.alive[rows]))
    return counts


def search_lexical(
    parts: Sequence[LexicalPart], text: str, k: int, documents: int
) -> tuple[list[tuple[int, int, float]], float]:
    """The documents with the highest BM25 score, the older one first where scores are equal.

    Args:
        parts: What is searched.
        text: What is looked for; characters beyond ``LIMIT_QUERY_CHARACTERS`` are not looked at.
        k: How many of the best.
        documents: How many rows hold in all parts.

    Returns:
        At most ``k`` of (number of the part, row in it, score above 0), and the score that no document
        can reach, however often it has all terms.
    """
    weights = Counter(cut_terms(text[:LIMIT_QUERY_CHARACTERS]))
    if not weights or not parts or k < 1:
        return [], 0.0
    query = _Query(parts, weights, documents)
    reached, rest = 0.0, sum(term.weight for term in query.terms) + ROUNDING
    for position, term in enumerate(query.terms):
        # A document that no term so far has met can reach ``rest``; one that has been met, ``reached``.
        if term.documents > LONG_POSTINGS and rest < reached and rest < (floor := query.floor(k)):
            query.narrow(floor - rest)
            for late in query.terms[position:]:
                query.look_up(late)
            break
        query.add(term)
        reached, rest = reached + term.weight, rest - term.weight
    return query.best(k), query.limit


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    """A term of the query: the most it can add to a score, its postings in each part, the documents that have it."""

    weight: float
    slices: Sequence[slice]
    documents: int


class _Query:
    """The scores of one search while they are summed up."""

    def __init__(self, parts: Sequence[LexicalPart], weights: Counter[str], documents: int) -> None:
        self.parts, self.documents = parts, documents
        self.scores: list[Scores] = [np.zeros(len(part.postings.lengths)) for part in parts]
        self.added: list[list[Found]] = [[] for _ in parts]
        keys = digest_texts(weights)
        slices = list(zip(*(_find_slices(part.postings, keys) for part in parts), strict=True))
        terms = [self._weigh(found, repeats) for found, repeats in zip(slices, weights.values(), strict=True)]
        self.limit = sum(term.weight for term in terms)
        self.terms = sorted((term for term in terms if term.documents), key=lambda term: -term.weight)

    def _weigh(self, slices: Sequence[slice], repeats: int) -> _Term:
        documents = 0
        for part, found in zip(self.parts, slices, strict=True):
            if part.alive is None:
                documents += found.stop - found.start
            elif found.stop > found.start:
                documents += int(np.count_nonzero(part.alive[part.postings.rows[found]]))
        return _Term(repeats * weigh_rarity(documents, self.documents), slices, documents)

    def add(self, term: _Term) -> None:
        """Add a term to the score of every document that has it."""
        for number, (part, found) in enumerate(zip(self.parts, term.slices, strict=True)):
            if found.stop == found.start:
                continue
            rows, counts = part.postings.rows[found], part.postings.counts[found]
            allowed = part.alive if part.allowed is None else part.allowed
            if allowed is not None:
                kept = allowed[rows]
                rows, counts = rows[kept], counts[kept]
            self.added[number].append(rows)
            self.scores[number][rows] += _score(term, part, rows, counts)

    def look_up(self, term: _Term) -> None:
        """Add a term to the scores of the documents that have been met; no other becomes one of them."""
        for number, (part, found) in enumerate(zip(self.parts, term.slices, strict=True)):
            rows, counts = part.postings.rows[found], part.postings.counts[found]
            met = self._met(number)
            if not len(rows) or not len(met):
                continue
            if len(met) < len(rows) / SEARCH_COST:
                places = np.minimum(np.searchsorted(rows, met), len(rows) - 1)
                places = places[rows[places] == met]
                rows, counts = rows[places], counts[places]
            self.scores[number][rows] += _score(term, part, rows, counts)

    def floor(self, k: int) -> float:
        """What the k-th best document has so far; 0 while there are fewer."""
        scores = np.concatenate([self.scores[number][self._met(number)] for number in range(len(self.parts))])
        return float(np.partition(scores, -k)[-k]) if len(scores) >= k else 0.0

    def narrow(self, least: float) -> None:
        """Go on with those documents only that have at least so much."""
        for number, scores in enumerate(self.scores):
            met = self._met(number)
            self.added[number] = [met[scores[met] >= least]]

    def best(self, k: int) -> list[tuple[int, int, float]]:
        """The k highest scores."""
        met = [self._met(number) for number in range(len(self.parts))]
        numbers = np.repeat(np.arange(len(met)), list(map(len, met)))
        rows = np.concatenate(met)
        scores = np.concatenate([scores[rows] for scores, rows in zip(self.scores, met, strict=True)])
        if len(scores) > k:
            kept = scores >= np.partition(scores, -k)[-k]
            numbers, rows, scores = numbers[kept], rows[kept], scores[kept]
        order = np.lexsort((rows, numbers, -scores))[:k]
        return [(int(numbers[at]), int(rows[at]), float(scores[at])) for at in order]

    def _met(self, number: int) -> Found:
        """The rows of a part that have a score, each once."""
        added, scores = self.added[number], self.scores[number]
        if len(added) > 1:
            is_much = sum(map(len, added)) > len(scores) / SORT_COST
            added[:] = [np.flatnonzero(scores > 0) if is_much else np.unique(np.concatenate(added))]
        return added[0] if added else np.zeros(0, dtype=np.int32)


def _score(term: _Term, part: LexicalPart, rows: Found, counts: NDArray[np.uint16]) -> NDArray[np.float32]:
    """What a term adds to the score of rows that have it so often."""
    return np.float32(term.weight) * (counts / (counts + part.damping[rows]))


def _find_slices(postings: Postings, keys: Keys) -> list[slice]:
    """Where the postings of each term are; empty for those that the segment does not have."""
    if not len(postings.keys):
        return [slice(0, 0)] * len(keys)
    places = np.minimum(np.searchsorted(postings.keys, keys), len(postings.keys) - 1)
    ends = np.where(postings.keys[places] == keys, places + 1, places)
    return list(map(slice, postings.starts[places].tolist(), postings.starts[ends].tolist()))


def _choose(postings: Postings, rows: Rows) -> Postings:
    """The postings of some rows, which are numbered anew."""
    if len(rows) == len(postings.lengths):
        return postings
    renamed = np.full(len(postings.lengths), -1, dtype=np.int32)
    renamed[rows] = np.arange(len(rows), dtype=np.int32)
    kept = renamed[postings.rows] >= 0
    sizes = np.diff(np.concatenate([[0], np.cumsum(kept)])[postings.starts])
    used = sizes > 0
    starts = np.concatenate([[0], np.cumsum(sizes[used])])
    chosen = renamed[postings.rows[kept]]
    return Postings(postings.keys[used], starts, chosen, postings.counts[kept], postings.lengths[rows])


def _read(numbers: array[int]) -> NDArray[np.uint32]:
    return np.frombuffer(numbers, dtype=np.uintc)


def _spread(values: NDArray[np.int64], places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Values at their places among zeros."""
    spread = np.zeros(size, dtype=np.int64)
    spread[places] = values
    return spread

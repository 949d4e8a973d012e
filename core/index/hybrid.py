"""Words and meaning together: two rankings fused, every hit with the places it had in each.

BM25 grows with the length and the rarity of a question, so it is measured by what the question's terms
could reach at most: a share that is small where the words say little, as a cosine is where the meaning
does. Both can then be added. Stretching each query's best to 1 instead gives a chance overlap of words
the weight of a sure one. Ranks are there for those who do not trust their scores.

Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (2023), the
convex combination, with both scores divided by the theoretical maximum and neither stretched to the
best that was found; Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and
individual rank learning methods" (2009), equation 1, with a weight for each ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.index.column import Filter
from core.index.dense import DensePart, search_dense, unit_vectors
from core.index.document import Document, recall_document
from core.index.lexical import LexicalPart, search_lexical
from core.index.view import View

Key = TypeVar("Key", bound=Hashable)
Rerank = Callable[[str, Sequence[Document]], Sequence[float]]
Ranking = Sequence[tuple[tuple[int, int], float]]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: by its words, by its vector ``(dimension,)``, or by both."""

    text: str = ""
    vector: NDArray[np.floating] | None = None


@dataclass(frozen=True, slots=True)
class Fusion:
    """How rankings become one.

    Attributes:
        lexical_weight: Of the ranking by words; 0 leaves it out.
        dense_weight: Of the ranking by vectors; 0 leaves it out.
        constant: Of reciprocal ranks, usually 60: the higher, the less the first places stand out.
            None: scores are fused.
        depth: How many of each ranking take part, at least.
        reranked: How many of the fused ranking a re-ranker sees, at least.
    """

    lexical_weight: float = 0.4
    dense_weight: float = 0.6
    constant: float | None = None
    depth: int = 100
    reranked: int = 20


@dataclass(frozen=True, slots=True)
class Place:
    """The rank, from 1, and the score that a hit had in one ranking."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found.

    Attributes:
        document: What it is.
        score: What the hits are ordered by: of the last ranking that took place.
        places: Its place in each ranking that has it: ``lexical``, ``dense``, ``fused``, ``rerank``.
    """

    document: Document
    score: float
    places: Mapping[str, Place]


def fuse_scores(
    rankings: Mapping[str, Sequence[tuple[Key, float]]], weights: Mapping[str, float], limits: Mapping[str, float]
) -> list[tuple[Key, float]]:
    """All that stands in any ranking, by the weighted sum of its scores as shares of their limits.

    What a ranking by words does not have counts as sharing none; what one by vectors does not have lies
    no nearer than the last that it has, and counts as that. Where sums are equal, what
    stands higher in the ranking that is named first comes first.

    >>> rankings = {"lexical": [("a", 6.0), ("b", 3.0)], "dense": [("b", 0.9), ("c", 0.8), ("d", 0.4)]}
    >>> fused = fuse_scores(rankings, {"lexical": 0.4, "dense": 0.6}, {"lexical": 12.0, "dense": 1.0})
    >>> [(key, round(score, 4)) for key, score in fused]
    [('b', 0.64), ('c', 0.48), ('a', 0.44), ('d', 0.24)]
    """
    totals: dict[Key, float] = dict.fromkeys((key for ranking in rankings.values() for key, _ in ranking), 0.0)
    for name, ranking in rankings.items():
        scores, share = dict(ranking), weights[name] / limits[name]
        absent = 0.0 if name == "lexical" else min(scores.values(), default=0.0)
        totals = {key: total + share * scores.get(key, absent) for key, total in totals.items()}
    return sorted(totals.items(), key=itemgetter(1), reverse=True)


def fuse_ranks(
    rankings: Mapping[str, Sequence[tuple[Key, float]]], weights: Mapping[str, float], constant: float
) -> list[tuple[Key, float]]:
    """All that stands in any ranking, by the weighted sum of 1 / (constant + rank).

    Where sums are equal, what stands higher in the ranking that is named first comes first.

    >>> rankings = {"lexical": [("a", 6.0), ("b", 3.0)], "dense": [("b", 0.9), ("c", 0.8)]}
    >>> [(key, round(score, 4)) for key, score in fuse_ranks(rankings, {"lexical": 1.0, "dense": 1.0}, 60.0)]
    [('b', 0.0325), ('a', 0.0164), ('c', 0.0161)]
    """
    totals: dict[Key, float] = {}
    for name, ranking in rankings.items():
        for rank, (key, _) in enumerate(ranking, start=1):
            totals[key] = totals.get(key, 0.0) + weights[name] / (constant + rank)
    return sorted(totals.items(), key=lambda item: -item[1])


def search_view(
    view: View, queries: Sequence[Query], k: int, where: Filter | None, fusion: Fusion, rerank: Rerank | None
) -> list[list[Hit]]:
    """The hits of each query, the best first.

    Raises:
        DataError: A vector is zero or not finite.
    """
    limit = max(k, fusion.reranked) if rerank else k
    weights = {"lexical": fusion.lexical_weight, "dense": fusion.dense_weight}
    found = []
    for query, (rankings, limits) in zip(queries, _rank(view, queries, limit, where, fusion), strict=True):
        if len(rankings) > 1:
            if fusion.constant is None:
                fused = fuse_scores(rankings, weights, limits)
            else:
                fused = fuse_ranks(rankings, weights, fusion.constant)
            rankings["fused"] = fused[:limit]
        hits = _make_hits(view, rankings)
        found.append(_rerank(query.text, hits, rerank)[:k] if rerank else hits)
    return found


def _make_hits(view: View, rankings: Mapping[str, Ranking]) -> list[Hit]:
    """The hits of the last ranking, with their places in all of them."""
    places = {
        name: {key: (rank, score) for rank, (key, score) in enumerate(ranking, start=1)}
        for name, ranking in rankings.items()
    }
    last = list(rankings.values())[-1] if rankings else []
    return [
        Hit(
            recall_document(view.parts[part].segment.records.line(row)),
            score,
            {name: Place(*own[part, row]) for name, own in places.items() if (part, row) in own},
        )
        for (part, row), score in last
    ]


def _rank(
    view: View, queries: Sequence[Query], k: int, where: Filter | None, fusion: Fusion
) -> list[tuple[dict[str, Ranking], dict[str, float]]]:
    """The rankings that each query asks for, deeper where there are two to fuse, and the limits of their scores."""
    masks = view.select(where)
    by_words = [bool(query.text and fusion.lexical_weight) for query in queries]
    by_vector = [query.vector is not None and bool(fusion.dense_weight) for query in queries]
    depths = [max(k, fusion.depth) if both else k for both in map(min, by_words, by_vector)]
    rankings: list[dict[str, Ranking]] = [{} for _ in queries]
    limits = [{"lexical": 1.0, "dense": 1.0} for _ in queries]
    words = [
        LexicalPart(part.segment.postings, part.alive, mask, damping)
        for part, mask, damping in zip(view.parts, masks, view.damping, strict=True)
    ]
    for number in np.flatnonzero(by_words).tolist():
        hits, limit = search_lexical(words, queries[number].text, depths[number], len(view))
        rankings[number]["lexical"] = [((part, row), score) for part, row, score in hits]
        limits[number]["lexical"] = limit or 1.0
    asked = np.flatnonzero(by_vector).tolist()
    if asked and len(view):
        vectors = [part.segment.vectors for part in view.parts]
        dense = [DensePart(own, mask) for own, mask in zip(vectors, masks, strict=True) if own]
        stacked = np.stack([np.asarray(queries[number].vector) for number in asked])
        units = unit_vectors(stacked, stacked.shape[1])
        for number, found in zip(asked, search_dense(dense, units, max(depths)), strict=True):
            rankings[number]["dense"] = [((part, row), score) for part, row, score in found[: depths[number]]]
    return list(zip(rankings, limits, strict=True))


def _rerank(text: str, hits: list[Hit], rerank: Rerank) -> list[Hit]:
    scores = rerank(text, [hit.document for hit in hits])
    pairs = sorted(zip(hits, scores, strict=True), key=lambda pair: -pair[1])
    return [
        Hit(hit.document, float(score), {**hit.places, "rerank": Place(rank, float(score))})
        for rank, (hit, score) in enumerate(pairs, start=1)
    ]

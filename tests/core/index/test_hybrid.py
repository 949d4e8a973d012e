from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.index.change import Change
from core.index.column import Filter
from core.index.dense import unit_vectors
from core.index.document import Document
from core.index.hybrid import Fusion, Hit, Place, Query, fuse_ranks, fuse_scores, search_view
from core.index.view import View, apply_change
from tests.core.index.oracle import Oracle

TEXTS = {"a": "late fee", "b": "late order", "c": "refund", "d": "late late card"}
VECTORS = np.array([[1.0, 0], [0.8, 0.6], [0, 1], [-1, 0]])
QUERY = Query("late fee", np.array([0.6, 0.8]))


@pytest.fixture
def view() -> View:
    documents = [Document(name, text, {"kind": name in "ab"}) for name, text in TEXTS.items()]
    return apply_change(View(), Change(documents, unit_vectors(VECTORS, 2)))


def search(view: View, query: Query, **options: object) -> list[Hit]:
    fusion = Fusion(**options)  # type: ignore[arg-type]
    return search_view(view, [query], 4, None, fusion, None)[0]


def ids(hits: Sequence[Hit]) -> str:
    return "".join(hit.document.id for hit in hits)


def test_each_hit_says_where_it_stood_in_each_ranking(view: View) -> None:
    hits = {hit.document.id: hit.places for hit in search(view, QUERY)}
    assert [hits[name]["dense"].rank for name in "bcad"] == [1, 2, 3, 4]
    assert hits["a"]["lexical"].rank == 1
    assert "lexical" not in hits["c"]
    assert hits["b"]["dense"].score == pytest.approx(0.96)


def test_fused_score_is_the_sum_of_the_cosine_and_the_share_of_what_the_words_could_reach(view: View) -> None:
    oracle = Oracle()
    oracle.change([Document(name, text) for name, text in TEXTS.items()], VECTORS, ())
    reach = sum(math.log(1 + (4 - having + 0.5) / (having + 0.5)) for having in (3, 1))  # "late", "fee"
    words, meaning = oracle.bm25(QUERY.text), oracle.cosines(QUERY.vector)
    hits = search(view, QUERY)
    assert len(hits) == 4
    for hit in hits:
        name = hit.document.id
        assert hit.score == pytest.approx(0.4 * words.get(name, 0.0) / reach + 0.6 * meaning[name], abs=1e-6)


def test_question_full_of_unknown_words_is_left_to_the_vectors(view: View) -> None:
    vector = np.array([2.0, 1.0])
    known, unknown = search(view, Query("late fee", vector)), search(view, Query("late fee of an unheard kind", vector))
    assert [ids(known)[0], ids(unknown)[0]] == ["a", "b"]
    assert known[0].places["lexical"].score == pytest.approx(unknown[1].places["lexical"].score)


def test_what_a_ranking_lacks_counts_as_without_words_and_as_far_as_the_last() -> None:
    rankings = {"lexical": [("a", 2.0)], "dense": [("b", 0.9), ("c", -0.5)]}
    fused = dict(fuse_scores(rankings, {"lexical": 0.5, "dense": 0.5}, {"lexical": 4.0, "dense": 1.0}))
    assert fused == pytest.approx({"a": 0.0, "b": 0.45, "c": -0.25})


def test_score_by_ranks_is_the_sum_of_the_reciprocal_ranks(view: View) -> None:
    found = search(view, QUERY, lexical_weight=1.0, dense_weight=1.0, constant=60.0)
    for rank, hit in enumerate(found, start=1):
        ranks = [hit.places[name].rank for name in ("lexical", "dense") if name in hit.places]
        assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))
        assert hit.places["fused"] == Place(rank, hit.score)


def test_weights_decide_between_words_and_vectors(view: View) -> None:
    assert ids(search(view, QUERY, dense_weight=0.0)) == "adb"
    assert ids(search(view, QUERY, lexical_weight=0.0)) == "bcad"
    assert ids(search(view, QUERY, lexical_weight=0.01))[:2] == "bc"


def test_single_ranking_keeps_its_own_scores(view: View) -> None:
    [best, *_] = search(view, Query(vector=np.array([0.0, 2.0])))
    assert (best.document.id, best.places) == ("c", {"dense": Place(1, best.score)})
    assert best.score == pytest.approx(1.0)
    assert set(search(view, Query("refund"))[0].places) == {"lexical"}


def test_reranker_sees_the_documents_and_has_the_last_word(view: View) -> None:
    seen = []

    def rerank(text: str, documents: Sequence[Document]) -> list[float]:
        seen.append((text, [document.id for document in documents]))
        return [float(len(document.text)) for document in documents]

    [hits] = search_view(view, [QUERY], 2, None, Fusion(), rerank)
    assert seen == [("late fee", ["b", "a", "c", "d"])]
    assert ids(hits) == "db"
    assert hits[0].places["rerank"] == Place(1, 14.0)
    assert hits[0].score == 14.0
    assert hits[0].places["fused"].rank == 4


def test_batch_of_words_vectors_and_both_answers_each_as_alone(view: View) -> None:
    queries = [Query("late fee"), Query(vector=np.array([0.0, 1.0])), QUERY, Query(), Query("unknown")]
    together = search_view(view, queries, 3, None, Fusion(), None)
    assert together == [search_view(view, [query], 3, None, Fusion(), None)[0] for query in queries]
    assert together[3] == together[4] == []


def test_filter_holds_for_both_rankings(view: View) -> None:
    [hits] = search_view(view, [QUERY], 4, Filter({"kind": True}, forbidden=["b"]), Fusion(), None)
    assert ids(hits) == "a"
    [hits] = search_view(view, [QUERY], 4, Filter(allowed=["c", "d", "unknown"]), Fusion(), None)
    assert sorted(ids(hits)) == ["c", "d"]
    assert search_view(view, [QUERY], 4, Filter(allowed=[]), Fusion(), None) == [[]]


def test_empty_view_answers_with_nothing() -> None:
    assert search_view(View(), [QUERY], 4, None, Fusion(), None) == [[]]


def test_vector_without_direction_is_refused(view: View) -> None:
    with pytest.raises(DataError, match="zero or not finite"):
        search(view, Query(vector=np.zeros(2)))


@given(st.lists(st.floats(0.0, 20.0), min_size=2, max_size=8), st.floats(0.01, 5.0), st.integers(0, 7))
def test_higher_score_in_one_ranking_never_moves_down_in_the_fusion(
    scores: list[float], more: float, position: int
) -> None:
    def rank(values: list[float]) -> list[int]:
        words = sorted(enumerate(values), key=lambda pair: -pair[1])
        meaning = [(key, 1.0 - key / 10) for key in range(len(values))]
        weights, limits = {"lexical": 0.4, "dense": 0.6}, {"lexical": 30.0, "dense": 1.0}
        fused = fuse_scores({"lexical": words, "dense": meaning}, weights, limits)
        return [key for key, _ in fused]

    key = position % len(scores)
    higher = [score + more if place == key else score for place, score in enumerate(scores)]
    assert rank(higher).index(key) <= rank(scores).index(key)


@given(st.permutations(range(8)), st.permutations(range(8)), st.integers(0, 7))
def test_moving_up_in_one_ranking_never_moves_down_in_the_fusion(
    one: list[int], other: list[int], position: int
) -> None:
    def places(ranking: list[int]) -> dict[int, float]:
        scored = {name: [(key, 0.0) for key in order] for name, order in (("a", ranking), ("b", other))}
        return dict(fuse_ranks(scored, {"a": 1.0, "b": 1.0}, 60.0))

    key = one[position]
    better = [key, *(other_key for other_key in one if other_key != key)]
    before, after = places(one), places(better)
    assert after[key] >= before[key]
    assert all(after[rest] <= before[rest] for rest in one if rest != key)

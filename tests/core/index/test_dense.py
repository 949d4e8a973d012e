from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import DataError
from core.index import dense
from core.index.dense import (
    DensePart,
    Vectors,
    build_vectors,
    merge_vectors,
    read_vectors,
    search_dense,
    take_vectors,
    unit_vectors,
    write_vectors,
)
from tests.core.index.oracle import assert_best, make_vectors

ROWS = 1_000


@pytest.fixture
def few_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 1,000 vectors be many."""
    monkeypatch.setattr(dense, "EXACT_ROWS", 500)


def make_units(rows: int, seed: int, dimension: int = 16) -> NDArray[np.float32]:
    return unit_vectors(make_vectors(rows, seed, dimension), dimension)


def recall(found: list[list[tuple[int, int, float]]], nearest: NDArray[np.int64]) -> float:
    shares = [len({row for _, row, _ in hits} & set(best.tolist())) for hits, best in zip(found, nearest, strict=True)]
    return sum(shares) / nearest.size


def nearest_rows(units: NDArray[np.float32], queries: NDArray[np.float32], k: int = 10) -> NDArray[np.int64]:
    return np.argsort(-(queries @ units.T), axis=1)[:, :k]


@settings(max_examples=50)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 59), k=st.integers(1, 70), share=st.floats(0, 1))
def test_exact_search_over_parts_with_any_rows_allowed_equals_all_cosines(
    seed: int, cut: int, k: int, share: float
) -> None:
    units, allowed = make_units(60, seed), np.random.default_rng(seed).random(60) < share
    parts = [DensePart(build_vectors(u), a) for u, a in ((units[:cut], allowed[:cut]), (units[cut:], allowed[cut:]))]
    query = make_units(1, seed + 1)
    [found] = search_dense(parts, query, k)
    cosines = (units @ query[0]).tolist()
    expected = {str(row): cosine for row, cosine in enumerate(cosines) if allowed[row]}
    assert_best([(str(row + (cut if part else 0)), score) for part, row, score in found], expected, k)


def test_one_query_finds_the_same_in_a_batch_as_alone() -> None:
    parts, queries = [DensePart(build_vectors(make_units(300, 1)), None)], make_units(40, 2)
    together = search_dense(parts, queries, 5)
    for query, hits in zip(queries, together, strict=True):
        [alone] = search_dense(parts, query[None], 5)
        assert [row for _, row, _ in alone] == [row for _, row, _ in hits]


@pytest.mark.usefixtures("few_are_exact")
def test_many_vectors_are_searched_in_lists_that_were_chosen_by_measured_recall() -> None:
    units, queries = make_units(ROWS, 1), make_units(100, 2)
    vectors = build_vectors(units)
    assert vectors.probes is not None
    assert 8 <= vectors.probes < vectors.index.nlist
    assert (vectors.recall or 0) >= 0.97
    assert f"{vectors.probes} of {vectors.index.nlist} inverted lists: 1,000 rows are too many" in vectors.describe()
    assert recall(search_dense([DensePart(vectors, None)], queries, 10), nearest_rows(units, queries)) >= 0.95


def test_few_vectors_are_compared_with_all_and_say_so() -> None:
    assert build_vectors(make_units(20, 1)).describe() == "exact: 20 rows, at most 20,000 are compared one by one"


@pytest.mark.usefixtures("few_are_exact")
@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
def test_filter_costs_no_recall_however_few_rows_it_leaves(share: float) -> None:
    units, queries = make_units(ROWS, 1), make_units(50, 2)
    allowed = np.random.default_rng(3).random(ROWS) < share
    kept = np.flatnonzero(allowed)
    found = search_dense([DensePart(build_vectors(units), allowed)], queries, 10)
    assert all(allowed[row] for hits in found for _, row, _ in hits)
    assert recall(found, kept[nearest_rows(units[kept], queries)]) >= 0.95


@pytest.mark.usefixtures("few_are_exact")
def test_as_many_are_found_as_there_are_even_when_few_lists_would_do() -> None:
    units = make_units(ROWS, 1)
    [found] = search_dense([DensePart(build_vectors(units), None)], units[:1], ROWS + 5)
    assert {row for _, row, _ in found} == set(range(ROWS))


@pytest.mark.usefixtures("few_are_exact")
def test_lists_are_the_same_on_every_run() -> None:
    units, queries = make_units(ROWS, 1), make_units(20, 2)
    one, other = (search_dense([DensePart(build_vectors(units), None)], queries, 10) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("exact", [2_000, 500])
def test_file_is_mapped_back_to_the_same_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    monkeypatch.setattr(dense, "EXACT_ROWS", exact)
    vectors, queries = build_vectors(make_units(ROWS, 1)), make_units(10, 2)
    write_vectors(vectors, tmp_path / "v.faiss")
    mapped = read_vectors(tmp_path / "v.faiss", vectors.probes, vectors.recall)
    assert mapped.describe() == vectors.describe()
    for allowed in (None, np.arange(ROWS) % 3 == 0):
        found = [search_dense([DensePart(which, allowed)], queries, 10) for which in (vectors, mapped)]
        assert found[0] == found[1]
    rows = np.array([3, 999, 0])
    np.testing.assert_array_equal(take_vectors(mapped, rows), take_vectors(vectors, rows))


@pytest.mark.parametrize("exact", [2_000, 500])
def test_merged_vectors_are_the_chosen_rows_in_their_order(monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    units = make_units(ROWS, 1)
    halves = [build_vectors(units[:400]), build_vectors(units[400:])]
    monkeypatch.setattr(dense, "EXACT_ROWS", exact)
    rows = [np.arange(0, 400, 2), np.arange(0, 600)]
    merged = merge_vectors(list(zip(halves, rows, strict=True)))
    expected = np.concatenate([units[:400][rows[0]], units[400:]])
    np.testing.assert_array_equal(take_vectors(merged, np.arange(len(expected))), expected)
    assert (merged.probes is None) == (exact == 2_000)


def test_vectors_get_length_one_and_keep_their_direction() -> None:
    units = unit_vectors(np.array([[3, 4], [0, -2]]), 2)
    np.testing.assert_allclose(units, [[0.6, 0.8], [0, -1]], atol=1e-7)
    assert units.dtype == np.float32


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((1, 3)), "vector 0: a vector that is zero"),
        (np.array([[1.0, 0, 0], [np.nan, 1, 1]]), "vector 1: a vector that is zero or not finite"),
        (np.array([[np.inf, 0, 0]]), "vector 0"),
        (np.ones((2, 4)), "another shape"),
        (np.ones(3), "another shape"),
        (np.array([["a", "b", "c"]]), "another shape"),
    ],
)
def test_vector_without_a_direction_is_refused(vectors: NDArray[np.float64], message: str) -> None:
    with pytest.raises(DataError, match=message):
        unit_vectors(vectors, 3)


def test_file_that_is_not_there_or_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_vectors(tmp_path / "none.faiss", None, None)
    with pytest.raises(OSError, match="FAISS"):
        write_vectors(Vectors(build_vectors(make_units(2, 1)).index), tmp_path / "none" / "v.faiss")

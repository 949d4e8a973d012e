from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from kits.recommender.config import DiversifyConfig
from kits.recommender.listing.diversify import Pool, arrange, explore, miscalibration, scale_scores, spread
from kits.recommender.listing.frontier import Case, trace_frontier


def make_pool(seed: int = 0, count: int = 30, wanted: dict[str, float] | None = None) -> Pool:
    """Three groups of alike items, each a category; two authors."""
    random = np.random.default_rng(seed)
    groups = random.integers(3, size=count)
    vectors = np.eye(3, 8)[groups] + 0.2 * random.normal(size=(count, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    scores = np.sort(random.normal(size=count) + 0.5)[::-1].copy()
    names = [("sea", "sky", "war")[group] for group in groups]
    return Pool(scores, vectors, names, [f"a{row % 2}" for row in range(count)], wanted or {})


@given(seed=st.integers(0, 50), trade_off=st.floats(0, 1), k=st.integers(1, 40))
def test_list_holds_each_item_once_and_is_as_long_as_can_be(seed: int, trade_off: float, k: int) -> None:
    places = arrange(make_pool(seed), k, DiversifyConfig(trade_off=trade_off)).places
    assert len(places) == len(set(places)) == min(k, 30)


def test_without_a_trade_off_the_list_is_the_order_of_the_scores() -> None:
    assert arrange(make_pool(), 10, DiversifyConfig(trade_off=0)) == arrange(
        make_pool(), 10, DiversifyConfig(trade_off=0, method="calibrated")
    )
    found = arrange(make_pool(), 10, DiversifyConfig(trade_off=0))
    assert found.places == tuple(range(10))
    assert found.displaced == ()


def test_mmr_is_what_the_formula_says_one_by_one() -> None:
    pool, weight = make_pool(7), 0.4
    relevance = scale_scores(pool.scores)
    chosen: list[int] = []
    for _ in range(8):
        worth = {
            row: (1 - weight) * relevance[row]
            - weight * max([0.0, *(float(pool.vectors[row] @ pool.vectors[one]) for one in chosen)])
            for row in range(30)
            if row not in chosen
        }
        chosen.append(max(worth, key=lambda row: worth[row]))
    assert arrange(pool, 8, DiversifyConfig(trade_off=weight)).places == tuple(chosen)


def test_calibrated_list_has_the_shares_of_the_history() -> None:
    wanted = {"sea": 0.6, "sky": 0.3, "war": 0.1}
    pool = make_pool(3, 60, wanted)
    plain = [pool.categories[row] for row in range(10)]
    found = arrange(pool, 10, DiversifyConfig(method="calibrated", trade_off=0.99)).places
    listed = [pool.categories[row] for row in found]
    assert [listed.count(name) for name in wanted] == [6, 3, 1]
    assert miscalibration(listed, wanted) < miscalibration(plain, wanted)


def test_calibration_without_a_history_is_mmr() -> None:
    pool = make_pool()
    by_mmr = arrange(pool, 10, DiversifyConfig(trade_off=0.5)).places
    assert arrange(pool, 10, DiversifyConfig(trade_off=0.5, method="calibrated")).places == by_mmr


@pytest.mark.parametrize("method", ["mmr", "calibrated"])
def test_caps_hold_and_the_list_gets_shorter_rather_than_break_them(method: str) -> None:
    pool = make_pool(wanted={"sea": 1.0})
    settings = DiversifyConfig(method=method, trade_off=0.2, per_category=2, per_author=4)  # type: ignore[arg-type]
    found = arrange(pool, 10, settings)
    names = [pool.categories[row] for row in found.places]
    authors = [pool.authors[row] for row in found.places]
    assert len(found.places) == 6
    assert max(map(names.count, names)) == 2
    assert max(map(authors.count, authors)) <= 4


def test_displaced_items_are_those_of_the_plain_list_with_their_reason() -> None:
    pool = make_pool()
    found = arrange(pool, 6, DiversifyConfig(trade_off=0.0, per_category=2))
    assert {one.place for one in found.displaced} == set(range(6)) - set(found.places)
    assert {one.by for one in found.displaced} == set(found.places) - set(range(6))
    assert {one.reason for one in found.displaced} == {"category"}
    assert all(pool.categories[one.beside] == pool.categories[one.place] for one in found.displaced)
    alike = arrange(pool, 6, DiversifyConfig(trade_off=0.7))
    assert {one.reason for one in alike.displaced} == {"alike"}


def test_arrays_of_different_items_are_refused() -> None:
    with pytest.raises(DataError, match="not of the same items"):
        Pool(np.ones(2), np.ones((3, 2), dtype=np.float32), ["a", "b"], ["", ""], {})


def test_propensities_are_the_frequencies_with_which_items_come_to_places() -> None:
    random, draws = Random(0), 20_000
    counts: dict[tuple[int, int], int] = {}
    stated: dict[tuple[int, int], float] = {}
    for _ in range(draws):
        for position, slot in enumerate(explore((4, 0, 2, 7), 9, 2, random)):
            counts[position, slot.place] = counts.get((position, slot.place), 0) + 1
            stated[position, slot.place] = slot.propensity
    assert len(stated) == 4 + 4 * 5
    for key, count in counts.items():
        assert count / draws == pytest.approx(stated[key], abs=0.015)
    for position in range(4):
        assert sum(share for (at, _), share in stated.items() if at == position) == pytest.approx(1)


def test_without_slots_or_others_nothing_is_drawn() -> None:
    for places, size, slots in (((1, 0), 9, 0), ((1, 0), 2, 2), ((), 5, 1)):
        assert [(slot.place, slot.propensity) for slot in explore(places, size, slots, Random(0))] == [
            (place, 1.0) for place in places
        ]


@pytest.mark.parametrize("method", ["mmr", "calibrated"])
def test_frontier_gives_accuracy_for_diversity(method: str) -> None:
    wanted = {"sea": 0.4, "sky": 0.3, "war": 0.3}
    cases, items = [], []
    for seed in range(40):
        pool = make_pool(seed, wanted=wanted)
        clicked = np.zeros(30, dtype=bool)
        clicked[:3] = True
        cases.append(Case(pool, clicked))
        items.append([f"{seed % 4}-{row}" for row in range(30)])
    settings = DiversifyConfig(method=method)  # type: ignore[arg-type]
    points = trace_frontier(cases, items, 6, settings, (0.0, 0.3, 0.6, 1.0))
    assert points[0].ndcg == pytest.approx(1.0)
    assert points[0].kept == pytest.approx(1.0)
    kept = [point.kept for point in points]
    assert kept == sorted(kept, reverse=True)
    assert points[-1].ndcg is not None
    assert points[-1].ndcg < 1.0
    if method == "mmr":
        assert points[0].diversity < points[2].diversity <= points[3].diversity + 0.05
    else:
        assert points[3].miscalibration < points[0].miscalibration
    with pytest.raises(DataError):
        trace_frontier([], [], 5, settings)


def test_spread_of_the_same_thing_is_none() -> None:
    assert spread(np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (5, 1))) == pytest.approx(0.0, abs=1e-6)
    assert spread(np.eye(4, dtype=np.float32)) == pytest.approx(1.0)
    assert spread(np.eye(1, dtype=np.float32)) == 0.0

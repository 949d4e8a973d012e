from __future__ import annotations

from dataclasses import replace

import numpy as np

from kits.recommender.model.candidate import Filter, Orders, find_candidates
from kits.recommender.model.feature import FEATURES
from kits.recommender.model.recommender import Recommender
from tests.kits.recommender.shop import NOW, make_event, make_items, make_recommender


def make_busy() -> Recommender:
    """With clicks that make some items more popular than others."""
    recommender = make_recommender()
    for step in range(240):
        recommender.observe(make_event(f"u{step % 9}", f"i{(step * step) % 77}", minutes=step - 300))
    return recommender


def by_category(recommender: Recommender, user: str) -> set[str]:
    found = recommender.shortlist(recommender.user(user), k=1_000, at=NOW)
    return {one.item_id for one in found if "category" in one.sources}


def test_items_of_own_categories_are_the_most_popular_that_are_allowed() -> None:
    recommender = make_busy()
    state, every = recommender.user("u1"), np.arange(len(recommender.catalog))
    config = recommender.config.candidate.model_copy(update={"category": 7})
    query = recommender.tower.query(state, recommender.texts)
    found = find_candidates(
        recommender.catalog, recommender.tally, recommender._shelf, Orders(), state, NOW.timestamp(),
        query=query, history=30, config=config, chosen=Filter(blocked=[0, 4]),
    )  # fmt: skip
    liked = [recommender.catalog.category[number] for number in state.items[-30:]]
    own = np.argsort(-np.bincount(liked, minlength=4), kind="stable")[:3]
    mask = Filter(blocked=[0, 4]).allowed(recommender.catalog, state, NOW.timestamp())
    order = np.argsort(-recommender.tally.recent(every, NOW.timestamp()), kind="stable")
    expected = [n for n in order.tolist() if mask[n] and recommender.catalog.category[n] in own][:7]
    assert {number for number, sources in found.items() if "category" in sources} == set(expected)


def test_item_that_changes_its_category_is_found_there_at_once() -> None:
    recommender = make_recommender()
    for number in (0, 4, 8):
        recommender.observe(make_event("ann", f"i{number}", minutes=-60))
    assert "i1" not in by_category(recommender, "ann")
    recommender.put_items([replace(make_items()[1], category="sea")])
    assert "i1" in by_category(recommender, "ann")


def test_features_of_a_place_are_those_that_the_ranker_saw() -> None:
    recommender = make_busy()
    first = recommender.shortlist(recommender.user("u1"), at=NOW)[0]
    assert tuple(first.features) == FEATURES
    assert len(first.features) == len(FEATURES)
    ranking = recommender.rank(recommender.user("u1"), [first.item_id], NOW)
    np.testing.assert_allclose(list(first.features.values()), ranking.features[0], rtol=1e-5)
    assert first.features["model_score"] == first.score


def test_clicked_together_is_the_same_whether_few_or_many_items_are_asked_for() -> None:
    recommender = make_busy()
    history, few = recommender.user("u1").items[-20:], list(range(8))
    many = [*few, *range(8, 80)]
    tally = recommender.tally
    tally.together[history[0]] = dict(list(tally.together[history[0]].items())[:3])
    np.testing.assert_array_equal(tally.clicked_together(history, many)[:, :8], tally.clicked_together(history, few))


def test_clicks_after_a_list_count_for_what_is_clicked_together_in_the_next() -> None:
    recommender, twin = make_busy(), make_busy()
    history = recommender.user("u1").items[-20:]
    recommender.tally.neighbours(history)  # keeps rows
    for one in (recommender, twin):
        one.observe(make_event("u1", "i79", minutes=1))
        one.observe(make_event("u2", f"i{history[0]}", minutes=2))
    for found, expected in zip(recommender.tally.neighbours(history), twin.tally.neighbours(history), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_places_of_a_shortlist_hold_together() -> None:
    recommender = make_busy()
    found = recommender.shortlist(recommender.user("u1"), k=20, at=NOW)
    assert len(found) == 20
    assert found[-1].item is found.items[-1]
    assert [one.item_id for one in found[:3]] == [one.item_id for one in found][:3]
    assert list(found.scores) == sorted(found.scores, reverse=True) == [one.score for one in found]
    np.testing.assert_array_equal(found.texts, recommender.vectors([one.item_id for one in found]))


def test_shortlist_of_nothing_is_empty() -> None:
    recommender = make_busy()
    found = recommender.shortlist(recommender.user("u1"), at=NOW, chosen=Filter(categories=["none of these"]))
    assert list(found) == []


def test_item_that_came_later_is_found_beside_plain_towers_and_trained_ones() -> None:
    for project in (np.eye(16), np.eye(16)[::-1]):
        plain = make_recommender()
        tower = replace(plain.tower, project=project.astype(np.float32))
        recommender = Recommender(plain.config, plain.catalog, plain.encoder, tower, texts=plain.texts)
        assert tower.is_plain == (recommender._shelf is recommender._texts)
        recommender.put_items([replace(make_items()[0], item_id="late")])
        recommender.observe(make_event("ann", "i0"))
        assert "late" in {one.item_id for one in recommender.recommend("ann", k=5, at=NOW)}
        recommender.prepare_rebuild()()
        assert "late" in {one.item_id for one in recommender.recommend("ann", k=5, at=NOW)}

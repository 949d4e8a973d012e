from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event as Signal

import pytest

from core.errors import DataError
from kits.recommender.event import Item
from kits.recommender.listing.make import Wish, make_list
from kits.recommender.live.living import Living
from kits.recommender.model.candidate import Filter
from kits.recommender.model.recommender import Recommender
from kits.recommender.state import shelf
from kits.recommender.store.store import Shown, open_store
from tests.kits.recommender.shop import NOW, make_event, make_items, make_recommender


@pytest.fixture
def living(database: str) -> Iterator[Living]:
    living = Living(open_store(database), make_recommender())
    yield living
    living.store.engine.dispose()


def listed(living: Living, user: str, k: int = 8) -> list[str]:
    def ask(recommender: Recommender) -> list[str]:
        found = make_list(recommender, Wish(recommender.user(user), k, recommender.config.diversify, at=NOW))
        return [one.item.item_id for one in found]

    return living.ask(ask)


def test_event_changes_the_next_list(living: Living) -> None:
    before = listed(living, "ann")
    sea = [item for item in make_items() if item.category == "sea"]
    living.put_events([make_event("ann", item.item_id) for item in sea[:5]], [None] * 5, NOW)
    after = listed(living, "ann")
    assert after != before
    assert not {item.item_id for item in sea[:5]} & set(after)
    assert sum(item.item_id in after for item in sea) > sum(item.item_id in before for item in sea)


def test_new_start_knows_what_the_old_one_knew(living: Living) -> None:
    events = [make_event(f"u{n % 7}", f"i{n % 31}", minutes=n) for n in range(100)]
    living.put_events(events, [None] * 100, NOW)
    living.put_items([Item("new", "harbour tide boat", category="sea", published_at=NOW)])
    living.withdraw("i3")
    again = Living(living.store, make_recommender())
    assert again.last == living.last
    assert again.check() == living.check() == []
    for user in ("u0", "u3", "nobody"):
        assert listed(again, user) == listed(living, user)


def test_item_that_comes_is_listed_and_one_that_goes_is_not(living: Living) -> None:
    living.put_events([make_event("ann", f"i{n}") for n in (0, 4, 8)], [None] * 3, NOW)
    living.put_items([Item("new", "harbour tide boat sail wave gull", category="sea", published_at=NOW)])
    assert "new" in listed(living, "ann", 80)
    assert "new" in {near.item_id for near in living.similar("i0", 80)}
    living.withdraw("new")
    assert "new" not in listed(living, "ann", 80)
    assert "new" not in {near.item_id for near in living.similar("i0", 80)}
    with pytest.raises(DataError, match="no such item"):
        living.withdraw("never there")


def test_erased_user_is_a_stranger_also_to_a_model_that_knew_the_user(living: Living) -> None:
    living.put_events([make_event("ann", f"i{n}") for n in (0, 4, 8)], [None] * 3, NOW)
    stranger = listed(living, "nobody")
    gone, was_known = living.erase("ann", NOW)
    assert (gone.events, was_known) == (3, True)
    assert listed(living, "ann") == stranger
    trained = make_recommender()
    trained.observe(make_event("ann", "i0"))
    assert not Living(living.store, trained).ask(lambda one: "ann" in one.users)


def test_model_that_was_trained_on_the_store_counts_nothing_twice(living: Living) -> None:
    events = [make_event("ann", f"i{n}", minutes=n) for n in range(6)]
    living.put_events(events, [None] * 6, NOW)
    trained = make_recommender()
    for event in events[:4]:
        trained.observe(event)
    living.replace(trained)
    assert living.ask(lambda one: one.users["ann"].clicks) == 6
    late = make_event("ann", "i20", minutes=-600)  # before the training, but sent after it
    living.put_events([late], [None], NOW)
    assert living.ask(lambda one: one.users["ann"].clicks) == 7
    assert Living(living.store, make_recommender()).check() == []


def test_other_process_on_the_same_database_is_followed(living: Living) -> None:
    other = Living(living.store, make_recommender())
    other.put_events([make_event("ann", "i0")], [None], NOW)
    other.put_items([Item("new", "harbour tide boat", category="sea")])
    assert not living.has_item("new")
    assert living.follow() == 2
    assert living.check() == []
    assert living.ask(lambda one: one.users["ann"].clicks) == 1


def test_model_with_another_encoder_reads_the_items_anew_and_keeps_the_vectors(living: Living) -> None:
    living.put_items([Item("new", "harbour tide boat", category="sea")])
    living.replace(make_recommender(version="v2"))
    assert living.has_item("new")
    ((_, vector),) = living.store.changes(0, "v2").items
    assert vector is not None
    assert living.check() == []


def test_many_threads_lose_nothing(living: Living) -> None:
    def work(worker: int) -> None:
        for step in range(10):
            living.put_events([make_event(f"u{worker}", f"i{step}", minutes=step)], [None], NOW)
            listed(living, f"u{worker}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert living.check() == []
    assert living.ask(lambda one: [one.users[f"u{n}"].clicks for n in range(4)]) == [10] * 4


def test_list_says_why_each_item_is_there(living: Living) -> None:
    living.put_events([make_event("ann", f"i{n}") for n in (0, 4)], [None] * 2, NOW)

    def ask(recommender: Recommender) -> list[object]:
        settings = recommender.config.diversify.model_copy(update={"trade_off": 0.5})
        wish = Wish(recommender.user("ann"), 6, settings, chosen=Filter(), at=NOW + timedelta(hours=1), explain=True)
        return list(make_list(recommender, wish))

    found = living.ask(ask)
    first = found[0]
    assert first.reasons.near[0].item_id in ("i0", "i4")  # type: ignore[attr-defined]
    assert first.reasons.near[0].score > 0.25  # type: ignore[attr-defined]
    assert first.reasons.lifted[0].feature == "model_score"  # type: ignore[attr-defined]
    assert any(one.instead is not None for one in found)  # type: ignore[attr-defined]


def test_changed_item_keeps_its_place_in_the_history(living: Living) -> None:
    living.put_events([make_event("ann", "i0")], [None], NOW)
    item = make_items()[0]
    living.put_items([replace(item, title="bread soup pepper oven", category="food", tags=())])
    assert living.ask(lambda one: one.catalog.items[one.users["ann"].items[0]].category) == "food"
    assert living.check() == []


def test_lists_and_items_go_on_while_the_index_is_rebuilt(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    build, is_building, may_end = shelf.build_vectors, Signal(), Signal()

    def build_slowly(rows: shelf.Floats) -> shelf.Vectors:
        is_building.set()
        assert may_end.wait(30)
        return build(rows)

    monkeypatch.setattr(shelf, "build_vectors", build_slowly)
    living.put_items([Item("before", "harbour tide boat", category="sea", published_at=NOW)])
    living.put_events([make_event("ann", f"i{n}") for n in (0, 4, 8)], [None] * 3, NOW)
    with ThreadPoolExecutor(1) as pool:
        rebuilt = pool.submit(living.rebuild)
        assert is_building.wait(30)
        living.put_items([
            Item("meanwhile", "sail wave gull", category="sea", published_at=NOW),
            Item("i1", "anchor lighthouse harbour tide", category="sea", published_at=NOW),
        ])  # fmt: skip
        assert {"before", "meanwhile", "i1"} <= set(listed(living, "ann", 80))
        may_end.set()
        rebuilt.result(30)
    assert {"before", "meanwhile", "i1"} <= set(listed(living, "ann", 80))
    near = [one.item_id for one in living.similar("i1", 80)]
    assert {"before", "meanwhile"} <= set(near)
    assert len(near) == len(set(near))
    assert living.check() == []


def test_shown_lists_count_once_whoever_wrote_them(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    def show(name: str) -> Shown:
        return Shown(name, "ann", NOW, "", "", "v-test", ("i0", "i1"), (1.0, 0.5), 1)

    other, put = Living(living.store, make_recommender()), living.store.put_lists
    living.put_lists([show("l1")])
    other.put_lists([show("l2"), show("l3")])

    def put_late(lists: list[Shown]) -> object:
        put([show("l4")])  # as another process might, in between
        return put(lists)

    monkeypatch.setattr(living.store, "put_lists", put_late)
    living.put_lists([show("l5")])
    monkeypatch.undo()
    again = Living(living.store, make_recommender())
    for one in (living, other, again):
        one.follow()
        assert one.last == living.store.changes(0, "v-test").last == 10
        user = one.ask(lambda recommender: recommender.user("ann"))
        assert (user.shows, user.shown) == (10, {0: 5, 1: 5})

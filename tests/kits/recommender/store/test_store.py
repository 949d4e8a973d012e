from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.store.database import reading
from kits.recommender.event import Event, Item
from kits.recommender.store.schema import metadata
from kits.recommender.store.store import RecommenderStore, Shown, digest_user, open_store
from tests.kits.recommender.shop import NOW, make_event, make_items


@pytest.fixture
def store(database: str) -> Iterator[RecommenderStore]:
    store = open_store(database)
    yield store
    store.engine.dispose()


def served(name: str = "x1", user: str = "ann") -> Shown:
    return Shown(name, user, NOW, "variety", "new", "v1", ("i1", "i2"), (0.9, 0.01), 1)


def test_migrations_make_the_tables_that_the_code_expects(store: RecommenderStore) -> None:
    with reading(store.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_what_is_put_comes_back_in_its_order(store: RecommenderStore) -> None:
    events = [
        Event("ann", "i1", "click", NOW, "x1", 2, None, None),
        Event("bob", "i2", "purchase", NOW - timedelta(days=3), None, None, 12.5, 0.25),
    ]
    item = Item("i9", "Tide; tables", "By the hour", ("sea", "a;b"), "sea", NOW, "Ann", True)
    vectors = np.eye(1, 4, dtype=np.float32)
    assert store.put_events(events, [None, "k1"], NOW) == 2
    store.put_items([item], vectors, "v1")
    found = store.changes(0, "v1")
    assert [event for _, event in found.events] == events
    ((kept, vector),) = found.items
    assert kept == replace(item, tags=("sea", "a,b"))
    assert vector is not None
    assert np.array_equal(vector, vectors[0])
    assert store.changes(found.last, "v1").events == ()
    ((_, of_another_model),) = store.changes(0, "v2").items
    assert of_another_model is None


def test_event_that_is_sent_again_under_its_key_is_one_event(store: RecommenderStore) -> None:
    event = make_event("ann", "i1")
    assert store.put_events([event, event, event], ["a", "a", "b"], NOW) == 2
    assert store.put_events([event, event], ["b", None], NOW) == 1
    assert store.count()["events"] == 3


def test_served_list_is_an_impression_and_shown_items_with_their_propensity(store: RecommenderStore) -> None:
    store.put_lists([served("x1"), served("x2")])
    shown = [event for _, event in store.changes(0, "v1").events]
    assert [(event.kind, event.item_id, event.position, event.propensity) for event in shown] == [
        ("show", "i1", 1, 0.9),
        ("show", "i2", 2, 0.01),
    ] * 2
    assert store.count() == {"events": 4, "impressions": 2, "items": 0}


def test_numbers_follow_the_commits_whoever_writes(store: RecommenderStore) -> None:
    """A reader that goes on from where it was never misses an event, however many write at once."""
    seen: list[str] = []

    def write(writer: int) -> None:
        for step in range(15):
            store.put_events([make_event(f"u{writer}", f"i{step}")], [None], NOW)

    with ThreadPoolExecutor(5) as threads:
        writing = [threads.submit(write, writer) for writer in range(4)]
        last = 0
        while True:
            is_over = all(one.done() for one in writing)
            changes = store.changes(last, "")
            seen += [f"{event.user_id} {event.item_id}" for _, event in changes.events]
            last = changes.last
            if is_over:
                break
    assert sorted(seen) == sorted(f"u{writer} i{step}" for writer in range(4) for step in range(15))


def test_erased_user_leaves_a_digest_only(store: RecommenderStore) -> None:
    store.put_events([make_event("ann", "i1"), make_event("bob", "i1")], [None, None], NOW)
    store.put_lists([served(user="ann")])
    gone = store.erase("ann", NOW)
    assert (gone.events, gone.impressions) == (3, 1)
    found = store.changes(0, "")
    assert [event.user_id for _, event in found.events] == ["bob"]
    assert [digest for _, digest in found.erased] == [digest_user("ann")]
    store.put_events([make_event("ann", "i2")], [None], NOW)
    assert store.erase("ann", NOW).events == 1
    assert len(store.changes(0, "").erased) == 1


def test_list_that_was_made_before_its_user_was_erased_is_not_kept(store: RecommenderStore) -> None:
    store.erase("ann", NOW)
    store.put_lists([replace(served("x1", user="ann"), at=NOW - timedelta(seconds=1)), served("x2", user="bob")])
    assert [event.user_id for _, event in store.changes(0, "").events] == ["bob", "bob"]
    store.put_lists([replace(served("x3", user="ann"), at=NOW + timedelta(seconds=1))])
    assert store.count()["impressions"] == 2


def test_old_events_and_lists_go_a_little_at_a_time(store: RecommenderStore) -> None:
    old, new = NOW - timedelta(days=500), NOW
    events = [replace(make_event("ann", "i1"), at=at) for at in [old] * 700 + [new] * 3]
    store.put_events(events, [None] * len(events), NOW)
    store.put_lists([replace(served("x1"), at=old), served("x2")])
    steps = []
    while step := store.delete_old(NOW - timedelta(days=400)):
        steps.append(step)
    assert sum(steps) == 703
    assert len(steps) == 2
    assert store.count()["events"] == 5


def test_item_that_is_put_again_takes_the_place_of_the_old_one(store: RecommenderStore) -> None:
    items = make_items(3)
    store.put_items(items, None, "")
    before = store.changes(0, "").last
    store.put_items([replace(items[1], title="Another")], None, "")
    assert [item.title for item, _ in store.changes(before, "").items] == ["Another"]
    assert store.count()["items"] == 3


def test_latest_wish_for_a_model_is_the_one_that_counts(store: RecommenderStore) -> None:
    store.activate_model("a", "v1", NOW)
    store.want_model("b", "ann", NOW)
    store.want_model("c", "ann", NOW)
    wanted = store.wanted_model()
    assert wanted is not None
    assert wanted[1] == "c"
    store.activate_model("c", "v3", NOW, wanted[0])
    assert store.wanted_model() is None
    assert store.active_model() == "c"
    assert [(row.folder, row.state) for row in store.list_models()] == [
        ("c", "active"),
        ("b", "failed"),
        ("a", "retired"),
    ]

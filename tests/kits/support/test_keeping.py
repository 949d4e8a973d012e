"""What is kept of conversations: whole turns, nobody's over another's, one company's and one user's only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from core.errors import DataError
from core.store.database import reading
from kits.support.answer.compose import Part
from kits.support.dialogue.reply import Reply
from kits.support.dialogue.state import State
from kits.support.store.desk import list_waiting, reply_as, resolve, take_over
from kits.support.store.schema import metadata
from kits.support.store.store import Conversation, Exchange, Store, open_store
from tests.databases import KINDS, own_database

NOW = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with own_database(request.param, tmp_path) as url:
        opened = open_store(url, "shop")
        yield opened
        opened.engine.dispose()


def exchange(store: Store, id: str, user: str = "ann", action: str = "answer", at: datetime = NOW) -> Exchange:
    known = store.read([id]).get(id) or Conversation(id, user, "api", "private", "assistant", None, 0, at)
    reply = Reply(action, (Part("hello"),), reason="policy" if action == "hand_over" else None)  # type: ignore[arg-type]
    return Exchange(known, "hi", at, State("en", "private"), reply)


def test_tables_are_those_that_the_migrations_make(store: Store) -> None:
    with reading(store.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_turn_on_a_state_that_has_changed_is_not_kept(store: Store) -> None:
    first, second = exchange(store, "c1"), exchange(store, "c1")
    assert [is_kept for _, is_kept in store.record([first])] == [True]
    assert store.record([second]) == [(None, False)]
    assert len(store.transcript("c1")) == 2
    assert store.record([exchange(store, "c1")])[0][1]


def test_tenants_do_not_see_each_other(store: Store) -> None:
    store.record([exchange(store, "c1")])
    other = Store(store.engine, "bank")
    assert other.read(["c1"]) == {}
    assert other.delete_user("ann") == 0
    other.record([exchange(other, "c1")])
    assert store.delete_user("ann") == 1
    assert list(other.read(["c1"])) == ["c1"]


def test_everything_of_a_user_is_deleted(store: Store) -> None:
    ((turn, _),) = store.record([exchange(store, "c1", action="hand_over")])
    store.record([exchange(store, "c2"), exchange(store, "c3", "bob")])
    assert turn is not None
    store.judge(turn, "down", "ann", NOW)
    assert store.delete_user("ann") == 2
    assert store.count() == {"conversations": 1, "turns": 2, "handovers": 0, "feedback": 0}


def test_old_conversations_go_but_not_those_that_a_person_owns(store: Store) -> None:
    old = NOW - timedelta(days=500)
    store.record([exchange(store, "c1", at=old), exchange(store, "c2", action="hand_over", at=old)])
    store.record([exchange(store, "c3")])
    assert store.delete_old(NOW - timedelta(days=400)) == 1
    assert sorted(store.read(["c1", "c2", "c3"])) == ["c2", "c3"]


def test_opinion_replaces_the_one_before_and_only_replies_have_one(store: Store) -> None:
    ((turn, _),) = store.record([exchange(store, "c1")])
    assert turn is not None
    store.judge(turn, "up", "ann", NOW)
    assert store.judge(turn, "down", "ann", NOW, "wrong price") == "c1"
    assert [row["verdict"] for row in store.transcript("c1")] == [None, "down"]
    with pytest.raises(DataError, match="no such reply"):
        store.judge(turn - 1, "up", "ann", NOW)


def test_desk_queues_takes_replies_and_resolves(store: Store) -> None:
    store.record([exchange(store, "c1", action="hand_over")])
    (waiting,) = list_waiting(store)
    assert (waiting.conversation, waiting.reason, waiting.taken_by, waiting.words) == ("c1", "policy", None, "hi")
    take_over(store, "c1", "helga", NOW)
    with pytest.raises(DataError, match="someone else"):
        reply_as(store, "c1", "karl", "me too", NOW)
    reply_as(store, "c1", "helga", "hello", NOW)
    resolve(store, "c1", "helga", NOW)
    assert list_waiting(store) == []
    found = store.read(["c1"])["c1"]
    assert (found.owner, found.state) == ("assistant", None)
    with pytest.raises(DataError, match="no person"):
        resolve(store, "c1", "helga", NOW)


def test_agent_may_take_over_what_nobody_handed_over(store: Store) -> None:
    store.record([exchange(store, "c1")])
    read = exchange(store, "c1")
    take_over(store, "c1", "helga", NOW)
    assert store.record([read]) == [(None, False)], "a turn that was being worked on is not kept over it"
    assert list_waiting(store)[0].taken_by == "helga"

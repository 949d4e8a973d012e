"""Knowledge in the database and in the index: changed without a rebuild, safe from crashes, deaf to commands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import DataError
from core.index.document import Document
from kits.support.assistant.talk import Assistant
from kits.support.index.document import find_withheld
from kits.support.rehearse.hold import hold_story
from kits.support.rehearse.story import read_stories
from kits.support.store.shelf import Shelf
from kits.support.store.store import Store, open_store
from tests.databases import KINDS, own_database
from tests.kits.support.crash import open_follower
from tests.kits.support.fake import SAMPLE
from tests.kits.support.killing import kill_often
from tests.kits.support.poison import MARKS, poisoned

KILLS = 6
NOW = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)


def entry(id: str, text: str = "Q\nA") -> Document:
    return Document(f"faq:{id}", text, {"kind": "faq", "source": f"faq:{id}"})


@pytest.mark.parametrize("kind", KINDS)
def test_changes_are_numbered_and_read_back(kind: str, tmp_path: Path) -> None:
    with own_database(kind, tmp_path) as url:
        store = open_store(url)
        shelf = Shelf(store, "en")
        assert shelf.change([entry("a"), entry("b")], by="ann").added == 2
        again = shelf.change([entry("a"), entry("b", "Q\nB")], by="ann")
        assert (again.added, again.changed, again.same) == (0, 1, 1)
        assert shelf.change(deleted=["faq:a", "faq:none"], by="ann").deleted == 1
        news = shelf.since(1)
        assert ([d.id for d in news.put], list(news.deleted), news.last) == (["faq:b"], ["faq:a"], 3)
        assert Shelf(Store(store.engine, "other"), "en").count() == 0, "another company's"
        assert shelf.change([entry("c")], by="ann", replaces="faq").deleted == 1
        assert [one.document.id for one in shelf.list()] == ["faq:c"]
        with pytest.raises(DataError, match="twice"):
            shelf.change([entry("a"), entry("a")], by="ann")
        store.engine.dispose()


def test_index_follows_every_change_without_a_rebuild(assistant: Assistant) -> None:
    follower = assistant.voices["en"].follower
    generation = follower.index.version[0]
    answer = "We sell gold bars of 10 g at the branch in Oslo."
    follower.shelf.change([entry("gold", f"Where can I buy gold bars?\n{answer}")], by="ann")
    assert assistant.follow() == 1
    assert assistant.reply("c1", "Where can I buy gold bars?", at=NOW).text == answer
    follower.shelf.change(deleted=["faq:gold"], by="ann")
    assistant.follow()
    assert answer not in assistant.reply("c2", "Where can I buy gold bars?", at=NOW).text
    assert follower.index.version[0] == generation
    assert follower.compare() == []


def test_who_reads_an_index_waits_for_who_writes_and_takes_over_where_that_one_ends(tmp_path: Path) -> None:
    database, folder = f"sqlite:///{tmp_path / 'support.db'}", tmp_path / "index"
    one, two = (open_follower(database, folder) for _ in range(2))
    assert (one.is_writer, two.is_writer) == (True, False)
    two.shelf.change([entry("a")], by="ann")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(two.catch_up)
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
        assert one.catch_up() == 1
        waiting.result(10)
    assert (two.followed, two.compare()) == (one.followed, [])
    one.close()
    two.shelf.change([entry("b")], by="ann")
    assert two.catch_up() == 1
    assert two.is_writer
    assert two.compare() == []


def test_page_s_heading_is_that_of_its_newest_words(assistant: Assistant) -> None:
    voice, shelf = assistant.voices["en"].voice, assistant.voices["en"].follower.shelf
    for title in ("Vaults", "Safe deposit boxes"):
        page = Document("v", f"{title} > Size\nThey are 10 cm high.", {"kind": "page", "source": "v.md"})
        shelf.change([page], by="ann")
        assistant.follow()
        assert [voice.heading("v.md") for _ in range(2)] == [title] * 2


@pytest.mark.slow
def test_index_and_database_agree_however_often_the_process_is_killed(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'support.db'}"
    outcomes = list(kill_often(database, tmp_path / "index", KILLS))
    assert [faults for _, _, faults in outcomes if faults] == []
    assert outcomes[-1][0] > KILLS, "it was killed while it worked"


def test_poisoned_pages_change_no_action_and_are_not_quoted(assistant: Assistant) -> None:
    stories = read_stories(SAMPLE / "conversations.yaml")
    before = [turn.reply for story in stories for turn in hold_story(assistant, story)]
    documents = poisoned()
    assert len(documents) == 100
    shelf = assistant.voices["en"].follower.shelf
    withheld = {one.id for one in find_withheld(documents)}
    shelf.change(documents, by="mallory", withheld=withheld)
    assistant.follow()
    after = [turn.reply for story in stories for turn in hold_story(assistant, story)]
    assert [(r.action, r.reason, r.asks) for r in after] == [(r.action, r.reason, r.asks) for r in before]
    for reply in after:
        assert not any(mark in reply.text for mark in MARKS)
    assert sum(bool(reply.cited) for reply in after) == sum(bool(reply.cited) for reply in before)


def test_poison_that_is_not_withheld_is_still_not_quoted(assistant: Assistant) -> None:
    """The second line of defence: each sentence is looked at when an answer is composed."""
    shelf = assistant.voices["en"].follower.shelf
    shelf.change(poisoned(), by="mallory")
    assistant.follow()
    for number, document in enumerate(poisoned()[::10]):
        reply = assistant.reply(f"c{number}", document.text.partition(" Help\n")[0], at=NOW)
        assert not any(mark in reply.text for mark in MARKS)

"""Which items tell one story: reprints and rewrites do, the same words about something else do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kits.sentiment.config import StoryConfig
from kits.sentiment.item import Item
from kits.sentiment.story.book import Assignment, Member, StoryBook

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

ONE_STORY = [
    ("Norvik mine halts after fire", "NORVIK MINE HALTS AFTER FIRE!"),
    ("Norvik mine halts after fire", "UPDATE 2-Norvik mine halts after fire"),
    ("Norvik mine halts after fire", "Norvik mine halts after fire - Harbour Wire"),
    ("Regulator fines Aldgate Bank over data leak", "Aldgate Bank fined by regulator over data leak"),
    ("Pilots strike grounds 300 flights of Aerolis", "Aerolis cancels 300 flights as pilots strike"),
    ("Castwell shares tumble after profit warning", "Castwell shares tumble 9 % after profit warning"),
    ("央行下调存款准备金率0.5个百分点", "快讯：央行下调存款准备金率０．５个百分点"),
    ("华信银行因数据泄露被罚款1200万元", "因数据泄露 华信银行被罚款1200万元"),
    ("北辰能源第一季度净利润增长百分之八", "【财报】北辰能源第一季度净利润增长百分之八"),
]
TWO_STORIES = [
    ("Castwell warns on profit as demand weakens", "Denholm warns on profit as demand weakens"),
    ("Castwell posts first quarter loss on weak demand", "Castwell posts second quarter loss on weak demand"),
    ("Oil falls 2 % on supply worries", "Oil falls 7 % on supply worries"),
    ("Regulator fines Aldgate Bank over data leak", "Regulator fines Aldgate Bank for money laundering lapses"),
    ("Norvik mine halts after fire", "Aerolis orders twenty new aircraft"),
    ("北辰能源第一季度净利润增长8%", "北辰能源第二季度净利润增长8%"),
    ("华信银行因数据泄露被罚款1200万元", "中原银行因数据泄露被罚款1200万元"),
    ("沪指收盘下跌1.2%", "沪指收盘下跌3.4%"),
]


def make(titles: Sequence[str], minutes: Sequence[float] | None = None) -> list[Item]:
    """Items with these headlines, a minute apart or at some minutes after noon."""
    times = [NOON + timedelta(minutes=m) for m in (minutes or range(len(titles)))]
    return [
        Item(f"k{number:03}", "f", "s", title, "", None, None, "en", at, None, at)
        for number, (title, at) in enumerate(zip(titles, times, strict=True))
    ]


def stories(items: Sequence[Item], cuts: Sequence[int] = (), vectors: np.ndarray | None = None) -> list[Assignment]:
    book = StoryBook(StoryConfig())
    found: list[Assignment] = []
    for start, stop in zip([0, *cuts], [*cuts, len(items)], strict=True):
        found += book.assign(items[start:stop], None if vectors is None else vectors[start:stop])
    return found


def partition(items: Sequence[Item], found: Sequence[Assignment]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for item, assignment in zip(items, found, strict=True):
        groups.setdefault(assignment.story, set()).add(item.title)
    return {frozenset(group) for group in groups.values()}


@pytest.mark.parametrize(("one", "other"), ONE_STORY)
def test_reprint_or_rewrite_joins_whichever_came_first(one: str, other: str) -> None:
    for titles in ((one, other), (other, one)):
        first, second = stories(make(titles))
        assert (first.is_new, second.is_new, second.story) == (True, False, "k000"), second


@pytest.mark.parametrize(("one", "other"), TWO_STORIES)
def test_same_words_about_something_else_stay_two_stories(one: str, other: str) -> None:
    for titles in ((one, other), (other, one)):
        assert [found.story for found in stories(make(titles))] == ["k000", "k001"]


def test_what_decided_is_said() -> None:
    title = "Regulator fines Aldgate Bank 12 million over data leak"
    found = stories(make([title, title, title.replace("data", "customer data"), "Aerolis orders aircraft"]))
    assert [one.by for one in found] == ["new", "same", "words", "new"]
    assert found[1].similarity == 1.0
    assert 0.5 <= found[2].similarity < 1.0


def test_vectors_of_a_model_join_only_what_also_shares_words() -> None:
    titles = ["Pilots strike grounds Aerolis flights", "Aerolis flights: pilots strike grounds", "Castwell grows"]
    same = np.tile(np.eye(1, 8, dtype=np.float32), (3, 1))
    assert [found.story for found in stories(make(titles), vectors=same)] == ["k000", "k000", "k002"]


def test_body_tells_headlines_apart_that_say_nothing() -> None:
    bodies = ("Norvik halts its largest mine after a fire in the main shaft", "Aerolis has ordered twenty aircraft")
    at = NOON
    items = [Item(f"k{n}", "f", "s", "Company news", b, None, None, "en", at, None, at) for n, b in enumerate(bodies)]
    assert [found.story for found in stories(items)] == ["k0", "k1"]


def test_same_headline_much_later_is_another_story() -> None:
    hours = StoryConfig().hours
    title = "Norvik mine halts after fire"
    near, far = stories(make([title, title], [0, 60 * hours - 1])), stories(make([title, title], [0, 60 * hours + 1]))
    assert (near[1].is_new, far[1].is_new) == (False, True)


def test_story_that_goes_on_being_printed_stays_open() -> None:
    title = "Norvik mine halts after fire"
    found = stories(make([title] * 4, [0, 60 * 50, 60 * 100, 60 * 150]))
    assert {one.story for one in found} == {"k000"}


def test_what_was_forgotten_is_found_no_more() -> None:
    book = StoryBook(StoryConfig())
    items = make(["Norvik mine halts after fire"] * 2)
    book.assign(items[:1], None)
    assert book.forget(NOON + timedelta(hours=StoryConfig().hours, minutes=1)) == 1
    assert book.assign(items[1:], None)[0].is_new


CLEAR = (  # groups far from each other, whose members are all alike
    ("Norvik mine halts after fire", "NORVIK MINE HALTS AFTER FIRE", "UPDATE 1-Norvik mine halts after fire"),
    ("Aerolis orders twenty new aircraft", "Aerolis orders twenty new aircraft."),
    ("央行下调存款准备金率0.5个百分点", "快讯：央行下调存款准备金率0.5个百分点"),
    ("Castwell warns on profit", "CASTWELL WARNS ON PROFIT"),
    ("Denholm warns on profit",),
)
TITLES = [title for group in CLEAR for title in group]


@settings(max_examples=30)
@given(st.permutations(TITLES))
def test_clear_stories_are_the_same_in_any_order(titles: list[str]) -> None:
    items = make(titles)
    assert partition(items, stories(items)) == {frozenset(group) for group in CLEAR}


MIXED = [title for pair in (*ONE_STORY, *TWO_STORIES) for title in pair]


@settings(max_examples=30)
@given(st.permutations(MIXED), st.sets(st.integers(1, len(MIXED) - 1), max_size=6))
def test_batches_and_a_restart_make_no_difference(titles: list[str], cuts: set[int]) -> None:
    items = make(titles)
    whole = stories(items)
    assert stories(items, sorted(cuts)) == whole
    half = len(items) // 2
    book = StoryBook(StoryConfig())
    book.restore(Member(item, found.story, None) for item, found in zip(items[:half], whole[:half], strict=True))
    assert book.assign(items[half:], None) == whole[half:]

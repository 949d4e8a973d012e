"""Learning: what is proposed, how two models are compared, and when one is promoted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import DataError
from core.store.database import reading
from kits.support.assistant.talk import Assistant
from kits.support.learn.compare import compare
from kits.support.learn.propose import propose, read_accepted, write_proposals
from kits.support.view.figures import cluster_texts, read_figures

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=1)


def test_corrections_and_unanswered_questions_are_proposed_without_personal_data(
    assistant: Assistant, tmp_path: Path
) -> None:
    wrong = assistant.reply("c1", "my card of ann@example.com is lost")
    assert wrong.turn is not None
    assistant.store.judge(wrong.turn, "down", "helga", NOW, intent="card_stolen")
    for number, text in enumerate(("a joke on gold bars", "a joke on gold bars please", "a joke on penguins")):
        assistant.reply(f"d{number}", text)
        assistant.reply(f"d{number}", text)
    reader = assistant.voices["en"].reader
    found = propose(assistant.store, reader, LONG_AGO, "en")
    assert (found[0].source, found[0].intent) == ("corrected", "card_stolen")
    assert "ann@example.com" not in found[0].text
    gold = next(one for one in found if "gold" in one.text)
    assert (gold.source, gold.intent, gold.cluster) == ("unanswered", "", 1)
    file = tmp_path / "work" / "proposals.csv"
    write_proposals(file, found)
    assert read_accepted(file) == [(found[0].text, "card_stolen")]
    with pytest.raises(DataError, match="cannot be read"):
        read_accepted(tmp_path / "none.csv")
    assert propose(assistant.store, reader, LONG_AGO, "zh") == []


ROWS = [("a", "x")] * 10 + [("b", "y")] * 10
RIGHT = [intent for _, intent in ROWS]


def test_candidate_that_is_better_has_no_objection() -> None:
    live = ["y", *RIGHT[1:]]
    found = compare(ROWS, live, RIGHT, {"s": (False, True), "t": (True, True)})
    assert (found.live, found.candidate, found.won_stories, found.objections) == (0.95, 1.0, ("s",), [])
    assert [(change.kind, change.truth) for change in found.changes] == [("better", "x")]


@pytest.mark.parametrize(
    ("candidate", "passed", "words"),
    [
        (["y", *RIGHT[1:]], {}, "right on the fixed test"),
        (RIGHT, {"s": (True, False)}, "the conversation s goes wrong"),
        (["y", "y", *RIGHT[2:]], {}, "the intent x is found less often"),
    ],
)
def test_what_got_worse_is_an_objection(candidate: list[str], passed: dict[str, tuple[bool, bool]], words: str) -> None:
    assert any(words in objection for objection in compare(ROWS, RIGHT, candidate, passed).objections)


def test_one_intent_may_not_pay_for_another() -> None:
    live = [*RIGHT[:10], *(["x"] * 5), *RIGHT[15:]]
    candidate = ["y", "y", *RIGHT[2:]]
    found = compare(ROWS, live, candidate, {})
    assert found.candidate > found.live
    assert found.objections == ["the intent x is found less often"]


def test_alike_texts_are_one_cluster_and_figures_leave_rehearsals_out(assistant: Assistant) -> None:
    clusters = cluster_texts(["sell gold bars", "gold bars to sell", "branch in Rome"])
    assert [cluster.count for cluster in clusters] == [2, 1]
    assistant.reply("c1", "I lost my card ending 4417", channel="page")
    assistant.reply("c2", "I want to speak to a real person", channel="page")
    assistant.reply("c3", "good morning", channel="test")
    with reading(assistant.store.engine) as connection:
        figures = read_figures(connection, "main", LONG_AGO)
    assert (figures.conversations, figures.answered, figures.handed_over) == (2, 0.5, 0.5)
    assert figures.reasons == {"requested": 1}

"""Past conversations become pairs that a person reviews, and what was kept becomes an FAQ."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core.data.table import read_table, write_rows
from kits.support.config import SupportConfig
from kits.support.mine.pair import mine_pairs, strip_courtesy, tell_outcome
from kits.support.mine.review import COLUMNS, mine
from kits.support.source.faq import load_faq
from kits.support.source.transcript import Conversation, Turn, load_transcripts
from tests.kits.support.command import SAMPLE, call, succeed


def talk(*texts: str, name: str = "c") -> Conversation:
    """A conversation in which customer and agent speak in turn."""
    speakers = ("customer", "agent")
    return Conversation(
        name,
        tuple(Turn(speakers[i % 2], text, None, f"{name}:{i}") for i, text in enumerate(texts)),  # type: ignore[arg-type]
    )


def read_key() -> dict[str, dict[str, str]]:
    with (SAMPLE / "transcripts_key.csv").open(encoding="utf-8", newline="") as stream:
        return {row["conversation"]: row for row in csv.DictReader(stream)}


def test_question_goes_with_the_answer_and_what_was_asked_back_between() -> None:
    (first, second) = mine_pairs(
        [
            talk(
                "my card is gone", "Hello, Jana here. Which card is it?", "the blue one",
                "Please block it in the app under Cards.", "and what does a new one cost", "A new card costs €6.",
                "thanks", "You're welcome.",
            )
        ]
    )  # fmt: skip
    assert (first.question, first.answer) == (
        "my card is gone the blue one", "Please block it in the app under Cards.",
    )  # fmt: skip
    assert (second.question, second.answer) == ("and what does a new one cost", "A new card costs €6.")
    assert (first.is_first, second.is_first) == (True, False)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Hello, this is Milo. A transfer takes 10 seconds.", "A transfer takes 10 seconds."),
        ("Good morning, Okan here. You're welcome. Goodbye!", ""),
        ("您好，我是小李。转账10秒到账。再见！", "转账10秒到账。"),
    ],
)
def test_courtesy_is_no_part_of_an_answer(said: str, left: str) -> None:
    assert strip_courtesy(said).replace("我是小李。", "") == left


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        (("where is it", "It comes tomorrow.", "great, thanks"), "resolved"),
        (("where is it", "I hand you over to our card team.", "ok"), "handed_over"),
        (("where is it", "I do not know.", "this is useless"), "unresolved"),
        (("where is it", "I do not know.", "and when will you know?"), "unresolved"),
        (("where is it",), "unresolved"),
    ],
)
def test_outcome_is_told_by_what_was_said(texts: tuple[str, ...], outcome: str) -> None:
    assert tell_outcome(talk(*texts)) == outcome


def test_answer_with_another_figure_is_remarked_and_not_the_one_to_keep() -> None:
    said = [
        talk(
            "how long may i dispute", f"A dispute is possible within {days} days after the payment.", "ok", name=str(i)
        )
        for i, days in enumerate([120, 120, 120, 90, 120])
    ]
    _, rows = mine(said, SupportConfig())
    assert len(rows) == 1
    assert "120 days" in rows[0]["answer"]
    assert "90 where 4 others have 120" in rows[0]["remarks"]
    assert (rows[0]["keep"], rows[0]["conversations"]) == ("yes", 5)


def test_sample_is_mined_well(tmp_path: Path) -> None:
    conversations = load_transcripts([str(SAMPLE / "transcripts.jsonl")]).items
    key = read_key()
    right = sum(tell_outcome(c) == key[c.id]["outcome"] for c in conversations)
    assert right / len(conversations) > 0.85
    mined, rows = mine(conversations, SupportConfig())
    assert {pair.conversation for pair in mined} == set(key)
    assert set(rows[0]) == set(COLUMNS)
    assert sum(row["keep"] == "yes" for row in rows) >= 10


def test_review_file_becomes_an_faq_that_the_kit_reads(tmp_path: Path) -> None:
    review = tmp_path / "review.csv"
    done = succeed("mine", "--data", SAMPLE / "transcripts.jsonl", "--out", review, "--json")
    assert done.result["templates"] == len(read_table(str(review)).rows)
    rows = [dict(row.values) for row in read_table(str(review)).rows]
    for row in rows:
        row["keep"] = "no"
    rows[0] |= {"keep": "yes", "answer": "Edited by a person.", "other_questions": "One? | Two?"}
    write_rows(str(review), rows)
    succeed("mine", "--review", review, "--out", tmp_path / "faq.csv")
    entries = load_faq([str(tmp_path / "faq.csv")]).items
    assert [entry.answer for entry in entries] == ["Edited by a person."] * 3
    assert [entry.question for entry in entries[1:]] == ["One?", "Two?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep,question,answer\nmaybe,a,b\n", "keep is 'maybe'"),
        ("keep,question,answer\nyes,a,\n", "kept without an answer"),
        ("keep,question,answer\nno,a,b\n", "no row is kept"),
        ("question,answer\na,b\n", "no column keep"),
    ],
)
def test_faulty_review_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    review = tmp_path / "review.csv"
    review.write_text(text, encoding="utf-8")
    done = call("mine", "--review", review, "--out", tmp_path / "faq.csv")
    assert done.code == 2
    assert message in done.error


def test_mine_wants_transcripts_or_a_review() -> None:
    assert call("mine").code == 2

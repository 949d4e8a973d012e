"""FAQ, transcripts and Rasa files: every row is used or reported with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from core.config import DataConfig
from core.data.row import Rejected
from core.errors import DataError
from kits.support.config import read_config
from kits.support.data import load
from kits.support.source.faq import load_faq
from kits.support.source.rasa import is_rasa, read_rasa, strip_entities
from kits.support.source.transcript import load_transcripts

SAMPLE = Path(__file__).parents[4] / "sample_data" / "support"
NLU = """\
version: "3.1"
nlu:
- intent: card_lost
  examples: |
    - my card is gone
    - I lost my [blue](colour) card [yesterday]{"entity": "day", "role": "when"}
- intent: greeting
  examples:
    - text: |
        hello there
    - good morning
- intent: empty
- synonym: credit
  examples: |
    - cc
- regex: zip
  examples: |
    - \\d{5}
- lookup: city
  examples: |
    - Berlin
"""


def write(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_sample_faq_is_read_whole_with_dates_and_audiences() -> None:
    loaded = load_faq([str(SAMPLE / "faq.csv"), str(SAMPLE / "faq_zh.csv")])
    assert loaded.rejected == []
    assert len(loaded.items) == 143
    by_id = {entry.id: entry for entry in loaded.items}
    old = by_id["lost-card-cost-2025"]
    assert (old.valid_from, old.valid_until, old.audience) == (date(2024, 1, 1), date(2025, 12, 31), "private")
    assert old.holds(date(2025, 12, 31))
    assert not old.holds(date(2026, 1, 1))
    assert {entry.locale for entry in loaded.items} == {"en", "zh"}


def test_faulty_faq_rows_are_reported_with_their_place(tmp_path: Path) -> None:
    rows = "a,What?,That.,,\na,Again?,This.,,\nb,,x,,\nc,Q?,A.,2026-02-01,2026-01-01\nd,Q?,A.,5/3/26,\n"
    source = write(tmp_path / "faq.csv", "id,question,answer,valid_from,valid_until\n" + rows)
    loaded = load_faq([source])
    assert [entry.id for entry in loaded.items] == ["a"]
    assert [(r.place.rpartition(":")[2], r.reason.split(" ")[0]) for r in loaded.rejected] == [
        ("3", "the"), ("4", "no"), ("5", "it"), ("6", "column"),
    ]  # fmt: skip


def test_faq_columns_may_have_other_names_and_ids_are_made_where_there_are_none(tmp_path: Path) -> None:
    source = write(tmp_path / "faq.csv", "Frage,answer\n怎么挂失？,打电话。\n")
    with pytest.raises(DataError, match="--map question=COLUMN"):
        load_faq([source])
    (entry,) = load_faq([source], DataConfig(map={"question": "Frage"})).items
    assert (entry.locale, entry.id) == ("zh", load_faq([source], DataConfig(map={"question": "Frage"})).items[0].id)


def test_same_question_may_have_several_answers_where_there_are_no_ids(tmp_path: Path) -> None:
    rows = "Which papers?,A passport.\nWhich papers?,A deed.\nWhich papers?,A passport.\n"
    loaded = load_faq([write(tmp_path / "faq.csv", f"question,answer\n{rows}")])
    assert [entry.answer for entry in loaded.items] == ["A passport.", "A deed."]
    assert len({entry.id for entry in loaded.items}) == 2
    (alone,) = load_faq([write(tmp_path / "one.csv", "question,answer\nWhich papers?,A licence.\n")]).items
    assert alone.id == loaded.items[0].id, "one question, one id, whatever its answer is today"
    (rejected,) = loaded.rejected
    assert rejected.reason.startswith("the same question and answer stand already at")
    assert rejected.reason.endswith("faq.csv:2")


def test_sample_transcripts_are_read_in_order() -> None:
    loaded = load_transcripts([str(SAMPLE / "transcripts.jsonl")])
    assert loaded.rejected == []
    assert len(loaded.items) == 99
    assert {turn.speaker for c in loaded.items for turn in c.turns} == {"customer", "agent"}
    for conversation in loaded.items:
        times = [turn.at for turn in conversation.turns if turn.at]
        assert times == sorted(times)


def test_turns_without_a_known_speaker_are_reported_and_words_can_be_mapped(tmp_path: Path) -> None:
    source = write(tmp_path / "t.csv", "session,role,message\n1,client,hi\n1,Kundin,hallo\n1,agent,\n2,bot,yes\n")
    loaded = load_transcripts([source])
    assert [(c.id, len(c.turns)) for c in loaded.items] == [("1", 1), ("2", 1)]
    assert [r.reason.split(",")[0] for r in loaded.rejected] == ["unknown speaker 'Kundin'", "no text"]
    mapped = load_transcripts([source], DataConfig(label={"Kundin": "customer"}))
    assert [(c.id, len(c.turns)) for c in mapped.items] == [("1", 2), ("2", 1)]


def test_rasa_examples_lose_their_annotations_and_keep_their_lines(tmp_path: Path, caplog: object) -> None:
    source = write(tmp_path / "nlu.yml", NLU)
    assert is_rasa(source)
    assert is_rasa(str(tmp_path))
    rows = list(read_rasa(source))
    assert [row for row in rows if not isinstance(row, Rejected)] == [
        ("my card is gone", "card_lost", f"{source}:5"),
        ("I lost my blue card yesterday", "card_lost", f"{source}:6"),
        ("hello there", "greeting", f"{source}:9"),
        ("good morning", "greeting", f"{source}:11"),
    ]
    assert [row for row in rows if isinstance(row, Rejected)] == [Rejected(f"{source}:12", "no examples of empty")]


def test_rasa_files_and_tables_are_trained_on_together(tmp_path: Path) -> None:
    yml = write(tmp_path / "nlu.yml", NLU)
    table = write(tmp_path / "more.csv", "text,intent\nbye,goodbye\n")
    corpus = load(read_config(data=[yml, table], label=["greeting=hello"]))
    assert [e.labels["intent"] for e in corpus.examples] == ["goodbye", "card_lost", "card_lost", "hello", "hello"]
    assert len(corpus.rejected) == 1
    assert len(load(read_config(data=[yml])).examples) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nlu: [", "not valid YAML"),
        ("- a\n- b\n", "a list under nlu:"),
        ("nlu: 3\n", "a list under nlu:"),
        ("x: !!python/object/apply:os.system [ls]\n", "a list under nlu:"),
    ],
)
def test_what_is_no_rasa_file_is_refused_and_makes_no_object(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_rasa(write(tmp_path / "nlu.yml", text)))


def test_only_annotations_are_stripped() -> None:
    assert strip_entities("is [this] (really) free [x](y)?") == "is [this] (really) free x?"

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.config import DataConfig
from core.data import load
from core.data.columns import Column
from core.data.example import Example, Task
from core.data.load import TaskSpec, build_tasks, has_labels, load_corpus
from core.data.row import Rejected
from core.errors import DataError

COLUMNS = (
    Column("text", "text", "What is read", ("body",)),
    Column("mood", "label", "How it sounds", ("sentiment",)),
    Column("topics", "labels", "What it is about", ()),
)
SPECS = (TaskSpec("mood", "single", ("bad", "good")), TaskSpec("topics", "multi"))


def make(record: dict[str, Any], place: str, source: str) -> Example | Rejected:
    if not record.get("text"):
        return Rejected(place, "no text")
    labels = {name: record[name] for name in ("mood", "topics") if record.get(name) is not None}
    return Example(record["text"], labels=labels, place=place, source=source)


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user was told."""
    lines: list[str] = []
    monkeypatch.setattr(load, "say", lines.append)
    return lines


def test_rows_become_examples_that_know_their_place_and_source(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", "text,mood\nUp,good\nDown,bad\n")
    corpus = load_corpus(DataConfig(sources=(source,)), COLUMNS, make)
    assert [(e.text, e.labels, e.place, e.source) for e in corpus.examples] == [
        ("Up", {"mood": "good"}, f"{source}:2", source),
        ("Down", {"mood": "bad"}, f"{source}:3", source),
    ]
    assert corpus.columns == {source: {"text": "text", "mood": "mood"}}


def test_every_rejected_row_is_kept_and_told_with_place_and_reason(tmp_path: Path, said: list[str]) -> None:
    source = write(tmp_path, "a.csv", "text,mood\nUp,good\n,bad\nDown,bad,extra\n" + ",good\n" * 5)
    corpus = load_corpus(DataConfig(sources=(source,)), COLUMNS, make)
    assert len(corpus.examples) == 1
    assert len(corpus.rejected) == 7
    assert said[0] == "7 of 8 rows cannot be used:"
    assert f"no text ({source}:3, {source}:5, {source}:6 and 3 more)" in said[1]


def test_no_source_and_no_usable_row_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data: no data given"):
        load_corpus(DataConfig(), COLUMNS, make)
    source = write(tmp_path, "a.csv", "text,mood\n,good\n,bad\n")
    with pytest.raises(DataError, match=r"2 were rejected, such as .*a\.csv:2: no text"):
        load_corpus(DataConfig(sources=(source,)), COLUMNS, make)


def test_column_map_label_map_and_separator_are_applied(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", "Message,feel,topics\nUp,bullish,oil/steel\n")
    config = DataConfig(
        sources=(source,), map={"text": "Message", "mood": "feel"}, label={"bullish": "good"}, separator="/"
    )
    (example,) = load_corpus(config, COLUMNS, make).examples
    assert (example.text, example.labels) == ("Up", {"mood": "good", "topics": ("oil", "steel")})


def test_map_may_name_columns_of_one_source_alone_but_not_of_none(tmp_path: Path) -> None:
    sources = (write(tmp_path, "a.csv", "Message,mood\nUp,good\n"), write(tmp_path, "b.csv", "text,topics\nDown,oil\n"))
    corpus = load_corpus(DataConfig(sources=sources, map={"text": "Message"}), COLUMNS, make)
    assert [e.text for e in corpus.examples] == ["Up", "Down"]
    with pytest.raises(DataError, match="mood=Feeling"):
        load_corpus(DataConfig(sources=sources, map={"mood": "Feeling"}), COLUMNS, make)


def test_redaction_reaches_the_examples(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", "text,mood\nWrite to jo@example.com,good\n")
    (example,) = load_corpus(DataConfig(sources=(source,), redact=True), COLUMNS, make).examples
    assert "jo@example.com" not in example.text


def test_columns_that_only_later_json_rows_have_are_found(tmp_path: Path) -> None:
    source = write(tmp_path, "a.jsonl", '{"text": "Up"}\n{"text": "Down", "mood": "bad"}\n')
    assert load_corpus(DataConfig(sources=(source,)), COLUMNS, make).examples[1].labels == {"mood": "bad"}


def test_labels_stand_in_the_order_the_kit_asks_then_by_name() -> None:
    examples = [Example("x", labels={"mood": mood}) for mood in ("good", "ugly", "bad", "calm")]
    tasks, left_out = build_tasks(examples, SPECS, 1)
    assert tasks == (Task("mood", "single", ("bad", "good", "calm", "ugly")),)
    assert left_out == {}


def test_task_may_have_one_label_if_a_row_may_have_none() -> None:
    tasks, _ = build_tasks([Example("x", labels={"topics": ("oil",)})] * 3, SPECS, 3)
    assert tasks == (Task("topics", "multi", ("oil",)),)


def test_row_that_has_none_of_the_topics_is_labelled_one_without_the_column_is_not() -> None:
    assert has_labels(Example("x", labels={"topics": ()}), SPECS)
    assert not has_labels(Example("x"), SPECS)

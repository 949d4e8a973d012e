"""The support sample: enough, varied, consistent with its fact sheet, and honest to test on."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections import Counter
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from core.data.duplicates import find_near, find_shared, group_same
from core.data.example import Example
from core.data.table import read_table
from core.predict.zeroshot import read_descriptions
from tests.support_facts import Fact, find_figures, find_unexplained, read_facts, read_page, split_sentences

SAMPLE = Path(__file__).parents[1] / "sample_data" / "support"
SMALL_TALK = {"greeting", "thanks", "goodbye", "who_are_you"}
BUILT_IN = {"card_ending", "account_ending", "date", "amount", "name"}
OUT_OF_SCOPE = "oos"
AUDIENCES = {"any", "private", "business"}
ACTIONS = {"answer", "clarify", "ask_slot", "hand_over", "close"}
EXPECTED = {
    "user", "action", "silent", "intent", "slots", "asks", "options", "reason", "cites", "says", "says_not",
}  # fmt: skip
SLOT = re.compile(r"\{(\w+)\}")


class Utterances(NamedTuple):
    """What a file of utterances must hold; an opening is so many first words, or characters in Chinese."""

    intents: int
    rows_each: int
    out_of_scope: int
    several: int
    opening: int


UTTERANCES = {
    "train.csv": Utterances(30, 30, 120, 60, 3),
    "test.csv": Utterances(30, 8, 60, 10, 3),
    "train_zh.csv": Utterances(12, 30, 60, 20, 4),
    "test_zh.csv": Utterances(12, 8, 24, 6, 4),
}
LANGUAGES = {"en": "", "zh": "_zh"}


def read_rows(name: str) -> list[dict[str, str]]:
    table = read_table(str(SAMPLE / name))
    assert table.rejected == []
    return [{key: str(value or "") for key, value in row.values.items()} for row in table.rows]


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((SAMPLE / name).read_text(encoding="utf-8"))


def read_transcripts() -> dict[str, list[dict[str, str]]]:
    turns: dict[str, list[dict[str, str]]] = {}
    for line in (SAMPLE / "transcripts.jsonl").read_text(encoding="utf-8").splitlines():
        turn = json.loads(line)
        turns.setdefault(turn["conversation"], []).append(turn)
    return turns


def read_key() -> dict[str, dict[str, str]]:
    with (SAMPLE / "transcripts_key.csv").open(encoding="utf-8", newline="") as stream:
        return {row["conversation"]: row for row in csv.DictReader(stream)}


def read_conversations(suffix: str) -> tuple[list[dict[str, Any]], datetime]:
    content = yaml.safe_load((SAMPLE / f"conversations{suffix}.yaml").read_text(encoding="utf-8"))
    return content["conversations"], content["now"]


def examples(texts: list[str]) -> list[Example]:
    return [Example(text, None, {}, f"{row}", None, None, "") for row, text in enumerate(texts)]


def find_wrong_figures(text: str, about: str, facts: list[Fact]) -> list[tuple[str, object]]:
    return [
        (statement.text, wrong)
        for statement in split_sentences(text, about)
        if (wrong := find_unexplained(statement, facts))
    ]


def is_valid(entry: dict[str, str], day: date) -> bool:
    return entry["valid_from"] <= day.isoformat() <= (entry["valid_until"] or "9999-12-31")


@pytest.mark.parametrize("name", UTTERANCES)
def test_enough_utterances_of_every_intent(name: str) -> None:
    expected = UTTERANCES[name]
    counts = Counter(row["intent"] for row in read_rows(name))
    several = {intent: count for intent, count in counts.items() if ";" in intent}
    assert counts.pop(OUT_OF_SCOPE) >= expected.out_of_scope
    single = {intent: count for intent, count in counts.items() if intent not in several}
    assert len(single) >= expected.intents
    assert min(single.values()) >= expected.rows_each
    assert sum(several.values()) >= expected.several
    assert {part for intent in several for part in intent.split(";")} <= single.keys()
    assert all(len(set(intent.split(";"))) > 1 for intent in several)


@pytest.mark.parametrize("name", UTTERANCES)
def test_utterances_come_from_no_template(name: str) -> None:
    size = UTTERANCES[name].opening
    texts = [row["text"].casefold() for row in read_rows(name)]
    starts = [text[:size] if "_zh" in name else " ".join(text.split()[:size]) for text in texts]
    assert len(set(starts)) / len(starts) > 0.8


@pytest.mark.parametrize(("train", "test"), [("train.csv", "test.csv"), ("train_zh.csv", "test_zh.csv")])
def test_no_utterance_stands_twice_even_nearly(train: str, test: str) -> None:
    suffix = "_zh" if "_zh" in train else ""
    stories = [
        turn["user"] for story in read_conversations(suffix)[0] for turn in story["turns"] if "user" in turn
    ]
    questions = sorted({row["question"] for row in read_rows(f"faq{suffix}.csv")})
    seen, unseen = (examples([row["text"] for row in read_rows(name)]) for name in (train, test))
    for rows in (seen, unseen):
        assert group_same(rows) == []
        assert find_near(rows) == []
    for others in (unseen, examples(questions), examples(stories)):
        assert find_shared(others, seen) == []
        assert find_near(seen, others) == []
    for others in (examples(questions), examples(stories)):
        assert find_shared(others, unseen) == []
        assert find_near(unseen, others) == []


def test_customers_in_transcripts_say_nothing_of_the_utterances() -> None:
    said = [turn["text"] for turns in read_transcripts().values() for turn in turns if turn["speaker"] == "customer"]
    long = examples([text for text in said if len(text.split()) > 3])
    for name in ("train.csv", "test.csv"):
        rows = examples([row["text"] for row in read_rows(name)])
        assert find_shared(long, rows) == []
        assert find_near(rows, long) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_is_described_answered_and_in_the_faq(language: str) -> None:
    suffix = LANGUAGES[language]
    described = read_descriptions(SAMPLE / f"intents{suffix}.toml").keys()
    labels = {part for row in read_rows(f"train{suffix}.csv") for part in row["intent"].split(";")}
    tested = {part for row in read_rows(f"test{suffix}.csv") for part in row["intent"].split(";")}
    assert labels == tested == described | {OUT_OF_SCOPE}
    assert read_toml(f"responses{suffix}.toml").keys() == described
    asked = {row["intent"] for row in read_rows(f"faq{suffix}.csv")}
    assert asked == described - SMALL_TALK


@pytest.mark.parametrize("language", LANGUAGES)
def test_responses_name_known_slots_sources_and_figures(language: str) -> None:
    slots, facts = read_toml("slots.toml"), read_facts(SAMPLE / "facts.toml", language)
    for intent, response in read_toml(f"responses{LANGUAGES[language]}.toml").items():
        variants = response.keys() & AUDIENCES
        assert variants in ({"any"}, {"private", "business"}), intent
        assert response["action"] in {"answer", "hand_over", "close"}
        sources = response.get("source", [])
        for page in [sources] if isinstance(sources, str) else sources.values() if sources else []:
            assert (SAMPLE / page).is_file()
        assert bool(sources) or intent in SMALL_TALK
        for audience in variants:
            named = set(SLOT.findall(response[audience]))
            assert set(response["required"]) <= named <= slots.keys(), intent
            assert find_wrong_figures(response[audience], f"{intent} {audience}", facts) == []


@pytest.mark.parametrize("suffix", LANGUAGES.values())
def test_answers_keep_their_sense_without_their_optional_sentence(suffix: str) -> None:
    for intent, response in read_toml(f"responses{suffix}.toml").items():
        for audience in response.keys() & AUDIENCES:
            sentences = [statement.text for statement in split_sentences(response[audience])]
            optional = [text for text in sentences if not set(SLOT.findall(text)) <= set(response["required"])]
            assert len(optional) <= 1, (intent, audience)
            assert len(sentences) - len(optional) >= 1, (intent, audience)


def test_slots_are_well_formed() -> None:
    for name, slot in read_toml("slots.toml").items():
        assert slot["kind"] in BUILT_IN | {"pattern", "gazetteer"}
        assert slot["about"]
        assert slot["ask"].endswith(("?", "."))
        assert slot["ask_zh"]
        if slot["kind"] == "pattern":
            assert re.compile(slot["pattern"])
        if slot["kind"] == "gazetteer":
            words = Counter(word.casefold() for values in slot["values"].values() for word in values)
            assert max(words.values()) == 1, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_faq_entries_have_ids_dates_and_never_two_valid_answers(language: str) -> None:
    rows, today = read_rows(f"faq{LANGUAGES[language]}.csv"), read_toml("facts.toml")["as_of"]
    assert len(rows) >= {"en": 60, "zh": 30}[language]
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert {row["locale"] for row in rows} == {language}
    assert {row["audience"] for row in rows} == AUDIENCES
    assert all(date.fromisoformat(row["valid_from"]) for row in rows)
    periods: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        periods.setdefault((row["question"], row["audience"]), []).append(
            (row["valid_from"], row["valid_until"] or "9999-12-31")
        )
    for spans in map(sorted, periods.values()):
        assert all(first <= last for first, last in spans)
        assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))
    assert any(row["valid_until"] and row["valid_until"] < today.isoformat() for row in rows)
    assert any(row["valid_from"] > today.isoformat() for row in rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_valid_faq_agrees_with_the_facts_and_expired_entries_do_not(language: str) -> None:
    facts, today = read_facts(SAMPLE / "facts.toml", language), read_toml("facts.toml")["as_of"]
    for row in read_rows(f"faq{LANGUAGES[language]}.csv"):
        wrong = find_wrong_figures(row["answer"], row["question"], facts)
        if is_valid(row, today):
            assert wrong == [], row["id"]
        elif row["valid_until"]:
            assert wrong, row["id"]


@pytest.mark.parametrize(("folder", "language", "pages"), [("knowledge", "en", 15), ("knowledge_zh", "zh", 6)])
def test_pages_are_long_enough_of_all_kinds_and_agree_with_the_facts(folder: str, language: str, pages: int) -> None:
    files, facts = sorted((SAMPLE / folder).iterdir()), read_facts(SAMPLE / "facts.toml", language)
    assert len(files) >= pages
    assert {file.suffix for file in files} == {".md", ".html", ".txt"}
    for file in files:
        text = file.read_text(encoding="utf-8")
        size = len(re.findall("[\u4e00-\u9fff]", text)) / 1.6 if language == "zh" else len(text.split())
        assert 300 <= size <= 900, file.name
        assert [(line.text, bad) for line in read_page(file) if (bad := find_unexplained(line, facts))] == []
        links = re.findall(r'\]\(([^)]+)\)|href="([^"/][^"]*)"', text)
        assert all((file.parent / (one or other)).is_file() for one, other in links), file.name


def test_every_fact_is_stated_on_some_page() -> None:
    lines = [line for file in (SAMPLE / "knowledge").iterdir() for line in read_page(file)]
    for fact in read_facts(SAMPLE / "facts.toml"):
        stated = [find_figures(line.text) for line in lines if fact.words.search(line.context)]
        assert fact.figures <= frozenset().union(*stated), fact.name


def test_transcripts_have_turns_in_order_and_a_key() -> None:
    conversations, key = read_transcripts(), read_key()
    assert len(conversations) >= 80
    assert list(conversations) == list(key)
    intents = read_toml("intents.toml").keys() | {OUT_OF_SCOPE}
    assert {part for row in key.values() for part in row["intent"].split(";")} <= intents
    assert {row["outcome"] for row in key.values()} == {"resolved", "unresolved", "handed_over"}
    assert {row["audience"] for row in key.values()} == {"private", "business"}
    for name, turns in conversations.items():
        assert 4 <= len(turns) <= 14, name
        assert turns[0]["speaker"] == "customer"
        assert {turn["speaker"] for turn in turns} == {"customer", "agent"}
        times = [datetime.fromisoformat(turn["at"]) for turn in turns]
        assert all(time.tzinfo is not None for time in times)
        assert all(earlier < later for earlier, later in pairwise(times)), name


def test_agents_state_wrong_figures_exactly_where_the_key_says_so() -> None:
    facts, key = read_facts(SAMPLE / "facts.toml"), read_key()
    found = set()
    for name, turns in read_transcripts().items():
        about = f"{key[name]['intent'].replace('_', ' ')} {key[name]['audience']}"
        echoed: set[float] = set()
        for number, turn in enumerate(turns, 1):
            if turn["speaker"] == "customer":
                about += f" {turn['text']}"
                echoed |= {float(digits.replace(",", "")) for digits in re.findall(r"\d[\d,]*(?:\.\d+)?", turn["text"])}
                continue
            wrong = [find_unexplained(line, facts) for line in split_sentences(turn["text"], about)]
            if any(figure.number not in echoed for figures in wrong for figure in figures):
                found.add((name, number))
    faults = {kind: {(name, int(row["faulty_turn"])) for name, row in key.items() if row["fault"] == kind}
              for kind in ("outdated", "wrong")}  # fmt: skip
    assert found == faults["outdated"]
    assert len(faults["outdated"]) >= 5
    assert faults["wrong"]
    assert all(read_transcripts()[name][number - 1]["speaker"] == "agent" for name, number in faults["wrong"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_conversation_tests_are_well_formed(language: str) -> None:
    suffix = LANGUAGES[language]
    stories, now = read_conversations(suffix)
    assert now.tzinfo is not None
    assert len(stories) >= {"en": 25, "zh": 8}[language]
    assert max(Counter(story["id"] for story in stories).values()) == 1
    entries = {f"faq:{row['id']}" for row in read_rows(f"faq{suffix}.csv") if is_valid(row, now.date())}
    intents, slots = read_toml(f"intents{suffix}.toml").keys() | {OUT_OF_SCOPE}, read_toml("slots.toml").keys()
    actions = set()
    for story in stories:
        assert story.keys() == {"id", "about", "customer", "turns"}
        assert story["customer"] in AUDIENCES - {"any"}
        for turn in story["turns"]:
            if "user" not in turn:
                assert turn.keys() == {"agent"} or turn == {"event": "resolve"}
                continue
            assert turn.keys() <= EXPECTED, story["id"]
            assert ("action" in turn) != (turn.get("silent") is True)
            named = turn.get("action", [])
            actions |= {named} if isinstance(named, str) else set(named)
            assert set(turn.get("intent", OUT_OF_SCOPE).split(";")) | set(turn.get("options", ())) <= intents
            assert ("asks" in turn) == (named == "ask_slot")
            assert ("reason" in turn) == (named == "hand_over")
            assert set(turn.get("slots", ())) | ({turn["asks"]} if "asks" in turn else set()) <= slots
            for source in turn.get("cites", ()):
                assert source in entries or (SAMPLE / source).is_file(), source
            said = " ".join(str(other.get("user", "")) for other in story["turns"])
            assert all(value in said for value in turn.get("slots", {}).values()), story["id"]
    assert actions == ACTIONS if language == "en" else actions <= ACTIONS


def test_readme_of_the_data_states_what_is_there() -> None:
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for name, count in re.findall(r"^\| `([\w.]+)` \| ([\d,]+) \|", text, re.M):
        path = SAMPLE / name
        if path.is_dir():
            found = len(list(path.iterdir()))
        elif path.suffix == ".csv":
            found = len(read_rows(name))
        elif path.suffix == ".yaml":
            found = len(read_conversations(path.stem.removeprefix("conversations"))[0])
        elif path.suffix == ".jsonl":
            found = len(read_transcripts())
        else:
            found = sum(not isinstance(value, date) for value in read_toml(name).values())
        assert found == int(count.replace(",", "")), name
    listed = set(re.findall(r"^\| `([\w.]+)` \| [\d,]+ \|", text, re.M))
    assert listed | {"README.md"} == {path.name for path in SAMPLE.iterdir()}

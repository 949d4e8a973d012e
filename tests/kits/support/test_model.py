"""Train, evaluate, predict: through the command line and from Python, on n-grams alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, ModelError
from kits.support import Assistant, Reader, Understanding
from tests.kits.support.command import QUICK, SAMPLE, call, succeed
from tests.kits.support.fake import close


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("models") / "support"
    done = succeed("train", "--data", SAMPLE / "train.csv", "--out", folder, *QUICK, "--json")
    return folder, done.result


@pytest.fixture(scope="module")
def reader(trained: tuple[Path, dict[str, object]]) -> Reader:
    return Reader.load(trained[0])


def read_test() -> list[dict[str, str]]:
    with (SAMPLE / "test.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_train_says_what_the_decisions_are_worth(trained: tuple[Path, dict[str, object]]) -> None:
    folder, result = trained
    held_out = result["held_out"]
    assert isinstance(held_out, dict)
    scores = held_out["metrics"]
    assert scores["scope.auroc_out_of_scope"] > 0.85
    assert scores["scope.cost"] < held_out["baselines"]["always_hand_over"]["scope.cost"] == 1.0
    low, high = held_out["intervals"]["scope.cost"]
    assert low <= scores["scope.cost"] <= high
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Answer, ask back, or hand over" in page
    assert "Answer, ask back, or hand over" in (folder / "README.md").read_text(encoding="utf-8")


def test_assistant_may_begin_with_nothing_but_an_faq(
    trained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    home = tmp_path / "assistant"
    for given, why in (
        (("--model", trained[0]), "nothing to answer with"),
        (("--faq", SAMPLE / "faq.csv"), "which language"),
        (("--faq", SAMPLE / "faq_zh.csv", "--preset", "en"), "no entry is in the assistant's language"),
    ):
        refused = call("index", *given, "--out", home)
        assert (refused.code, home.exists()) == (2, False)
        assert why in refused.err
    begun = succeed("index", "--faq", SAMPLE / "faq.csv", "--preset", "en", "--out", home, "--json").result
    assert begun["model_version"] == "untaught"
    stories = tmp_path / "stories.yaml"
    stories.write_text(
        "now: 2026-10-05T10:00:00+02:00\nconversations:\n  - id: lost\n    about: What the FAQ says\n    turns:\n"
        "      - user: How can I block a lost card?\n        action: answer\n        cites: [faq:lost-card-block]\n"
        "      - user: and what does a replacement cost?\n        action: answer\n        cites: [faq:lost-card-cost]\n"
        "      - user: tell me a joke\n        action: answer\n        intent: oos\n"
    )
    succeed("test", "--assistant", home, "--stories", stories)
    with closing_assistant(home) as assistant:
        answered = assistant.reply("c1", "How can I block a lost card?")
        assert (answered.action, answered.intents) == ("answer", ())
        assistant.reply("c1", "sing me a song about rain")
        assert assistant.reply("c1", "paint me a picture of snow").action == "hand_over"
    proposed = succeed("learn", "--assistant", home, "--out", tmp_path / "learned", "--json").result
    with Path(proposed["file"]).open(encoding="utf-8", newline="") as stream:
        texts = {row["text"] for row in csv.DictReader(stream)}
    assert texts == {"sing me a song about rain", "paint me a picture of snow"}, "what was answered is not asked for"
    refused = call("learn", "--assistant", home, "--out", tmp_path / "learned", "--review", proposed["file"])
    assert "no model has been trained" in refused.err
    model = tmp_path / "model"
    succeed("train", "--data", SAMPLE / "train.csv", "--set", "policy.cost_wrong=9", "--out", model, *QUICK)
    added = ("--model", model, "--responses", SAMPLE / "responses.toml", "--slots", SAMPLE / "slots.toml")
    assert succeed("index", *added, "--out", home, "--json").result["model_version"] != "untaught"
    with closing_assistant(home) as assistant:
        assert assistant.reply("c2", "I lost my card").asks == "card_last_four"
        assert assistant.settings.policy.cost_wrong == 9


@contextmanager
def closing_assistant(home: Path) -> Iterator[Assistant]:
    """An assistant that leaves its index to the next one."""
    assistant = Assistant.load(home)
    yield assistant
    close(assistant)


def test_evaluate_reports_accuracy_scope_and_double_wishes_beside_the_baselines(
    trained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    done = succeed(
        "evaluate", "--model", trained[0], "--data", SAMPLE / "test.csv", "--report", tmp_path / "r.html", "--json"
    )
    scores, baselines = done.result["metrics"], done.result["baselines"]
    assert scores["intent.accuracy"] > 0.6 > baselines["majority"]["intent.accuracy"]
    assert {"scope.cost", "scope.coverage", "scope.ece", "scope.accuracy_in_scope", "scope.several_found"} <= set(
        scores
    )
    assert "scope.cost" in baselines["tfidf"]
    assert scores["scope.cost"] < baselines["always_hand_over"]["scope.cost"]
    assert "Answer, ask back" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_reader_gives_calibrated_plain_data_in_order(reader: Reader) -> None:
    texts = [row["text"] for row in read_test()]
    found = reader.read(texts)
    assert [read.text for read in found] == texts
    for read in found:
        chances = [chance for _, chance in read.intents]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) + read.out_of_scope == pytest.approx(1.0)
        assert 0 <= read.confidence <= read.either <= 1
        assert "oos" not in dict(read.intents)
        assert set(read.asked) <= set(dict(read.intents))
        assert read.language == "en"
    stated = np.array([read.confidence for read in found])
    right = np.array([read.intents[0][0] == row["intent"] for read, row in zip(found, read_test(), strict=True)])
    assert abs(stated.mean() - right.mean()) < 0.15
    outside = np.array([row["intent"] == "oos" for row in read_test()])
    assert np.mean([r.out_of_scope for r in found if r.text in texts and outside[texts.index(r.text)]]) > 0.4


def test_one_text_reads_the_same_alone_and_among_others(reader: Reader) -> None:
    texts = [row["text"] for row in read_test()[:20]]
    for text, among in zip(texts, reader.read(texts), strict=True):
        (alone,) = reader.read([text])
        assert alone.intents[0][0] == among.intents[0][0]
        assert alone.confidence == pytest.approx(among.confidence, abs=1e-5)


def test_text_may_ask_for_two_things(reader: Reader) -> None:
    (read,) = reader.read(["My card was stolen on the train. What is the exchange rate fee for transfers abroad?"])
    assert len(read.asked) in (1, 2)
    (single,) = reader.read(["please block my card"])
    assert len(single.asked) == 1


def test_vectors_have_length_one_and_the_stated_dimension(reader: Reader) -> None:
    vectors = reader.embed(["my card is lost", "", "∅∅∅"])
    assert vectors.shape == (3, reader.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert reader.read([]) == []


def test_chinese_model_compares_texts_by_the_characters_they_share(tmp_path: Path) -> None:
    quick = ("--set", "train.rungs=tfidf", "--set", "evaluate.bootstrap_samples=50")
    succeed("train", "--data", SAMPLE / "train_zh.csv", "--preset", "zh", *quick, "--out", tmp_path / "zh")
    reader = Reader.load(tmp_path / "zh")
    lost, same, other = reader.embed(["我的卡丢了怎么办", "卡丢了", "跨境汇款几天到"])
    assert reader.scope.facts.matcher == "overlap"
    assert lost @ same > lost @ other


def test_decisions_follow_the_stated_costs(reader: Reader) -> None:
    sure = Understanding("a", (("x", 0.98), ("y", 0.01)), ("x",), 0.98, 0.99, 0.01, "en")
    torn = Understanding("a", (("x", 0.5), ("y", 0.45)), ("x",), 0.5, 0.95, 0.02, "en")
    lost = Understanding("a", (("x", 0.1), ("y", 0.1)), ("x",), 0.1, 0.2, 0.7, "en")
    assert [reader.decide(read) for read in (sure, torn, lost)] == ["answer", "clarify", "hand_over"]


def test_what_is_no_list_of_texts_is_refused(reader: Reader) -> None:
    with pytest.raises(DataError, match="a list of texts"):
        reader.read("hello")
    with pytest.raises(DataError, match=r"texts\[1\]"):
        reader.embed(["a", 3])  # type: ignore[list-item]


def test_predict_writes_every_row_with_its_decision(trained: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    out = tmp_path / "read.jsonl"
    done = succeed("predict", "--model", trained[0], "--data", SAMPLE / "test.csv", "--out", out, "--json")
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert done.result["rows"] == len(rows) == len(read_test())
    assert {row["decision"] for row in rows} <= {"answer", "clarify", "hand_over"}
    assert [row["text"] for row in rows] == [row["text"] for row in read_test()]


def test_intents_are_told_by_their_descriptions_without_a_model(tmp_path: Path, tiny_backbone: Path) -> None:
    done = succeed(
        "predict", "--intents", SAMPLE / "intents.toml", "--text", "where is my card", "--json",
        "--set", f"model.backbone={tiny_backbone}",
    )  # fmt: skip
    (row,) = done.result["predictions"]
    assert row["calibrated"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "--text", "a"), "give one of --model and --intents"),
        (("predict", "--model", "x"), "give either --text or --data"),
        (("train", "--data", SAMPLE / "faq.csv", "--map", "text=nothing", "--out", "m"), "--map"),
    ],
)
def test_wrong_commands_are_one_line(arguments: tuple[str | Path, ...], message: str) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert message in done.error


@pytest.mark.parametrize("name", ["scope/scope.json", "scope/neighbours.safetensors", "match/latent.safetensors"])
def test_model_with_a_changed_file_is_refused(trained: tuple[Path, dict[str, object]], name: str) -> None:
    file = trained[0] / name
    before = file.read_bytes()
    try:
        file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(ModelError, match="has changed"):
            Reader.load(trained[0])
    finally:
        file.write_bytes(before)

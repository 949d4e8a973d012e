"""Scores: every usable row, in order, whatever the size and the format; and the Python door."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path

import pytest

from core.data.table import read_table
from core.errors import DataError, KitError, ModelError
from kits.sentiment import Explanation, Opinion, Scorer, predict
from tests.kits.sentiment.command import SAMPLE, Outcome, call, succeed

GAIN = "Profit rose 12 % and the dividend goes up"
LOSS = "Shares plunge as lender misses a bond payment and warns of default"


@pytest.fixture(scope="session")
def scorer(model: Path) -> Scorer:
    return Scorer.load(model)


@pytest.fixture(scope="session")
def two_rungs(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Path:
    """A model whose encoder reads the pair of text and company."""
    folder = tmp_path_factory.mktemp("models") / "pair"
    succeed(
        "train", "--data", SAMPLE / "test.csv", "--out", folder, "--set", f"model.backbone={tiny_backbone}",
        "--set", "train.rungs=probe", "--set", "model.max_tokens=48", "--set", "evaluate.bootstrap_samples=50",
    )  # fmt: skip
    return folder


def write_titles(file: Path, rows: int) -> Path:
    """Rows of very different lengths, numbered."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "title"])
        writer.writerows(
            (row, f"{GAIN if row % 3 else LOSS} " + "in the quarter " * (row * 7 % 11)) for row in range(rows)
        )
    return file


def read_lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_rows_keep_their_order_and_their_own_columns(tmp_path: Path, model: Path) -> None:
    data = write_titles(tmp_path / "news.csv", 200)
    succeed("predict", "--model", model, "--data", data, "--out", tmp_path / "scored.jsonl")
    rows = read_lines(tmp_path / "scored.jsonl")
    assert [row["id"] for row in rows] == [str(number) for number in range(200)]
    assert rows[0]["predicted_sentiment"] == "negative"
    assert "credit" in list(rows[0]["predicted_topics"])  # type: ignore[call-overload]
    chances = [float(str(rows[0][f"probability_{name}"])) for name in ("negative", "neutral", "positive")]
    assert sum(chances) == pytest.approx(1, abs=2e-4)


def test_windows_change_no_result(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_titles(tmp_path / "news.csv", 120)
    succeed("predict", "--model", model, "--data", data, "--out", tmp_path / "whole.jsonl")
    monkeypatch.setattr(predict, "WINDOW_ROWS", 7)
    succeed("predict", "--model", model, "--data", data, "--out", tmp_path / "windows.jsonl")
    assert read_lines(tmp_path / "windows.jsonl") == read_lines(tmp_path / "whole.jsonl")


def test_memory_does_not_grow_with_the_file(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "WINDOW_ROWS", 256)
    peaks = {}
    for rows in (800, 800, 4_000):  # the first run pays for what is loaded once
        data = write_titles(tmp_path / "news.csv", rows)
        tracemalloc.start()
        succeed("predict", "--model", model, "--data", data, "--out", tmp_path / "scored.csv")
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[4_000] < 1.2 * peaks[800]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "ndjson", "parquet"])
def test_every_format_holds_every_row(ending: str, tmp_path: Path, model: Path) -> None:
    out = tmp_path / f"scored.{ending}"
    succeed("predict", "--model", model, "--data", write_titles(tmp_path / "news.csv", 30), "--out", out)
    table = read_table(str(out))
    assert len(table.rows) == 30
    assert {"id", "title", "predicted_sentiment", "predicted_topics", "model_version"} <= set(table.columns)


def test_pipe_takes_and_gives_json_lines(model: Path) -> None:
    given = "".join(json.dumps({"title": text, "id": number}) + "\n" for number, text in enumerate((GAIN, LOSS)))
    outcome = succeed("predict", "--model", model, "--data", "-", "--out", "-", stdin=given.encode())
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(row["id"], row["predicted_sentiment"]) for row in rows] == [(0, "positive"), (1, "negative")]


def test_rejected_rows_are_reported_and_all_good_ones_are_there(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "news.csv"
    data.write_text('id,title\n1,Good news\n2,\n3,"Two\nlines"\n4,too,many\n5,Last\n', encoding="utf-8")
    outcome = succeed("predict", "--model", model, "--data", data, "--out", tmp_path / "scored.jsonl", "--json")
    assert [row["id"] for row in read_lines(tmp_path / "scored.jsonl")] == ["1", "3", "5"]
    assert outcome.result["rows"] == 3
    assert [rejected["place"] for rejected in outcome.result["rejected"]] == [f"{data}:3", f"{data}:6"]
    assert "2 of 5 rows cannot be used" in outcome.err


def test_labels_in_the_data_are_not_read(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "news.csv"
    data.write_text("title,sentiment,published_at\nGood news,who knows,05/03/2025\n", encoding="utf-8")
    (row,) = succeed("predict", "--model", model, "--data", data, "--json").result["predictions"]
    assert row["sentiment"] == "who knows"


def test_model_with_mapped_labels_scores_rows_that_have_none(tmp_path: Path) -> None:
    data, new = tmp_path / "mood.csv", tmp_path / "new.csv"
    rows = [f"{text} {number},{mood}\n" for text, mood in ((GAIN, "up"), (LOSS, "down")) for number in range(20)]
    data.write_text("Headline,Mood\n" + "".join(rows), encoding="utf-8")
    new.write_text(f"Headline\n{GAIN}\n", encoding="utf-8")
    maps = ("--map", "sentiment=Mood", "--label", "up=positive", "--label", "down=negative")
    model = tmp_path / "model"
    succeed("train", "--data", data, *maps, "--out", model, "--set", "train.rungs=tfidf")
    (row,) = succeed("predict", "--model", model, "--data", new, "--json").result["predictions"]
    assert row["predicted_sentiment"] == "positive"


def test_texts_on_the_command_line_are_all_in_the_json(model: Path) -> None:
    texts = [f"Headline number {number}" for number in range(25)]
    outcome = succeed("predict", "--model", model, "--json", *(part for text in texts for part in ("--text", text)))
    assert [row["title"] for row in outcome.result["predictions"]] == texts


def test_people_see_text_sentiment_topics_and_reasons(model: Path) -> None:
    outcome = succeed("predict", "--model", model, "--text", "Bankruptcy", "--explain")
    assert all(word in outcome.out for word in ("text", "sentiment", "topics", "because", "Bankruptcy"))


def test_explanation_names_words_of_the_text(model: Path) -> None:
    (row,) = succeed("predict", "--model", model, "--text", LOSS, "--explain", "--json").result["predictions"]
    assert row["because"][0].startswith("negative: ")
    named = {part.split()[0] for line in row["because"] for part in line.partition(": ")[2].split(", ")}
    assert named <= set(LOSS.split())
    assert named & {"warns", "lender"}


def test_company_changes_what_is_read(two_rungs: Path) -> None:
    def negative(entity: str) -> float:
        outcome = succeed("predict", "--model", two_rungs, "--text", LOSS, "--entity", entity, "--json")
        (row,) = outcome.result["predictions"]
        assert row["entity"] == entity
        return float(row["probability_negative"])

    assert negative("oil") != negative("steel plant")


def zero_shot(tmp_path: Path, backbone: Path, *options: str | Path) -> Outcome:
    topics = tmp_path / "topics.toml"
    topics.write_text('oil = "oil and steel demand"\nbank = "bank default"\n', encoding="utf-8")
    return succeed("predict", "--topics", topics, "--set", f"model.backbone={backbone}", *options)


def test_topics_without_a_model_are_marked_as_uncalibrated(tmp_path: Path, tiny_backbone: Path) -> None:
    outcome = zero_shot(tmp_path, tiny_backbone, "--text", "oil and steel demand", "--json")
    (row,) = outcome.result["predictions"]
    assert row["predicted_topics"][0] == "oil"
    assert row["calibrated"] is False
    assert -1 <= row["topic_similarities"][0] <= 1
    assert "probability_positive" not in row
    assert "uncalibrated" in outcome.err


def test_topics_without_a_model_are_marked_for_people_too(tmp_path: Path, tiny_backbone: Path) -> None:
    assert "uncalibrated" in zero_shot(tmp_path, tiny_backbone, "--text", "bank default").out


def test_scorer_gives_one_typed_opinion_per_text_in_order(scorer: Scorer) -> None:
    opinions = scorer.score([GAIN, LOSS, GAIN], entities=["Acme", None, None])
    assert all(isinstance(opinion, Opinion) for opinion in opinions)
    assert [opinion.text for opinion in opinions] == [GAIN, LOSS, GAIN]
    assert [opinion.entity for opinion in opinions] == ["Acme", None, None]
    assert [opinion.sentiment for opinion in opinions[:2]] == ["positive", "negative"]


def test_scorer_reads_probabilities_as_documented(scorer: Scorer) -> None:
    (opinion,) = scorer.score([LOSS])
    assert set(opinion.sentiment_probabilities) == {"negative", "neutral", "positive"}
    assert sum(opinion.sentiment_probabilities.values()) == pytest.approx(1)
    assert opinion.sentiment == max(opinion.sentiment_probabilities, key=opinion.sentiment_probabilities.__getitem__)
    likelihoods = [opinion.topic_probabilities[topic] for topic in opinion.topics]
    assert likelihoods == sorted(likelihoods, reverse=True)
    assert len(opinion.topic_probabilities) == 10
    assert opinion.model_version == scorer.model.version


def test_scorer_reads_a_text_alike_alone_and_among_others(scorer: Scorer) -> None:
    (alone,) = scorer.score([GAIN])
    assert scorer.score([LOSS, GAIN])[1].sentiment_probabilities == pytest.approx(alone.sentiment_probabilities)


def test_scorer_reads_nothing_into_nothing(scorer: Scorer) -> None:
    assert scorer.score([]) == []


@pytest.mark.parametrize(
    ("texts", "entities", "said"),
    [
        ("one text", None, "one text where a list"),
        (["a", "b"], ["Acme"], "as many entities"),
        (["a", None], None, "texts\\[1\\]: not a text"),
        (["a", 5], None, "texts\\[1\\]: not a text"),
    ],
)
def test_scorer_says_what_is_wrong_with_its_input(scorer: Scorer, texts: object, entities: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        scorer.score(texts, entities)  # type: ignore[arg-type]


def test_scorer_explains_sentiment_and_each_topic_in_the_order_of_the_text(scorer: Scorer) -> None:
    (opinion,) = scorer.score([LOSS])
    explanations = scorer.explain(LOSS)
    assert all(isinstance(explanation, Explanation) for explanation in explanations)
    assert [(e.task, e.label) for e in explanations] == [
        ("sentiment", opinion.sentiment),
        *(("topics", topic) for topic in opinion.topics),
    ]
    words = explanations[0].words
    assert [LOSS[word.start : word.end] for word in words] == [word.word for word in words] == LOSS.split()


def test_scorer_loads_no_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        Scorer.load(tmp_path / "none")


def test_damaged_model_is_never_loaded(tmp_path: Path, model: Path) -> None:
    copy = tmp_path / "copy"
    for file in model.rglob("*"):
        if file.is_file():
            (copy / file.relative_to(model)).parent.mkdir(parents=True, exist_ok=True)
            (copy / file.relative_to(model)).write_bytes(file.read_bytes())
    assert Scorer.load(copy).model.version == Scorer.load(model).model.version
    labels = copy / "labels.json"
    labels.write_text(labels.read_text(encoding="utf-8").replace("positive", "Positive"), encoding="utf-8")
    with pytest.raises(KitError, match="a file has changed"):
        Scorer.load(copy)
    outcome = call("predict", "--model", copy, "--text", GAIN)
    assert (outcome.code, outcome.out) == (2, "")


def test_interrupted_output_leaves_no_half_file(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "news.jsonl"
    data.write_text('{"title": "News"}\n{"title": "News", "more": 1}\n', encoding="utf-8")
    outcome = call("predict", "--model", model, "--data", data, "--out", tmp_path / "scored.csv")
    assert outcome.code == 2
    assert "more" in outcome.error
    assert not (tmp_path / "scored.csv").exists()

"""A company's rows, whatever it calls its columns and words, become the same examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.example import Example
from core.data.load import Corpus, build_tasks
from core.errors import DataError
from kits.sentiment import SentimentConfig
from kits.sentiment.data import SPECS, join_text, load
from tests.kits.sentiment.command import SAMPLE, call, succeed

Read = Callable[..., Corpus]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load the rows of CSV texts, each a file of its own."""

    def load_texts(*texts: str, **data: object) -> Corpus:
        files = []
        for number, text in enumerate(texts):
            file = tmp_path / f"{number}.csv"
            file.write_text(text, encoding="utf-8")
            files.append(str(file))
        return load(SentimentConfig.model_validate({"data": {"sources": files, **data}}))

    return load_texts


def only(corpus: Corpus) -> Example:
    """The one example of a corpus in which nothing was rejected."""
    assert not corpus.rejected
    (example,) = corpus.examples
    return example


@pytest.mark.parametrize(
    "header",
    [
        "published_at,source,title,body,topics,sentiment,entity",
        "Published_At,SOURCE,Title,Body,Topics,Sentiment,Entity",
        "date,publisher,headline,content,topic,polarity,company",
        "时间,来源,标题,正文,主题,情感,公司",
        "发布时间,媒体,文本,摘要,话题,情绪,实体",
    ],
)
def test_columns_are_recognised_by_name_case_and_alias(read: Read, header: str) -> None:
    example = only(read(f"{header}\n2025-03-01T08:00:00Z,Wire,Profit up,Sales too.,earnings;deals,positive,Acme\n"))
    assert example.text == "Profit up. Sales too."
    assert example.pair == "Acme"
    assert example.labels == {"sentiment": "positive", "topics": ("earnings", "deals")}
    assert example.time is not None
    assert example.time.isoformat() == "2025-03-01T08:00:00+00:00"


def test_own_names_and_words_are_mapped(read: Read) -> None:
    example = only(
        read(
            "Kopf,Laune,Thema\nGewinn steigt,bullish,Zahlen\n",
            map={"title": "Kopf", "sentiment": "Laune", "topics": "Thema"},
            label={"bullish": "positive", "Zahlen": "earnings"},
        )
    )
    assert example.text == "Gewinn steigt"
    assert example.labels == {"sentiment": "positive", "topics": ("earnings",)}


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *((word, "positive") for word in ("positive", "POSITIVE", "Pos", "正面", "积极", "利好", "正向")),
        *((word, "neutral") for word in ("neutral", "neu", "中性", "中立")),
        *((word, "negative") for word in ("negative", "Neg", "负面", "消极", "利空", "负向")),
    ],
)
def test_words_for_sentiment_are_understood(read: Read, word: str, meant: str) -> None:
    assert only(read(f"title,sentiment\nNews,{word}\n")).labels == {"sentiment": meant}


def test_unknown_sentiment_rejects_the_row_and_says_how_to_map_it(read: Read) -> None:
    corpus = read("title,sentiment\nGood,positive\nHm,mixed\n")
    assert len(corpus.examples) == 1
    assert corpus.rejected[0].place.endswith("0.csv:3")
    assert "--label mixed=" in corpus.rejected[0].reason


def test_word_mapped_to_nothing_is_an_unknown_label_not_a_rejected_row(read: Read) -> None:
    assert only(read("title,sentiment\nHm,mixed\n", label={"mixed": ""})).labels == {}


@pytest.mark.parametrize(
    ("title", "body", "text"),
    [
        ("Profit up", "Sales too.", "Profit up. Sales too."),
        ("Profit up!", "Sales too.", "Profit up! Sales too."),
        ("利润上升。", "销售也是", "利润上升。 销售也是"),
        ("Profit up", "", "Profit up"),
        ("", "Sales too.", "Sales too."),
    ],
)
def test_headline_and_body_become_one_text(title: str, body: str, text: str) -> None:
    assert join_text(title, body) == text


@pytest.mark.parametrize(("text", "read"), [
    ("$X falls https://t.co/bd0xbFGjkT", "$X falls t.co"),
    ("see http://news.example.cn:8080/a?b=1#c。后面的话", "see news.example.cn。后面的话"),
    ("www.example.com/x, and more", "example.com and more"),
    ("HTTPS://Example.com", "Example.com"),
    ("no link: https:// or www. or a.b", "no link: https:// or www. or a.b"),
])  # fmt: skip
def test_of_a_link_the_host_is_read_and_what_stands_around_it(text: str, read: str) -> None:
    assert join_text(text, "") == read
    assert join_text("Title", text) == f"Title. {read}"


def test_sources_with_different_labels_are_joined_for_one_model(read: Read) -> None:
    corpus = read("title,sentiment\nGood,positive\nBad,negative\n", "text,topics\nDeal,deals|legal\nFine,legal\n")
    assert [set(example.labels) for example in corpus.examples] == [
        {"sentiment"},
        {"sentiment"},
        {"topics"},
        {"topics"},
    ]
    tasks, _ = build_tasks(corpus.examples, SPECS, 1)
    assert [(task.name, task.kind, task.labels) for task in tasks] == [
        ("sentiment", "single", ("negative", "positive")),
        ("topics", "multi", ("deals", "legal")),
    ]


def test_empty_cell_is_unknown_and_empty_list_is_none_of_the_topics(tmp_path: Path) -> None:
    file = tmp_path / "news.jsonl"
    file.write_text('{"title": "a", "topics": ""}\n{"title": "b", "topics": []}\n{"title": "c", "topics": null}\n')
    labels = [example.labels for example in load(SentimentConfig(data={"sources": [str(file)]})).examples]  # type: ignore[arg-type]
    assert labels == [{}, {"topics": ()}, {}]


def test_personal_data_is_replaced_on_reading_when_asked(read: Read) -> None:
    rows = "title,body\nWrite to jane.doe@example.com,Call +44 20 7946 0958 today\n"
    assert "jane.doe@example.com" in only(read(rows)).text
    text = only(read(rows, redact=True)).text
    assert "example.com" not in text
    assert "7946" not in text


def test_row_without_text_is_rejected_and_the_others_are_there(read: Read) -> None:
    corpus = read("title,body\nOne,\n,\nTwo,\n")
    assert [example.text for example in corpus.examples] == ["One", "Two"]
    assert [rejected.place.rpartition("/")[2] for rejected in corpus.rejected] == ["0.csv:3"]


def test_source_without_a_text_column_is_refused_by_name(read: Read) -> None:
    with pytest.raises(DataError, match=r"--map title=COLUMN"):
        read("kopf,sentiment\nGood,positive\n")


def test_check_writes_page_and_json_and_counts_leaks(tmp_path: Path) -> None:
    lines = (SAMPLE / "train.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    small, test = tmp_path / "small.csv", tmp_path / "test.csv"
    small.write_text("".join(lines[:121]), encoding="utf-8")
    test.write_text("".join([lines[0], *lines[100:141]]), encoding="utf-8")
    result = succeed("check", "--data", small, "--test", test, "--out", tmp_path / "audit", "--json").result
    assert (result["rows"], result["rejected"]) == (120, 0)
    audit = json.loads(Path(result["json"]).read_text(encoding="utf-8"))
    assert audit["rows"] == 120
    assert audit["test_rows"] == 41
    assert Path(result["page"]).read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")


def test_check_does_not_write_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("mine")
    outcome = call("check", "--data", SAMPLE / "test.csv", "--out", tmp_path / "audit")
    assert outcome.code == 2
    assert (tmp_path / "audit").read_text() == "mine"

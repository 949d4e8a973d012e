"""What a row of financial news is, and how it becomes an example."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.console import say, show_table
from core.data.columns import Column
from core.data.example import Example, count_labels
from core.data.load import Corpus, Record, TaskSpec, build_tasks, load_corpus
from core.data.row import Rejected
from core.errors import ConfigError, DataError
from kits.sentiment.config import SentimentConfig, read_config

SENTIMENTS = ("negative", "neutral", "positive")
SPECS = (TaskSpec("sentiment", "single", SENTIMENTS), TaskSpec("topics", "multi"))
_TIMES = ("published", "date", "time", "datetime")
COLUMNS = (
    Column("published_at", "time", "When it was published", (*_TIMES, "发布时间", "时间", "日期")),
    Column("source", "id", "Who published it", ("publisher", "outlet", "媒体", "来源")),
    Column("title", "text", "Headline, or the whole of a short text", ("headline", "text", "标题", "文本")),
    Column("body", "text", "Text below the headline", ("content", "description", "summary", "正文", "内容", "摘要")),
    Column("topics", "labels", "Any number of topics", ("topic", "主题", "话题")),
    Column("sentiment", "label", "positive, neutral or negative", ("polarity", "情感", "情绪")),
    Column("entity", "id", "The company that the sentiment is towards", ("company", "ticker", "公司", "实体")),
)  # fmt: skip
_WORDS = {
    "positive": ("pos", "正面", "积极", "利好", "正向"),
    "neutral": ("neu", "中性", "中立"),
    "negative": ("neg", "负面", "消极", "利空", "负向"),
}
_LINK = re.compile(r"(?:https?://|\bwww\.)(?:www\.)?([a-z0-9.-]*[a-z0-9])(?::\d+)?(?:[/?#][!-~]*)?", re.IGNORECASE)
_SENTIMENT_OF = {word: name for name, words in _WORDS.items() for word in (name, *words)}


def join_text(title: str, body: str) -> str:
    """Headline and body as the one text that the model reads.

    Of a link only the host is read: the rest is letters by lot, nearly a third of the tokens of a tweet.

    >>> join_text("Profit up", "Sales rose, too.")
    'Profit up. Sales rose, too.'
    >>> join_text("Profit up https://www.example.com/a?b=3dX", "")
    'Profit up example.com'
    """
    title, body = (_LINK.sub(r"\1", text) for text in (title, body))
    if not title or not body:
        return title or body
    return f"{title} {body}" if title.endswith(tuple(".!?。！？…:：")) else f"{title}. {body}"


def make_example(record: Record, place: str, source: str) -> Example | Rejected:
    """Turn one record into an example, or say why it cannot be used."""
    text = join_text(record.get("title") or "", record.get("body") or "")
    if not text:
        return Rejected(place, "no text in title or body; if another column holds it: --map title=COLUMN")
    labels: dict[str, str | tuple[str, ...]] = {}
    given = record.get("sentiment")
    if given is not None:
        sentiment = _SENTIMENT_OF.get(given.casefold())
        if sentiment is None:
            expected, shown = ", ".join(SENTIMENTS), given[:40]
            return Rejected(place, f"unknown sentiment {shown!r}, expected {expected}; map it: --label {shown}=…")
        labels["sentiment"] = sentiment
    if record.get("topics") is not None:
        labels["topics"] = record["topics"]
    return Example(text, record.get("entity"), labels, place, record.get("published_at"), None, source)


def load(config: SentimentConfig) -> Corpus:
    """Read all sources of the configuration.

    Raises:
        DataError: A source cannot be read, has no text column, or no row can be used.
    """
    corpus = load_corpus(config.data, COLUMNS, make_example)
    for source, columns in corpus.columns.items():
        if not {"title", "body"} & set(columns):
            raise DataError("no text column", where=source, fix="name it: --map title=COLUMN")
    return corpus


def check(
    *,
    data: Sequence[str],
    out: Path | None = None,
    test: Sequence[str] | None = None,
    as_json: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Audit the data and write ``audit.html`` and ``audit.json``.

    Args:
        data: The sources.
        out: Folder of the audit; ``audit`` if not named.
        test: Sources of a test set, to look for leakage.
        as_json: The result is printed as JSON by the caller; show no table.
        options: As ``read_config`` takes them.
    """
    from core.data.audit import audit_examples, write_audit

    config = read_config(data=data, **options)
    corpus = load(config)
    held_out: list[Example] = []
    if test:
        held_out = load(config.model_copy(update={"data": replace_sources(config, test)})).examples
    tasks, _ = build_tasks(corpus.examples, SPECS, 1)
    audit = audit_examples(corpus.examples, tasks, corpus.rejected, test=held_out, seed=config.seed)
    folder = out or Path("audit")
    if folder.is_file():
        raise ConfigError("is a file", where="--out", got=str(folder), expected="a folder")
    json_file, page = write_audit(audit, folder)
    if not as_json:
        for task in tasks:
            counts = count_labels(corpus.examples, task.name)
            show_table(task.name, ("label", "rows"), counts.most_common(30))
    say(f"Audit: {page}")
    return {"rows": len(corpus.examples), "rejected": len(corpus.rejected), "page": str(page), "json": str(json_file)}


def replace_sources(config: SentimentConfig, sources: Sequence[str]) -> Any:
    """The data section with other sources."""
    return config.data.model_copy(update={"sources": tuple(sources)})


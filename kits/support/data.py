"""What an utterance with its intents is, and how it becomes an example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from core.console import say, show_table
from core.data.columns import Column
from core.data.example import Example, count_labels
from core.data.load import Corpus, Record, TaskSpec, build_tasks, load_corpus, report_rejected
from core.data.privacy import redact
from core.data.row import Rejected
from core.errors import ConfigError, DataError
from kits.support.config import SupportConfig, read_config
from kits.support.reading import OUT_OF_SCOPE
from kits.support.source.faq import load_faq
from kits.support.source.rasa import is_rasa, read_rasa

SPECS = (TaskSpec("intent", "single"),)
_TEXTS = ("utterance", "question", "query", "message", "sentence")
_INTENTS = ("label", "intents", "category")
COLUMNS = (
    Column("text", "text", "What the customer says", (*_TEXTS, "文本", "问题", "语句", "内容")),
    Column("intent", "labels", "What the customer wants; several joined by ;", (*_INTENTS, "意图", "标签")),
    Column("conversation", "id", "Rows of one conversation stay together", ("dialogue", "conversation_id", "会话")),
    Column("at", "time", "When it was said", ("time", "date", "created_at", "时间")),
)  # fmt: skip


def make_example(record: Record, place: str, source: str) -> Example | Rejected:
    """Turn one record into an example, or say why it cannot be used."""
    text = record.get("text") or ""
    if not text.strip():
        return Rejected(place, "no text; if another column holds it: --map text=COLUMN")
    labels: dict[str, str | tuple[str, ...]] = {}
    intents = tuple(dict.fromkeys(record.get("intent") or ()))
    if len(intents) > 1 and OUT_OF_SCOPE in intents:
        return Rejected(place, f"an intent and {OUT_OF_SCOPE} in one row: keep one of them")
    if len(intents) == 1:
        labels["intent"] = intents[0]
    elif intents:
        labels["intents"] = intents
    return Example(text, None, labels, place, record.get("at"), record.get("conversation"), source)


def load(config: SupportConfig) -> Corpus:
    """Read all sources of the configuration: tables, and Rasa's ``nlu.yml``.

    Raises:
        DataError: A source cannot be read, has no text column, or no row can be used.
    """
    sources = config.data.sources
    yamls = [source for source in sources if is_rasa(source)]
    tables = [source for source in sources if source not in yamls]
    read = _load_rasa(yamls, config)
    if yamls and not tables:
        return read
    corpus = load_corpus(replace_sources(config, tables), COLUMNS, make_example)
    for source, columns in corpus.columns.items():
        if "text" not in columns:
            raise DataError("no text column", where=source, fix="name it: --map text=COLUMN")
    return Corpus(
        [*corpus.examples, *read.examples],
        [*corpus.rejected, *read.rejected],
        (*corpus.sources, *read.sources),
        corpus.columns,
    )


def _load_rasa(sources: Sequence[str], config: SupportConfig) -> Corpus:
    examples: list[Example] = []
    rejected: list[Rejected] = []
    for source in sources:
        for row in read_rasa(source):
            if isinstance(row, Rejected):
                rejected.append(row)
                continue
            text, intent, place = row
            name = config.data.label.get(intent, intent)
            made = make_example(
                {"text": redact(text) if config.data.redact else text, "intent": (name,) if name else None},
                place,
                source,
            )
            (rejected if isinstance(made, Rejected) else examples).append(made)  # type: ignore[arg-type]
    report_rejected(rejected, len(examples) + len(rejected))
    if sources and not examples:
        raise DataError("no utterance in it", where=", ".join(sources), expected="intents with examples")
    return Corpus(examples, rejected, tuple(sources), {})


def check(
    *,
    data: Sequence[str],
    out: Path | None = None,
    test: Sequence[str] | None = None,
    faq: Sequence[str] | None = None,
    as_json: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Audit the data and write ``audit.html`` and ``audit.json``.

    Args:
        data: The sources.
        out: Folder of the audit; ``audit`` if not named.
        test: Sources of a test set, to look for leakage.
        faq: Questions with answers, to look for those that contradict each other.
        as_json: The result is printed as JSON by the caller; show no table.
        options: As ``read_config`` takes them.
    """
    from core.data.audit import SEVERITIES, audit_examples, write_audit
    from core.data.check import check_rejected
    from kits.support.audit import audit_faq, audit_intents

    config = read_config(data=data, **options)
    corpus = load(config)
    held_out: list[Example] = []
    if test:
        held_out = load(config.model_copy(update={"data": replace_sources(config, test)})).examples
    tasks, _ = build_tasks(corpus.examples, SPECS, 1)
    audit = audit_examples(corpus.examples, tasks, corpus.rejected, test=held_out, seed=config.seed)
    issues = [*audit.issues, *audit_intents(corpus.examples, config.seed)]
    if faq:
        entries = load_faq(faq)
        issues += [*check_rejected(entries.rejected, len(entries.items)), *audit_faq(entries.items, date.today())]
    audit = replace(audit, issues=tuple(sorted(issues, key=lambda issue: SEVERITIES.index(issue.severity))))
    folder = out or Path("audit")
    if folder.is_file():
        raise ConfigError("is a file", where="--out", got=str(folder), expected="a folder")
    json_file, page = write_audit(audit, folder)
    if not as_json:
        for task in tasks:
            counts = count_labels(corpus.examples, task.name)
            show_table(task.name, ("label", "rows"), counts.most_common(30))
    say(f"Audit: {page}")
    return {
        "rows": len(corpus.examples),
        "rejected": len(corpus.rejected),
        "issues": {severity: audit.count(severity) for severity in SEVERITIES},
        "page": str(page),
        "json": str(json_file),
    }


def replace_sources(config: SupportConfig, sources: Sequence[str]) -> Any:
    """The data section with other sources."""
    return config.data.model_copy(update={"sources": tuple(sources)})

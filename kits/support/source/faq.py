"""Questions with their approved answers: for whom they hold, in which language, from when and until when."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.config import DataConfig
from core.data.columns import Column
from core.data.load import Record
from core.data.row import Rejected
from kits.support.reading import detect_language
from kits.support.source.loaded import Loaded, load_rows

Audience = Literal["any", "private", "business"]
AUDIENCES: dict[str, Audience] = {
    "any": "any", "all": "any", "both": "any", "": "any", "所有": "any", "全部": "any",
    "private": "private", "personal": "private", "retail": "private", "个人": "private",
    "business": "business", "company": "business", "corporate": "business", "企业": "business", "公司": "business",
}  # fmt: skip
COLUMNS = (
    Column("id", "id", "The entry's own name, such as a number", ("key", "faq_id", "编号")),
    Column("question", "text", "As a customer asks it", ("title", "query", "问题", "标题")),
    Column("answer", "text", "The approved answer", ("response", "reply", "text", "答案", "回答", "回复")),
    Column("intent", "label", "Which intent it answers", ("label", "意图")),
    Column("locale", "id", "Its language: en, zh", ("language", "lang", "语言")),
    Column("valid_from", "time", "First day on which it holds", ("from", "starts", "生效日期")),
    Column("valid_until", "time", "Last day on which it holds", ("until", "to", "expires", "失效日期")),
    Column("audience", "id", "For whom: any, private, business", ("customer", "segment", "客户类型")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FaqEntry:
    """A question with its approved answer.

    Attributes:
        id: Unique among all entries.
        question: As a customer asks it.
        answer: The approved answer.
        intent: Which intent it answers, or None.
        locale: ``en`` or ``zh``, or what the company calls another language.
        valid_from: First day on which it holds; None: always has.
        valid_until: Last day on which it holds; None: for ever.
        audience: For whom.
        place: Where it stands.
    """

    id: str
    question: str
    answer: str
    intent: str | None = None
    locale: str = "en"
    valid_from: date | None = None
    valid_until: date | None = None
    audience: Audience = "any"
    place: str = ""

    def holds(self, on: date) -> bool:
        """Whether the answer is valid on a day.

        >>> FaqEntry("a", "?", "!", valid_until=date(2025, 12, 31)).holds(date(2026, 1, 1))
        False
        """
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_until is None or on <= self.valid_until
        )


def load_faq(sources: Sequence[str], config: DataConfig | None = None) -> Loaded[FaqEntry]:
    """Read FAQ tables.

    Args:
        sources: Files, folders or SQL URLs.
        config: Column map (``--map``) and label words.

    Raises:
        DataError: A source cannot be read, or has no question or answer column.
    """
    seen: dict[str, str] = {}

    def make(record: Record, place: str) -> FaqEntry | Rejected:
        return _make_entry(record, place, seen)

    return load_rows(sources, COLUMNS, ("question", "answer"), make, config)


def _make_entry(record: Record, place: str, seen: dict[str, str]) -> FaqEntry | Rejected:
    """An entry, or why it is none; ``seen`` has the place of every id so far.

    Who has no ids may ask the same of several products, and answer differently: then the answer is part of the id.
    """
    question, answer = record["question"] or "", record["answer"] or ""
    if not question or not answer:
        return Rejected(place, f"no {'answer' if question else 'question'}")
    audience = AUDIENCES.get((record["audience"] or "").casefold())
    if audience is None:
        return Rejected(place, f"unknown audience {record['audience'][:40]!r}, expected any, private or business")
    first, last = (at.date() if (at := record[name]) else None for name in ("valid_from", "valid_until"))
    if first and last and first > last:
        return Rejected(place, f"it ends ({last}) before it begins ({first})")
    locale = (record["locale"] or detect_language(question)).lower().replace("_", "-").partition("-")[0]
    name = record["id"]
    if name is None:
        asked = (question, audience, locale, first)
        name, whole = _name(*asked), _name(*asked, answer)
        if whole in seen:
            return Rejected(place, f"the same question and answer stand already at {seen[whole]}")
        if name in seen:
            name = whole
        seen[whole] = place
    elif name in seen:
        return Rejected(place, f"the id {name[:40]!r} stands already at {seen[name]}")
    seen[name] = place
    return FaqEntry(name, question, answer, record["intent"], locale, first, last, audience, place)


def _name(*parts: object) -> str:
    """An id that stays the same as long as the question does; with the answer, for a question that has several."""
    return "q-" + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]

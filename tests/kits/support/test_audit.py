"""What check says of intents and FAQs, beside what core looks for."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from core.data.example import Example
from kits.support.audit import audit_faq, audit_intents
from kits.support.source.faq import FaqEntry
from tests.kits.support.command import SAMPLE, succeed

TODAY = date(2026, 9, 1)


def rows(intent: str, *texts: str) -> list[Example]:
    return [Example(text, labels={"intent": intent}, place=f"a.csv:{i}") for i, text in enumerate(texts)]


def kinds(examples: list[Example]) -> dict[str, list[str]]:
    return {issue.kind: [case.detail for case in issue.cases] for issue in audit_intents(examples)}


def test_intents_that_say_the_same_are_told_from_those_that_are_merely_near() -> None:
    lost = [f"my card is lost {word}" for word in ("today", "again", "in town", "on the bus", "at work", "abroad")]
    gone = [f"my card is lost {word}" for word in ("since monday", "for good", "at home", "in rome", "at sea", "now")]
    rate = [f"what is the exchange rate of {word}" for word in ("pounds", "yen", "francs", "zloty", "dollars", "won")]
    found = kinds([*rows("card_lost", *lost), *rows("card_gone", *gone), *rows("exchange_rate", *rate)])
    named = " ".join([*found.get("same_intents", []), *found.get("confusable_intents", [])])
    assert "card_gone / card_lost" in named
    assert "exchange_rate" not in named


def test_names_that_differ_in_spelling_and_missing_out_of_scope_are_said() -> None:
    found = kinds([*rows("Card Lost", "a b", "c d"), *rows("card_lost", "e f", "g h")])
    assert found["alike_names"] == ["Card Lost (2) / card_lost (2)"]
    assert "no_out_of_scope" in found
    assert "no_out_of_scope" not in kinds(rows("oos", "pizza"))


def test_few_examples_are_named() -> None:
    found = kinds([*rows("few", *(f"text {i}" for i in range(12))), *rows("oos", "x")])
    assert found["few_examples"] == ["few: 12 examples"]


def test_conflicting_answers_are_those_that_one_customer_may_get_on_one_day() -> None:
    def entry(name: str, answer: str, **more: object) -> FaqEntry:
        return FaqEntry(name, "What does it cost?", answer, place=name, **more)  # type: ignore[arg-type]

    def conflicts(*entries: FaqEntry) -> int:
        return sum(issue.count for issue in audit_faq(entries, TODAY) if issue.kind == "faq_conflicts")

    assert conflicts(entry("a", "€6"), entry("b", "€9")) == 1
    assert conflicts(entry("a", "€6"), entry("b", "€6 ")) == 0
    assert conflicts(entry("a", "€6", audience="private"), entry("b", "€9", audience="business")) == 0
    assert conflicts(entry("a", "€6", audience="private"), entry("b", "€9")) == 1
    assert (
        conflicts(entry("a", "€6", valid_until=date(2025, 12, 31)), entry("b", "€9", valid_from=date(2026, 1, 1))) == 0
    )
    assert conflicts(entry("a", "€6", valid_until=date(2026, 1, 1)), entry("b", "€9", valid_from=date(2026, 1, 1))) == 1


def test_expired_entries_are_said() -> None:
    old = FaqEntry("a", "?", "!", valid_until=date(2026, 8, 31))
    assert [issue.kind for issue in audit_faq([old], TODAY)] == ["faq_expired"]


def test_check_writes_all_of_it(tmp_path: Path) -> None:
    done = succeed(
        "check", "--data", SAMPLE / "train_zh.csv", "--faq", SAMPLE / "faq_zh.csv", "--out", tmp_path, "--json"
    )
    assert done.result["issues"]["error"] == 0
    found = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert {issue["kind"] for issue in found["issues"]} >= {"faq_expired"}

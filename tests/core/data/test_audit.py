"""The audit finds what was planted, shows no personal data, and writes a page that runs nothing."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest

from core.data.audit import Audit, audit_examples, write_audit
from core.data.example import Example, Task
from core.data.issue import Issue
from core.data.row import Rejected

OPINION = Task("opinion", "single", ("positive", "negative"))
TOPICS = Task("topics", "multi", ("earnings", "legal"))
GOOD = ["profit", "rose", "strongly", "beat", "hopes", "record", "upgrade"]
BAD = ["loss", "fell", "lawsuit", "missed", "target", "debt", "default"]


def make_examples(rows: int = 200, *, flipped: tuple[int, ...] = ()) -> list[Example]:
    chance = random.Random(0)
    examples = []
    for n in range(rows):
        is_good = n % 2 == 0
        words = chance.choices(GOOD if is_good else BAD, k=7) + [
            "".join(chance.choices("bcdfghjklmnpqrstvwxyz", k=9)) for _ in range(5)
        ]
        given = is_good != (n in flipped)
        labels = {
            "opinion": "positive" if given else "negative",
            "topics": ("earnings",) if given else ("legal",),
        }
        examples.append(Example(" ".join(words), labels=labels, place=f"n.csv:{n + 2}", source="n.csv"))
    return examples


def find(audit: Audit, kind: str) -> Issue:
    found = [issue for issue in audit.issues if issue.kind == kind]
    assert len(found) == 1, [issue.kind for issue in audit.issues]
    return found[0]


def kinds(audit: Audit) -> set[str]:
    return {issue.kind for issue in audit.issues}


def places(issue: Issue) -> set[str]:
    return {place for case in issue.cases for place in case.places}


def test_clean_data_has_no_issue() -> None:
    audit = audit_examples(make_examples(), [OPINION, TOPICS])
    assert audit.issues == ()
    assert audit.rows == 200


def test_rejected_records_are_grouped_by_reason_with_counts_and_first_places() -> None:
    rejected = [Rejected(f"n.csv:{n}", f"{n} cells where the header has 2") for n in range(3, 33)]
    rejected.append(Rejected("n.csv:90", "a NUL byte at character 3"))
    issue = find(audit_examples(make_examples(), [OPINION], rejected, suspects=False), "rejected")
    assert issue.severity == "error"
    assert issue.count == 31
    assert [len(case.places) for case in issue.cases] == [20, 1]
    assert issue.cases[0].detail.startswith("30 x 3 cells")


def test_missing_and_empty_cells_are_counted() -> None:
    examples = [*make_examples(), Example("  ", labels={}, place="n.csv:900", source="n.csv")]
    audit = audit_examples(examples, [OPINION, TOPICS], suspects=False)
    assert places(find(audit, "empty_text")) == {"n.csv:900"}
    missing = {field.name: field.missing for field in audit.fields}
    assert missing == {"text": 1, "pair": 201, "time": 201, "group": 201, "opinion": 1, "topics": 1}


def test_exact_duplicates_and_conflicting_labels_are_found_but_for_case_and_space() -> None:
    examples = make_examples()
    examples.append(Example("  " + examples[0].text.upper(), labels={"opinion": "negative"}, place="x.csv:2"))
    examples.append(Example(examples[1].text, pair="other", labels={"opinion": "positive"}, place="x.csv:3"))
    audit = audit_examples(examples, [OPINION], suspects=False)
    assert places(find(audit, "exact_duplicates")) == {"n.csv:2", "x.csv:2"}
    assert places(find(audit, "conflicting_labels")) == {"n.csv:2", "x.csv:2"}


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("The company reported a quarter of growth", "The company reported a quarter of growth!"),
        ("公司发布业绩预告称净利润同比增长超出市场预期", "公司发布业绩预告称净利润同比增长超出市场预期。"),
    ],
)  # fmt: skip
def test_near_duplicates_are_found_in_english_and_chinese(text: str, edited: str) -> None:
    examples = [*make_examples(50), Example(text, place="a:1"), Example(edited, place="a:2")]
    issue = find(audit_examples(examples, [OPINION], suspects=False), "near_duplicates")
    assert places(issue) == {"a:1", "a:2"}
    assert "80%" in issue.explanation


def test_leakage_into_the_test_data_is_an_error() -> None:
    examples = make_examples()
    test = [
        Example(examples[3].text.title(), place="t.csv:2"),
        Example(examples[4].text + " x", place="t.csv:3"),
        Example("nothing of the kind", place="t.csv:4"),
    ]
    audit = audit_examples(examples, [OPINION], test=test, suspects=False)
    assert find(audit, "leakage_exact").severity == "error"
    assert places(find(audit, "leakage_exact")) == {"t.csv:2", "n.csv:5"}
    assert places(find(audit, "leakage_near")) == {"t.csv:3", "n.csv:6"}


def test_wrong_labels_are_suspected() -> None:
    flipped = (10, 51, 120)
    audit = audit_examples(make_examples(flipped=flipped), [OPINION, TOPICS])
    found = [issue for issue in audit.issues if issue.kind == "suspect_labels"]
    assert len(found) == 2
    for issue in found:
        assert {f"n.csv:{row + 2}" for row in flipped} <= places(issue)
        assert issue.count <= 6
    assert "positive?" in " ".join(case.detail for case in found[0].cases)


def test_tiny_class_is_left_out_of_the_search_for_wrong_labels_and_said() -> None:
    examples = [*make_examples(20), Example("odd one out", labels={"opinion": "mixed"}, place="x:1")]
    task = Task("opinion", "single", ("positive", "negative", "mixed"))
    issue = find(audit_examples(examples, [task]), "suspect_labels_skipped")
    assert "fewer than 5 rows: mixed" in issue.explanation
    few = audit_examples(examples[:6], [task])
    assert "not enough labels" in find(few, "suspect_labels_skipped").explanation.lower()


def test_label_counts_rarity_imbalance_and_foreign_labels_are_told() -> None:
    examples = [Example(f"text number {n}", labels={"opinion": "positive"}, place=f"a:{n}") for n in range(120)]
    examples += [
        Example("bad text", labels={"opinion": "negative"}),
        Example("?", labels={"opinion": "bullish"}, place="a:x"),
    ]
    audit = audit_examples(examples, [OPINION, TOPICS], suspects=False)
    assert audit.tasks[0].counts == {"positive": 120, "negative": 1, "bullish": 1}
    assert audit.tasks[0].imbalance == 120
    assert find(audit, "imbalance").severity == "warning"
    assert [case.detail for case in find(audit, "rare_labels").cases] == ["negative: 1 rows"]
    assert places(find(audit, "unknown_labels")) == {"a:x"}
    assert find(audit, "no_labels").severity == "error"


def test_lengths_and_scripts_are_profiled() -> None:
    texts = [
        "Shares rose today",
        "股价今天上涨",
        "苹果发布iPhone新品",
        "Прибыль выросла",
        "12 %",
        "株価が上がる",
        "Tesla Apple 股价 公司",
    ]
    audit = audit_examples([Example(text) for text in texts], [])
    assert audit.scripts == {
        "Han (Chinese)": 2, "Latin": 1, "Cyrillic": 1, "no letters": 1, "Kana (Japanese)": 1, "mixed": 1,
    }  # fmt: skip
    assert audit.lengths["shortest"] == 4
    assert audit.lengths["longest"] == 17


def test_personal_data_is_located_and_never_shown(tmp_path: Path) -> None:
    secret = "mail ann@example.com or call 13800138000"
    examples = [Example(f"{secret} {n % 2} ", labels={"opinion": "positive"}, place=f"a:{n}") for n in range(4)]
    audit = audit_examples(examples, [OPINION], [Rejected("a:7", "'ann@example.com' is no time")])
    assert {case.detail for case in find(audit, "personal_data").cases} == {
        "EMAIL in 4 rows",
        "CN_MOBILE in 4 rows",
    }
    assert find(audit, "exact_duplicates").count == 2
    for path in write_audit(audit, tmp_path):
        shown = path.read_text(encoding="utf-8")
        assert "[EMAIL] or call [CN_MOBILE]" in shown
        assert "ann@example" not in shown
        assert "13800138000" not in shown


def test_page_stands_alone_runs_nothing_and_keeps_hostile_text_as_text(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>{{ 7*7 }}" onload="x'
    examples = [Example(evil, labels={"opinion": evil}, place=evil, source=evil)] * 2
    audit = audit_examples(examples, [OPINION], [Rejected(evil, evil)])
    page = write_audit(audit, tmp_path / "new")[1].read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7*7 }}" in page
    assert not re.search(r"(src|href)=|url\(|@import|https?://", page)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_json_says_what_the_audit_says(tmp_path: Path) -> None:
    audit = audit_examples(make_examples(60), [OPINION], [Rejected("a:1", "broken")])
    path, _ = write_audit(audit, tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == audit.to_json()
    assert [issue["kind"] for issue in audit.to_json()["issues"]] == [issue.kind for issue in audit.issues]


def test_same_data_and_seed_give_the_same_audit() -> None:
    examples = make_examples(flipped=(3, 8))
    assert audit_examples(examples, [OPINION], seed=4) == audit_examples(examples, [OPINION], seed=4)


def test_no_rows_give_an_audit_and_a_page(tmp_path: Path) -> None:
    audit = audit_examples([], [OPINION])
    assert kinds(audit) == {"no_labels"}
    assert "Data audit" in write_audit(audit, tmp_path)[1].read_text(encoding="utf-8")


def test_ten_thousand_alike_texts_are_compared_in_seconds() -> None:
    chance = random.Random(1)
    names = ["".join(chance.choices("abcdefghij", k=6)) for _ in range(400)]
    texts = [
        f"Shares of {a} rose after {b} said {c} would buy {d}"
        for a, b, c, d in (chance.choices(names, k=4) for _ in range(10_000))
    ]
    started = time.process_time()
    audit_examples([Example(text, place=str(n)) for n, text in enumerate(texts)], [])
    assert time.process_time() - started < 20

"""The model card holds what a reader must know, and its Markdown cannot be broken by data."""

from __future__ import annotations

from dataclasses import replace

from core.evaluate.card import render_card


def test_card_has_use_scores_limits_and_how_to_load(report):
    card = render_card(report)
    for wanted in (
        "# Sentiment of news", "## Intended use", "Reading the tone of headlines.", "## Warnings", "| Accuracy |",
        "TF-IDF linear", "Temperature 3.00", "## Limits", "Headlines only.", "Trained on texts in: English.",
        '```python\nScorer.load("model")\n```', "all-MiniLM-L6-v2", "Rows: test: 120",
    ):  # fmt: skip
        assert wanted in card, wanted


def test_every_table_row_of_the_card_has_the_same_number_of_cells(full_report, single_task):
    task = single_task(labels=("a|b", "c", "d"), name="x|y")
    lines = [line for line in render_card(full_report(task)).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_hostile_texts_are_escaped(full_report):
    card = render_card(full_report(title="<script>x</script> [a](javascript:b)\n# forged", load_example="```\nx"))
    assert "<script>" not in card
    assert "\n# forged" not in card
    assert r"\[a\](javascript:b)" in card
    assert "````python" in card


def test_labels_with_too_few_rows_are_named_among_the_limits(full_report, multi_task):
    card = render_card(full_report(multi_task(labels=3, rows=60)))
    assert "Fewer than 20 evaluated rows" in card


def test_chinese_card_is_chinese(report):
    card = render_card(replace(report, language="zh"))
    assert "## 用途" in card
    assert "## Limits" not in card


def test_empty_parts_leave_no_headings(report):
    card = render_card(replace(report, intended_use="", warnings=(), load_example=""))
    assert "## Intended use" not in card
    assert "## Warnings" not in card
    assert "## How to load" not in card

from __future__ import annotations

import csv
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kits.sentiment.backtest.page import render_page
from kits.sentiment.backtest.words import TEXTS
from tests.kits.sentiment.command import SAMPLE, call, succeed

END = datetime.fromisoformat("2026-01-21T00:00:00+00:00")
QUICK = ("--set", "surge.min_history_days=3", "--set", "surge.history_days=14")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first sixteen days of the sample stream, without reprints of what was there."""
    file = tmp_path_factory.mktemp("history") / "stream.jsonl"
    kept, titles = [], set()
    for line in Path(SAMPLE, "stream.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        is_new = item["title"].casefold() not in titles
        if is_new and datetime.fromisoformat(item["ingested_at"]) < END:
            kept.append(line)
            titles.add(item["title"].casefold())
    file.write_text("\n".join([*kept, '{"title": "Nobody knows when"}']) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def measured(model: Path, history: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, str]:
    """What a backtest with planted surges prints, its folder, and what it said."""
    out = tmp_path_factory.mktemp("report")
    outcome = succeed(
        "backtest", "--model", model, "--data", history, "--truth", SAMPLE / "surges.csv", "--out", out, "--json",
        "--inject", "1.5,6", *QUICK,
    )  # fmt: skip
    return outcome.result, out, outcome.err


def test_strong_surges_are_found_within_the_budget_and_no_worse_than_by_any_dummy(
    measured: tuple[dict[str, Any], Path, str],
) -> None:
    result, _, _ = measured
    ours = result["scores"]["ours"]
    strong = result["by_strength"]["strong"]
    assert strong["found"] == strong["events"] == 3
    for kind, score in result["by_kind"].items():
        assert score["false_per_month"] <= result["budgets"][kind] or score["false"] <= 1
    assert ours["found"] > result["scores"]["by_chance"]["found"]
    assert result["scores"]["never"]["found"] == 0
    assert result["scores"]["always"]["false"] > 100 * max(1, ours["false"])


def test_json_beside_the_page_is_what_is_printed_and_repeats(
    measured: tuple[dict[str, Any], Path, str], model: Path, history: Path
) -> None:
    result, out, err = measured
    assert json.loads((out / "backtest.json").read_text(encoding="utf-8")) == result
    assert "1 records cannot be used" in err
    with Path(SAMPLE, "surges.csv").open(encoding="utf-8") as file:
        assert len(result["events"]) == len(list(csv.DictReader(file)))
    weak, strong = result["curve"]
    assert weak["recall"] <= strong["recall"]
    assert strong["planted"] > 5


def test_page_shows_every_alarm_and_every_missed_event_and_loads_nothing(
    measured: tuple[dict[str, Any], Path, str],
) -> None:
    result, out, _ = measured
    page = (out / "backtest.html").read_text(encoding="utf-8")
    text = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.S)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?!#)[^\"'#>\s]", text)
    rows = re.search(r'<section id="alarms">.*?</section>', text, re.S)
    assert rows is not None
    assert rows[0].count("<tr>") == len(result["alarms"]) + 1
    missed = [event for event in result["events"] if event["strength"] != "side" and not event["found"]]
    assert text.count(TEXTS["missed"][0]) >= len(missed) > 0


def test_page_speaks_chinese_and_shows_names_as_text(measured: tuple[dict[str, Any], Path, str]) -> None:
    result, _, _ = measured
    hostile = "company:<img src=x onerror=alert(1)>"
    alarm = result["alarms"][0] | {"series": hostile}
    page = render_page(result | {"alarms": [alarm]}, "zh")
    assert '<html lang="zh-Hans">' in page
    assert TEXTS["title"][1] in page
    assert "<img src=x" not in page


def test_texts_have_the_same_places_in_both_languages() -> None:
    for key, (english, chinese) in TEXTS.items():
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", chinese)), key


def test_without_truth_every_alarm_is_false_and_the_page_says_so(
    measured: tuple[dict[str, Any], Path, str],
) -> None:
    result, _, _ = measured
    alarms = [alarm | {"is_false": True} for alarm in result["alarms"]]
    scores = {
        name: score | {"events": 0, "found": 0, "recall": None, "recall_low": None, "delay_windows": None}
        for name, score in result["scores"].items()
    }
    page = render_page(result | {"alarms": alarms, "events": [], "by_strength": {}, "scores": scores}, "en")
    assert TEXTS["no_truth"][0] in page


@pytest.mark.parametrize(
    ("options", "where"),
    [
        (("--inject", "0.5"), "--inject"),
        (("--inject", "much"), "--inject"),
        (("--set", "alert.budget=few"), "alert.budget"),
        (("--set", "surge.history_days=60", "--set", "surge.min_history_days=50"), "--data"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    model: Path, tmp_path: Path, options: tuple[str, ...], where: str
) -> None:
    start = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
    file = tmp_path / "short.jsonl"
    lines = [
        {"title": f"Bank {n} meets", "published_at": (start + n * timedelta(hours=1)).isoformat()} for n in range(30)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcome = call("backtest", "--model", model, "--data", file, *options)
    assert outcome.code == 2
    assert where in outcome.error


def test_tuned_threshold_is_written_and_used(model: Path, history: Path, tmp_path: Path) -> None:
    file = tmp_path / "tuned.toml"
    truth = ("--truth", SAMPLE / "surges.csv")
    tuned = succeed("tune", "--model", model, "--data", history, *truth, "--out", file, "--json", *QUICK).result
    assert 1e-7 <= tuned["threshold"] <= 0.05
    assert {part["part"] for part in tuned["parts"]} == {"chosen on", "shown on"}
    again = succeed("backtest", "--model", model, "--data", history, *truth, "--config", file, "--json", *QUICK).result
    assert again["threshold"] == tuned["threshold"]

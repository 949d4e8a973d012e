"""The page is complete, self-contained, safe with hostile texts, and honest about training."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from string import Formatter

import numpy as np
import pytest
from pydantic import TypeAdapter

from core.data.example import Example, Task
from core.evaluate.assess import Forecast, assess_task
from core.evaluate.convergence import TrainingPoint, convergence_verdict
from core.evaluate.curves import precision_recall_points, roc_curve_points
from core.evaluate.document import DataFacts, ModelFacts, Report, TaskReport
from core.evaluate.metrics import Scored
from core.evaluate.report import render_report, write_report
from core.evaluate.texts import TEXTS

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>{{ 7*7 }}'


class Page(HTMLParser):
    """What a browser would see: elements, texts, and the JSON of the figures."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.scripts, self._open = [], [], [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_data(self, data):
        if self._open == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif self._open != "style":
            self.texts.append(data)

    def handle_endtag(self, tag):
        self._open = None

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    @property
    def figures(self):
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


def without_library(html):
    return max(re.split(r"<script>.*?</script>", html, flags=re.DOTALL)[:1], key=len)


def test_page_states_score_baseline_lead_and_calibration_in_plain_words(report):
    text = Page(render_report(report)).text
    accuracy = report.tasks[0].model.metrics["accuracy"]
    assert f"the model gets {100 * accuracy:.1f} % (" in text
    assert "of sentiment right; TF-IDF linear" in text
    assert "more than chance explains" in text
    assert "before calibration)" in text


def test_every_part_of_the_report_is_on_the_page(report):
    page = Page(render_report(report))
    for wanted in (
        "Some rows are near-duplicates.", "Wins by more than its error bar.", "Not tried: no time left.",
        "22.7 million, of which 600,000 trained", "2 × empty text", "time: tomorrow is new", "1 min 15 s",
        "Training converged", "Most confused pairs", "Most confident mistakes", "csv:", "Would more data help?",
        "Temperature 3.00", "The plots need JavaScript",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert len(page.figures) == 7
    assert sum(dict(a).get("class") == "plot" for _, a in page.elements) == 7


def test_page_refers_to_nothing_outside_itself(report):
    page = Page(render_report(report))
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
    assert "http" not in without_library(render_report(report)).replace("http-equiv", "")
    assert "url(" not in without_library(render_report(report))


def test_policy_allows_the_two_own_scripts_only(report):
    html = render_report(report)
    policy = next(a["content"] for t, a in Page(html).elements if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert policy.count("'sha256-") == 2
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_hostile_texts_stay_texts(full_report, single_task):
    task = single_task(labels=(HOSTILE, "b", "c"), name=HOSTILE, text=HOSTILE)
    report = full_report(task, title=HOSTILE, warnings=(HOSTILE,))
    page = Page(render_report(report))
    assert HOSTILE in page.text
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == len(page.figures) + 2
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    drawn = json.dumps(page.figures)
    assert "<script" not in drawn
    assert "<img" not in drawn


def test_links_of_the_contents_lead_to_headings(report, multi_task):
    page = Page(render_report(replace(report, tasks=(*report.tasks, multi_task()))))
    ids = {a["id"] for _, a in page.elements if "id" in a}
    links = {a["href"][1:] for t, a in page.elements if t == "a"}
    assert links <= ids


def test_few_labels_are_counted_in_a_table_and_many_in_a_heat_map(full_report, single_task):
    few, many = single_task(), single_task(labels=[f"intent_{i}" for i in range(151)], rows=453)
    assert 'class="table heat"' in render_report(full_report(few))
    html = render_report(full_report(many))
    assert 'class="table heat"' not in html
    heat_map = next(f for f in Page(html).figures if f["data"][0]["type"] == "heatmap")
    assert len(heat_map["data"][0]["z"]) == 151
    assert heat_map["layout"]["xaxis"]["ticktext"] == []


def test_multi_label_page_shows_thresholds_and_both_texts_of_a_pair(full_report, multi_task):
    task = multi_task()
    text = Page(render_report(full_report(task))).text
    assert "Threshold" in text
    assert f"{task.thresholds[0]:.2f}" in text
    assert "¦ Acme" in text
    assert "labels the model assigns are right" in text


def test_faultless_model_is_said_to_have_no_mistakes(full_report):
    truth = np.arange(40) % 2
    task = assess_task(
        Task("spam", "single", ("ham", "spam")),
        truth,
        Forecast(np.where(truth[:, None] == np.arange(2), 0.98, 0.02)),
        examples=[Example("a")] * 40,
        samples=10,
    )
    assert task.mistakes == ()
    assert "No mistake on the evaluated rows." in Page(render_report(full_report(task))).text


def test_smallest_report_of_a_task_that_is_no_classification_renders():
    task = TaskReport(
        "clicks", "single", (), 50, Scored("model", {"ndcg@10": 0.41}), (Scored("popular", {"ndcg@10": 0.3}),)
    )
    text = Page(render_report(Report("t", ModelFacts("b", "full"), DataFacts({}), (task,)))).text
    assert "On clicks, the model reaches ndcg@10 0.410; popular 0.300." in text


def test_mistakes_are_the_surest_first_and_all_wrong(single_task):
    mistakes = single_task().mistakes
    assert [m.confidence for m in mistakes] == sorted((m.confidence for m in mistakes), reverse=True)
    assert all(m.truth != m.predicted for m in mistakes)


def test_report_survives_a_trip_through_json(report):
    adapter = TypeAdapter(Report)
    again = adapter.validate_json(adapter.dump_json(report))
    assert asdict(again) == asdict(report)
    assert render_report(again) == render_report(report)


def test_written_file_holds_the_page(report, tmp_path):
    write_report(report, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_report(report)


def test_chinese_page_has_no_english_left(report):
    html = render_report(replace(report, language="zh"))
    assert '<html lang="zh-Hans">' in html
    text = Page(html).text
    for key, (english, chinese) in TEXTS.items():
        if len(english) > 8 and english != chinese and "{" not in english:
            assert english not in text, key
    assert "模型对 sentiment 的判断正确率为" in text


def test_chinese_texts_have_the_placeholders_of_the_english():
    def names(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for key, (english, chinese) in TEXTS.items():
        assert chinese.strip(), key
        assert names(english) == names(chinese), key


def points(train, metric, loss=None):
    loss = loss or [None] * len(metric)
    return [TrainingPoint(i + 1, i + 1, t, v, m) for i, (t, m, v) in enumerate(zip(train, metric, loss, strict=True))]


@pytest.mark.parametrize(
    ("curve", "label", "words"),
    [
        (points([1, 0.5, 0.3, 0.2], [0.7, 0.8, 0.801, 0.8]), "converged", "epoch 3"),
        (points([1, 0.5, 0.3, 0.2], [0.7, 0.8, 0.8, 0.8], [0.5, 0.4, 0.45, 0.5]), "converged", "over-sure"),
        (points([1, 0.5, 0.3, 0.2], [0.7, 0.75, 0.8, 0.85]), "improving", "train longer"),
        (points([1, 0.5, 0.3, 0.2], [0.7, 0.8, 0.77, 0.75]), "overfitting", "that of epoch 2, is kept"),
        (points([1, 0.5, 0.3, 0.2], [None] * 4, [0.9, 0.5, 0.6, 0.8]), "overfitting", "epoch 2"),
        (points([1, 0.5, 0.3, 0.2], [None] * 4, [0.9, 0.6, 0.5, 0.4]), "improving", "epoch 4"),
        (points([1, 0.5, 4.0], [0.7, 0.7, 0.2]), "diverged", "learning rate"),
        (points([1, float("nan"), 0.5], [0.7, 0.7, 0.7]), "diverged", "learning rate"),
        (points([1, 0.5], [0.7, 0.8]), "short", "2 validated points"),
        ([], "short", "0 validated points"),
    ],
)
def test_verdict_on_a_training_curve(curve, label, words):
    verdict = convergence_verdict(curve)
    assert verdict.label == label
    assert words in verdict.text


def test_diverged_training_still_gives_a_page(full_report):
    training = tuple(points([1, float("nan"), float("inf")], [0.5, float("nan"), 0.4]))
    page = Page(render_report(full_report(training=training)))
    assert "Training diverged" in page.text
    assert len(page.figures) == 7


def test_curves_keep_their_ends_and_stay_thin():
    random = np.random.default_rng(0)
    truth = random.random(5000) < 0.3
    scores = random.normal(size=5000) + truth
    roc, pr = roc_curve_points(scores, truth, "a"), precision_recall_points(scores, truth, "a")
    assert len(roc.x) <= 200
    assert len(pr.x) <= 200
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert pr.x[-1] == 1
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(roc.area, abs=0.005)
    assert roc_curve_points(scores, np.zeros(5000)) is None

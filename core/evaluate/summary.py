"""The report in a few plain sentences: how good, how much better than guessing, how trustworthy."""

from __future__ import annotations

from core.evaluate.baseline import MAJORITY
from core.evaluate.bootstrap import Difference
from core.evaluate.calibration import calibration_error
from core.evaluate.convergence import convergence_verdict
from core.evaluate.document import Report, TaskReport, headline_metric
from core.evaluate.texts import Language, texts_in
from core.evaluate.wording import metric_name, percent, points, scored, with_interval

WEAKEST = 3


def summarise(report: Report) -> list[str]:
    """Sentences for the top of the page, the tasks first, then the training."""
    between = "" if report.language == "zh" else " "
    sentences = [between.join(summarise_task(task, report.language)) for task in report.tasks]
    if report.training:
        sentences.append(convergence_verdict(report.training, report.language).text)
    return sentences


def summarise_task(task: TaskReport, language: Language) -> list[str]:
    """The score beside its baselines, the lead, the calibration and the weakest labels."""
    sentences = [_score_sentence(task, language)]
    if task.leads:
        best = min(task.leads, key=lambda name: task.leads[name].value)
        sentences.append(_lead_sentence(baseline_name(best, language), task.leads[best], language))
    texts = texts_in(language)
    if task.reliability_after:
        after = points(calibration_error(list(task.reliability_after)))
        before = points(calibration_error(list(task.reliability_before)))
        key = "sum_calibrated" if task.reliability_before else "sum_ece"
        sentences.append(texts[key].format(after=after, before=before))
    ranked = sorted(
        (s.f1, label, s.support)
        for s, label in zip(task.label_scores, task.labels, strict=True)
        if s.support and s.f1 < 1
    )
    if ranked and len(task.labels) > WEAKEST:
        weak = (
            texts["sum_weak_label"].format(label=label, f1=percent(f1, language), rows=rows)
            for f1, label, rows in ranked[:WEAKEST]
        )
        separator = "、" if language == "zh" else ", "
        sentences.append(texts["sum_weakest"].format(labels=separator.join(weak)))
    return sentences


def baseline_name(name: str, language: Language) -> str:
    """How a baseline is called on the page; only ``majority`` has words of its own."""
    return texts_in(language)["majority"] if name == MAJORITY else name


def _score_sentence(task: TaskReport, language: Language) -> str:
    texts, metric, scores = texts_in(language), headline_metric(task), task.model.metrics
    others = [
        texts["sum_baseline"].format(
            name=baseline_name(b.name, language), score=scored(metric, b.metrics[metric], language)
        )
        for b in task.baselines
        if metric in b.metrics
    ]
    separator = texts["sum_separator"]
    values = {
        "task": task.name,
        "rows": f"{task.rows:,}",
        "metric": metric_name(metric, language),
        "score": with_interval(metric, scores[metric], task.model.intervals.get(metric), language),
        "baselines": separator + separator.join(others) if others else "",
    }
    if metric == "accuracy":
        return texts["sum_single"].format(**values)
    if {"micro_precision", "micro_recall"} <= scores.keys():
        values |= {k: percent(scores[f"micro_{k}"], language) for k in ("precision", "recall")}
        return texts["sum_multi"].format(**values)
    return texts["sum_other"].format(**values)


def _lead_sentence(name: str, lead: Difference, language: Language) -> str:
    texts = texts_in(language)
    if not lead.is_certain:
        key, value, low, high = "sum_level", lead.value, lead.low, lead.high
    elif lead.value > 0:
        key, value, low, high = "sum_ahead", lead.value, lead.low, lead.high
    else:
        key, value, low, high = "sum_behind", -lead.value, -lead.high, -lead.low
    return texts[key].format(points=points(value), name=name, low=points(low), high=points(high))

"""One self-contained HTML page about a model, in words and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.evaluate import figures, wording
from core.evaluate.calibration import calibration_error
from core.evaluate.convergence import TrainingPoint, convergence_verdict
from core.evaluate.document import Report, TaskReport, headline_metric
from core.evaluate.facts import data_facts, model_facts
from core.evaluate.page import render_alone
from core.evaluate.summary import baseline_name, summarise
from core.evaluate.texts import texts_in

MOST_NUMBERED_LABELS = 12
MOST_TRAINING_ROWS = 24


def write_report(report: Report, path: Path) -> None:
    """Render a report and write it as UTF-8."""
    path.write_text(render_report(report), encoding="utf-8")


def render_report(report: Report) -> str:
    """The page as one string.

    Args:
        report: What it says.

    Returns:
        HTML without a single reference to anything outside itself.
    """
    return render_alone(
        "report.html",
        report=report,
        t=texts_in(report.language),
        words=wording,
        fewest_predictions=figures.FEWEST_PREDICTIONS,
        sentences=summarise(report),
        verdict=convergence_verdict(report.training, report.language) if report.training else None,
        training_rows=_thinned(report.training),
        ladder_figure=figures.ladder_figure(report.ladder) if report.ladder else None,
        training_figure=_training_figure(report),
        tasks=[_task_view(task, report) for task in report.tasks],
        tiles=_tiles(report),
        model_facts=model_facts(report),
        data_facts=data_facts(report),
    )


def _task_view(task: TaskReport, report: Report) -> dict[str, Any]:
    """What the template needs of one task beyond its data: figures, names and choices."""
    language, texts = report.language, texts_in(report.language)
    models = [task.model, *task.baselines]
    names = [texts["this_model"], *(baseline_name(b.name, language) for b in task.baselines)]
    metrics = {key: wording.metric_name(key, language) for key in task.model.metrics}
    drawn = {k: name for k, name in metrics.items() if k in wording.PERCENT - wording.LOWER_IS_BETTER}
    axes = {"everything": texts["all_labels"]}
    return {
        "data": task,
        "models": models,
        "names": names,
        "metrics": metrics,
        "scores_figure": figures.scores_figure(models, names, drawn) if drawn else None,
        "confusion_figure": (
            figures.confusion_figure(task.labels, task.confusion, texts)
            if len(task.confusion) > MOST_NUMBERED_LABELS
            else None
        ),
        "roc_figure": task.roc
        and figures.curves_figure(
            task.roc, texts["false_positive_rate"], texts["true_positive_rate"], has_diagonal=True, **axes
        ),
        "precision_recall_figure": task.precision_recall
        and figures.curves_figure(
            task.precision_recall, texts["recall"], texts["precision"], has_diagonal=False, **axes
        ),
        "reliability_figure": task.reliability_after
        and figures.reliability_figure(task.reliability_before, task.reliability_after, texts),
        "is_flawless": task.model.metrics.get("accuracy", task.model.metrics.get("subset_accuracy")) == 1.0,
        "ece_before": calibration_error(list(task.reliability_before)),
        "ece_after": calibration_error(list(task.reliability_after)),
        "learning_figure": task.learning
        and figures.learning_figure(
            task.learning,
            texts["training_rows"],
            wording.metric_name(headline_metric(task), language),
        ),
        "learning_metric": headline_metric(task),
    }


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """The key figures on top: name, value and what stands under it."""
    language, tiles = report.language, []
    for task in report.tasks:
        metric = headline_metric(task)
        name = wording.metric_name(metric, language)
        value = wording.scored(metric, task.model.metrics[metric], language)
        below = wording.bounds(metric, task.model.intervals.get(metric))
        tiles.append((f"{task.name}: {name}" if len(report.tasks) > 1 else name, value, below))
    return tiles + _further_tiles(report.tasks[0], report) if len(report.tasks) == 1 else tiles


def _further_tiles(task: TaskReport, report: Report) -> list[tuple[str, str, str]]:
    """Beside the score of a single task: its lead, its honesty and how many rows say so."""
    language, texts, tiles = report.language, texts_in(report.language), []
    if task.leads:
        name, lead = min(task.leads.items(), key=lambda item: item[1].value)
        ahead = texts["tile_lead"].format(name=baseline_name(name, language))
        sign = "+" if lead.value > 0 else ""
        bounds = f"{wording.points(lead.low)} – {wording.points(lead.high)}"
        tiles.append((ahead, sign + wording.points(lead.value), bounds))
    if task.reliability_after:
        error = calibration_error(list(task.reliability_after))
        tiles.append((texts["tile_ece"], wording.percent(error, language), ""))
    return [*tiles, (texts["tile_rows"], f"{task.rows:,}", "")]


def _training_figure(report: Report) -> dict[str, Any] | None:
    if not report.training:
        return None
    texts = texts_in(report.language)
    metric = wording.metric_name(report.training_metric, report.language)
    return figures.training_figure(report.training, texts, texts["validation"].format(metric=metric))


def _thinned(points: tuple[TrainingPoint, ...]) -> list[TrainingPoint]:
    """The validated points (all, if none is), thinned evenly to what a table can hold."""
    kept = [p for p in points if p.validation_loss is not None or p.validation_metric is not None]
    kept = kept or list(points)
    if len(kept) <= MOST_TRAINING_ROWS:
        return kept
    step = (len(kept) - 1) / (MOST_TRAINING_ROWS - 1)
    return [kept[round(i * step)] for i in range(MOST_TRAINING_ROWS)]

"""One self-contained HTML page about a model: it opens anywhere, prints on A4, and loads nothing.

plotly.js is read out of the installed package and written into the page. A content security policy
names the hashes of the page's own two scripts, so that no text that slipped into it could run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from core.evaluate import figures, wording
from core.evaluate.calibration import calibration_error
from core.evaluate.convergence import TrainingPoint, convergence_verdict
from core.evaluate.document import Report, TaskReport, headline_metric
from core.evaluate.facts import data_facts, model_facts
from core.evaluate.summary import baseline_name, summarise
from core.evaluate.texts import texts_in

PAGES = Path(__file__).parent / "pages"
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
    script, library = Markup((PAGES / "report.js").read_text(encoding="utf-8")), Markup(_plotly())
    texts = texts_in(report.language)
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            t=texts,
            sentences=summarise(report),
            verdict=convergence_verdict(report.training, report.language) if report.training else None,
            training_rows=_thinned(report.training),
            ladder_figure=figures.ladder_figure(report.ladder) if report.ladder else None,
            training_figure=_training_figure(report),
            tasks=[_task_view(task, report) for task in report.tasks],
            tiles=_tiles(report),
            model_facts=model_facts(report),
            data_facts=data_facts(report),
            style=Markup((PAGES / "report.css").read_text(encoding="utf-8")),
            script=script,
            library=library,
            script_hashes=" ".join(f"'sha256-{_digest(source)}'" for source in (library, script)),
        )
    )


def embed_json(value: Any) -> Markup:
    r"""JSON that may stand inside a script element: no ``<``, so nothing in it can close the element.

    >>> embed_json({"a": "</script>"})
    Markup('{"a":"\\u003c/script>"}')
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def breakable(text: str) -> Markup:
    """A name that may break after an underscore, a slash or a dot, so that it fits a column.

    >>> breakable("lost_card<b>")
    Markup('lost_<wbr>card&lt;b&gt;')
    """
    return Markup(re.sub(r"([_/.])", r"\1<wbr>", str(escape(text))))


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


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["words"] = wording
    environment.globals["fewest_predictions"] = figures.FEWEST_PREDICTIONS
    environment.filters["embed"] = embed_json
    environment.filters["breakable"] = breakable
    return environment


@cache
def _plotly() -> str:
    """The library's text; importing plotly itself for this would take a second."""
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()

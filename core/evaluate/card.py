"""The model card: what a model is for, how good it is and where it fails, in one Markdown file.

Source: Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.evaluate import wording
from core.evaluate.document import Report, TaskReport
from core.evaluate.facts import data_facts, model_facts
from core.evaluate.summary import baseline_name, summarise
from core.evaluate.texts import texts_in

FEWEST_ROWS = 20
MOST_NAMED = 10


def render_card(report: Report) -> str:
    """The card as Markdown; every text from outside is escaped, so that it stays text."""
    texts = texts_in(report.language)
    sections = [
        f"# {escape(report.title)}",
        "\n\n".join(escape(sentence) for sentence in summarise(report)),
        _section(texts["intended_use"], escape(report.intended_use)),
        _section(texts["warnings"], _bullets(report.warnings)),
        *(_task_section(task, report) for task in report.tasks),
        *(_section(panel.title, "\n\n".join(map(escape, panel.sentences))) for panel in report.panels),
        _section(texts["limits"], _bullets(_limits(report))),
        _section(texts["how_to_load"], _fenced(report.load_example)),
        _section(texts["model"], _bullets(f"{term}: {value}" for term, value in model_facts(report))),
        _section(texts["data"], _bullets(f"{term}: {value}" for term, value in data_facts(report))),
    ]
    return "\n\n".join(part for part in sections if part) + "\n"


def escape(text: str) -> str:
    r"""Text on one line with the characters that Markdown or HTML would read made plain.

    >>> escape("a*b* | <script>")
    'a\\*b\\* \\| &lt;script>'
    """
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", flat)


def _task_section(task: TaskReport, report: Report) -> str:
    language = report.language
    texts = texts_in(language)
    models = [task.model, *task.baselines]
    names = [texts["this_model"], *(baseline_name(b.name, language) for b in task.baselines)]
    head = [texts["metric"], *names]
    lines = [
        f"| {' | '.join(map(escape, head))} |",
        f"|{'|'.join(['---'] + ['---:'] * len(models))}|",
    ]
    for metric in task.model.metrics:
        name = wording.metric_name(metric, language)
        if metric in wording.LOWER_IS_BETTER:
            name += f" ({texts['lower_is_better']})"
        cells = [
            wording.with_interval(metric, m.metrics[metric], m.intervals.get(metric), language)
            if metric in m.metrics
            else "–"
            for m in models
        ]
        lines.append(f"| {' | '.join(map(escape, [name, *cells]))} |")
    facts = texts["task_facts"].format(labels=len(task.labels), rows=f"{task.rows:,}")
    if task.temperature is not None:
        facts += "; " + texts["temperature"].format(value=f"{task.temperature:.2f}")
    return f"## {escape(task.name)}\n\n{facts}\n\n{texts['scores_note']}\n\n" + "\n".join(lines)


def _limits(report: Report) -> list[str]:
    """What the author says, and what follows from the numbers."""
    texts, limits = texts_in(report.language), list(report.limits)
    if report.model.text_language:
        limits.append(texts["limit_language"].format(language=report.model.text_language))
    for task in report.tasks:
        scores = zip(task.labels, task.label_scores, strict=False)
        rare = [label for label, s in scores if s.support < FEWEST_ROWS]
        if rare:
            named = ", ".join(rare[:MOST_NAMED]) + (" …" if len(rare) > MOST_NAMED else "")
            limits.append(texts["limit_rare"].format(fewest=FEWEST_ROWS, labels=f"{task.name}: {named}"))
    if any(task.kind == "single" and task.labels for task in report.tasks):
        limits.append(texts["limit_new"])
    return limits


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {escape(item)}" for item in items)


def _fenced(code: str) -> str:
    """A code block whose fence is longer than any run of backticks in the code."""
    if not code:
        return ""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{code.strip()}\n{fence}"

"""``evaluate``: what a model is worth on rows it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.console import say
from core.data.load import has_labels
from core.errors import DataError
from core.evaluate.document import DataFacts, ModelFacts, Report
from core.evaluate.report import write_report
from core.predict.judge import judge, leave_out_seen, summarise
from core.predict.load import load_baselines, load_model
from core.train.show import show_scores
from kits.sentiment.config import SentimentConfig, read_config
from kits.sentiment.data import load
from kits.sentiment.train import KIT

_TITLE = {"en": "Evaluation of model", "zh": "模型评估"}


def run(
    *,
    model: Path,
    data: list[str] | None = None,
    map: list[str] | None = None,
    label: list[str] | None = None,
    report: Path | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: judge on ``data``, or on the rows that training held out.

    Rows that the model was trained or chosen on are left out, and their number is said.

    Args:
        model: The model folder.
        data: Other sources than those it was trained from.
        map: Column map of the data; the training data's where not given.
        label: Label map of the data; the training data's where not given.
        report: Where to write the HTML report, if anywhere.
        config: Settings above those the model was trained with.
        set: Single settings above those.
        seed: Of the resampling.
        as_json: The caller prints the result; show no table.
    """
    trained = load_model(model, SentimentConfig, KIT)
    settings = read_config(base=trained.config, config=config, set=set, seed=seed, data=data, map=map, label=label)
    corpus = load(settings)
    labelled = [example for example in corpus.examples if has_labels(example, trained.tasks)]
    examples, seen = leave_out_seen(trained, labelled)
    if seen:
        say(f"{seen} rows that the model was trained or chosen on are left out")
    if labelled and not examples:
        raise DataError("the model has seen all of these rows in training", where="--data", fix="give other rows")
    samples = settings.evaluate.bootstrap_samples
    reports = judge(trained, examples, load_baselines(trained), samples=samples, seed=settings.seed)
    summary = summarise(reports, len(examples)) | {"left_out": seen, "model": trained.version}
    if not as_json:
        show_scores(summary)
    if report is not None:
        write_report(
            Report(
                title=f"{_TITLE[settings.preset]} {trained.version}",
                model=ModelFacts(trained.config.model.backbone, trained.settings.rung, trained.classifier.parameters),
                data=DataFacts({"evaluated": len(examples), "left out": seen}, sources=corpus.sources),
                tasks=reports,
                language=settings.preset,
            ),
            report,
        )
        say(f"Report: {report}")
    return summary

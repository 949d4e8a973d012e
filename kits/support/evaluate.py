"""``evaluate``: what a model is worth on rows it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.console import say
from core.data.example import Example
from core.data.load import has_labels
from core.errors import DataError
from core.evaluate.document import DataFacts, ModelFacts, Report
from core.evaluate.report import write_report
from core.evaluate.risk import mean_interval
from core.predict.judge import judge, leave_out_seen, summarise
from core.predict.load import load_baselines
from core.train.recipe import add_scores
from core.train.show import show_scores
from kits.support.config import read_config
from kits.support.data import load
from kits.support.predict import Reader
from kits.support.scope.build import assess_scope

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
    reader = Reader.load(model)
    trained = reader.model
    settings = read_config(base=trained.config, config=config, set=set, seed=seed, data=data, map=map, label=label)
    corpus = load(settings)
    labelled = [example for example in corpus.examples if has_labels(example, trained.tasks)]
    examples, seen = leave_out_seen(trained, labelled)
    if seen:
        say(f"{seen} rows that the model was trained or chosen on are left out")
    if labelled and not examples:
        raise DataError("the model has seen all of these rows in training", where="--data", fix="give other rows")
    baselines = load_baselines(trained)
    reports = judge(trained, examples, baselines, samples=settings.evaluate.bootstrap_samples, seed=settings.seed)
    addition = assess_scope(settings, trained, reader.scope, baselines, examples)
    several = [example for example in corpus.examples if "intents" in example.labels]
    summary = add_scores(summarise(reports, len(examples)), addition.summary)
    summary = add_scores(summary, measure_several(reader, several))
    summary |= {"left_out": seen, "model": trained.version}
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
                panels=addition.panels,
            ),
            report,
        )
        say(f"Report: {report}")
    return summary


def measure_several(reader: Reader, several: Sequence[Example]) -> dict[str, Any]:
    """On how many of the texts that ask for several intents exactly these are found; nothing without such texts."""
    if not several:
        return {}
    found = [set(read.asked) for read in reader.read([example.text for example in several])]
    right = np.array([names == set(example.labels["intents"]) for names, example in zip(found, several, strict=True)])
    interval = mean_interval(right)
    return {
        "metrics": {"scope.several_found": float(right.mean())},
        "intervals": {"scope.several_found": [interval.low, interval.high]},
    }

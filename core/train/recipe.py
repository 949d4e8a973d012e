"""From examples to a model folder: split, climb the ladder, judge on held-out rows, write.

This is what every kit's ``train`` calls. It keeps nothing of the texts in the folder except the
worst mistakes that the report shows, and one-way marks of the rows by which ``evaluate`` can
tell rows that were trained on from new ones.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from core.config import KitConfig, dump_config, parse_duration
from core.console import is_main_process, say
from core.data.example import Dataset, Example, Task, make_dataset
from core.data.load import Corpus, TaskSpec, build_tasks, has_labels
from core.data.split import Split, split_examples
from core.errors import DataError
from core.evaluate import document
from core.evaluate.baseline import label_frequencies
from core.evaluate.card import render_card
from core.evaluate.convergence import TrainingPoint
from core.evaluate.document import DataFacts, ModelFacts, Panel, Report, TaskReport
from core.evaluate.report import write_report
from core.model.backbone import PACKAGED, PACKAGED_NAME
from core.model.bundle import check_target, new_bundle, write_document
from core.predict.decide import Calibration
from core.predict.judge import Baselines, judge, summarise
from core.predict.load import SPLITS, Confusion, Facts, Model, Settings, fingerprint_rows, write_model_files
from core.train.ladder import BLENDED, PRIMARY_METRIC, Ladder, Rung, climb
from core.train.learning import learning_curve
from core.train.refit import refit

LIBRARIES = ("torch", "transformers", "accelerate", "scikit-learn")


@dataclass(frozen=True, slots=True)
class KitFacts:
    """What a kit says of itself in its models and reports.

    Attributes:
        name: Such as ``sentiment``.
        title: Headline of the report.
        intended_use: A paragraph for the model card.
        load_example: Python code that loads and uses the model.
        language: Of the report: ``en`` or ``zh``.
        warnings: What the reader must know, beside what training finds.
    """

    name: str
    title: str
    intended_use: str
    load_example: str
    language: Any = "en"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made.

    Attributes:
        folder: The model folder.
        ladder: The rungs that were tried.
        summary: As ``evaluate --json`` prints it, on the held-out rows; empty without any.
        seconds: From the first split to the written folder.
    """

    folder: Path
    ladder: Ladder
    summary: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Parts:
    """The examples of each side of the split."""

    split: Split
    train: list[Example]
    validation: list[Example]
    test: list[Example]
    unlabelled: list[Example]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Addition:
    """What a kit adds to a model of its own.

    Attributes:
        write: Writes its files into the folder that is being made.
        summary: ``metrics``, ``baselines`` and ``intervals`` beside those of the tasks.
        panels: Sections of the report.
        warnings: For the report.
    """

    write: Callable[[Path], None]
    summary: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    panels: tuple[Panel, ...] = ()
    warnings: tuple[str, ...] = ()


Extend = Callable[[Model, Model, Mapping[str, list[Example]], Baselines], Addition]


def train_bundle(
    corpus: Corpus,
    specs: Sequence[TaskSpec],
    config: KitConfig,
    out: Path,
    kit: KitFacts,
    *,
    resume: bool = False,
    extend: Extend | None = None,
) -> Trained:
    """Train on a corpus and write a model folder.

    Args:
        corpus: What was read.
        specs: What the kit asks of a text.
        config: The resolved configuration; it is kept in the folder.
        out: The model folder; replaced if it is one already.
        kit: What the kit says of itself.
        resume: Go on from the newest checkpoint of an interrupted run with the same ``out``.
        extend: Makes what the kit adds to a model. It is given the model as it was chosen, which has not seen
            the validation rows, the one that is kept, the examples of each side and the baselines.

    Raises:
        DataError: The rows are too few, or carry no labels.
        ConfigError: ``out`` is something else than a model folder.
    """
    check_target(out)
    begun = time.monotonic()
    parts = _divide(corpus, specs, config)
    tasks, left_out = build_tasks(parts.train, specs, config.data.min_label_rows)
    parts.warnings.extend(_label_warnings(left_out, config.data.min_label_rows))
    train, validation = make_dataset(parts.train, tasks), make_dataset(parts.validation, tasks)
    say(f"{len(train)} rows to train on, {len(validation)} to validate, {len(parts.test)} held out")
    checkpoints = out.with_name(f".{out.name}.checkpoints")
    if not resume and is_main_process():
        shutil.rmtree(checkpoints, ignore_errors=True)
    unlabelled = [(example.text, example.pair) for example in parts.unlabelled]
    ladder = climb(train, validation, tasks, config, checkpoints, resume, unlabelled)
    if parts.unlabelled:
        learned = "what the model reads in them was learned from, where they are about the same"
        use = learned if _is_self_trained(ladder) else "they were not used"
        parts.warnings.append(f"{len(parts.unlabelled)} rows carry no label: {use}.")
    chosen = _assemble(ladder, tasks, train, parts, config, kit)
    budget = None if config.train.budget is None else parse_duration(config.train.budget)
    left = None if budget is None else budget - (time.monotonic() - begun)
    ladder = refit(ladder, train, validation, tasks, config, left)
    model = _assemble(ladder, tasks, train, parts, config, kit)
    baselines = _baselines(ladder)
    reports: tuple[TaskReport, ...] = ()
    if parts.test:
        reports = judge(model, parts.test, baselines, samples=config.evaluate.bootstrap_samples, seed=config.seed)
        if config.evaluate.learning_curve:
            reports = learning_curve(parts.train, parts.validation, parts.test, reports, config)
    summary = summarise(reports, len(parts.test)) if reports else {}
    sides = {name: getattr(parts, name) for name in SPLITS}
    addition = extend(chosen, model, sides, baselines) if extend else Addition(lambda _: None)
    if summary:
        summary = add_scores(summary, addition.summary)
    parts.warnings.extend(addition.warnings)
    report = _describe(corpus, parts, ladder, model, reports, config, kit, time.monotonic() - begun)
    report = replace(report, panels=addition.panels)
    if is_main_process():
        with new_bundle(out) as folder:
            write_model_files(folder, model, dump_config(config))
            addition.write(folder)
            _write_baselines(folder, ladder)
            write_document(folder, "metrics.json", _metrics(ladder, model, summary, report, parts.train))
            write_report(report, folder / "report.html")
            (folder / "README.md").write_text(render_card(report), encoding="utf-8")
        shutil.rmtree(checkpoints, ignore_errors=True)
    return Trained(out, ladder, summary, time.monotonic() - begun)


def add_scores(summary: dict[str, Any], more: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A summary with further metrics, baselines and intervals, each beside those of its kind."""
    baselines = {
        name: values | more.get("baselines", {}).get(name, {}) for name, values in summary["baselines"].items()
    } | {name: dict(v) for name, v in more.get("baselines", {}).items() if name not in summary["baselines"]}
    return summary | {
        "metrics": summary["metrics"] | more.get("metrics", {}),
        "baselines": baselines,
        "intervals": summary["intervals"] | more.get("intervals", {}),
    }


def _divide(corpus: Corpus, specs: Sequence[TaskSpec], config: KitConfig) -> _Parts:
    labelled = [example for example in corpus.examples if has_labels(example, specs)]
    if not labelled:
        names = " or ".join(spec.name for spec in specs)
        raise DataError(
            f"no row has a label in {names}", where="--data", fix=f"name the column: --map {specs[0].name}=COLUMN"
        )
    split = split_examples(
        labelled,
        method=config.data.split,
        validation_fraction=config.data.validation_fraction,
        test_fraction=config.data.test_fraction,
        seed=config.seed,
    )
    sides = {name: [labelled[i] for i in getattr(split, name)] for name in SPLITS}
    if not sides["train"] or not sides["validation"]:
        raise DataError("too few rows to train and to validate on", got=len(labelled), expected="at least 10")
    known = {(example.text, example.pair) for example in labelled}
    unlabelled = [e for e in corpus.examples if not has_labels(e, specs) and (e.text, e.pair) not in known]
    warnings = []
    if len(sides["validation"]) < 200:
        warnings.append(
            f"Only {len(sides['validation'])} validation rows: the choice of model and the calibration are uncertain."
        )
    return _Parts(split, sides["train"], sides["validation"], sides["test"], unlabelled, warnings)


def _is_self_trained(ladder: Ladder) -> bool:
    return ladder.chosen.name == "self_trained"


def _label_warnings(left_out: dict[str, dict[str, int]], min_rows: int) -> list[str]:
    return [
        f"{task}: {len(few)} labels with fewer than {min_rows} rows were left out: "
        + ", ".join(f"{label} ({rows})" for label, rows in list(few.items())[:10])
        + (", …" if len(few) > 10 else "")
        for task, few in left_out.items()
    ]


def _assemble(
    ladder: Ladder, tasks: Sequence[Task], train: Dataset, parts: _Parts, config: KitConfig, kit: KitFacts
) -> Model:
    priors = {
        task.name: label_frequencies(train.targets[task.name][train.known[task.name]], len(task.labels), task.kind)
        for task in tasks
    }
    settings = Settings.model_validate(
        {
            "kit": kit.name,
            "rung": ladder.chosen.name,
            "kind": ladder.classifier.kind,
            "max_tokens": config.model.max_tokens,
            "fieldkits": metadata.version("fieldkits"),
        }
    )
    learned = [*parts.train, *(parts.unlabelled if _is_self_trained(ladder) else [])]
    seen = {name: fingerprint_rows(learned if name == "train" else getattr(parts, name)) for name in SPLITS}
    return Model(ladder.classifier, ladder.chosen.calibration, settings, config, seen=seen, priors=priors)


def _baselines(ladder: Ladder) -> dict[str, tuple[Any, dict[str, Calibration]]]:
    """The rungs that every report compares with; the model itself may be one of them."""
    return {
        rung.name: (rung.classifier, rung.calibration)
        for rung in ladder.rungs
        if rung.classifier is not None and rung.name in ("tfidf", "probe")
    }


def _write_baselines(folder: Path, ladder: Ladder) -> None:
    for rung in ladder.rungs:
        classifier: Any = rung.classifier
        is_in_the_model = rung is ladder.chosen or rung.name in _parts_of(ladder.chosen)
        if classifier is None or is_in_the_model:
            continue
        if rung.name == "tfidf":
            classifier.save(folder / "tfidf")
        elif rung.name == "probe":
            classifier.save_heads(folder / "probe")


def _parts_of(rung: Rung) -> tuple[str, ...]:
    """The rungs that a blend is made of; none of any other."""
    return ("tfidf", BLENDED[rung.name]) if rung.name in BLENDED else ()


def _as_kept(chosen: Rung, name: str, read: dict[str, Calibration]) -> dict[str, Calibration]:
    """How a baseline's logits are read when the bundle holds it: a part of the blend is scaled there already."""
    if name not in _parts_of(chosen):
        return read
    weights = {task: share if name == "tfidf" else 1 - share for task, share in chosen.shares.items()}
    return {task: Calibration(2 * weights[task], c.thresholds) for task, c in read.items()}


def _metrics(
    ladder: Ladder, model: Model, summary: dict[str, Any], report: Report, train: Sequence[Example]
) -> dict[str, Any]:
    calibration = TypeAdapter(dict[str, Calibration])
    confusion = {t.name: Confusion(labels=t.labels, counts=t.confusion) for t in report.tasks if t.confusion}
    facts = Facts(confusion=confusion, paired_rows=sum(example.pair is not None for example in train))
    return {
        "priors": {name: values.tolist() for name, values in model.priors.items()},
        "baselines": {
            name: calibration.dump_python(_as_kept(ladder.chosen, name, read), mode="json")
            for name, (_, read) in _baselines(ladder).items()
        },
        "held_out": summary,
        "facts": facts.model_dump(mode="json"),
        "ladder": [
            {"rung": r.name, "validation_score": r.score, "seconds": round(r.seconds, 1), "reason": r.reason}
            for r in ladder.rungs
        ],
        "data": TypeAdapter(DataFacts).dump_python(report.data, mode="json"),
        "trained_at": report.model.trained_at,
    }


def _describe(
    corpus: Corpus,
    parts: _Parts,
    ladder: Ladder,
    model: Model,
    reports: tuple[TaskReport, ...],
    config: KitConfig,
    kit: KitFacts,
    seconds: float,
) -> Report:
    chosen = ladder.chosen
    backbone = PACKAGED_NAME if config.model.backbone == PACKAGED else config.model.backbone
    marks = np.sort(np.concatenate([model.seen[name] for name in SPLITS]))
    return Report(
        title=kit.title,
        model=ModelFacts(
            backbone="TF-IDF n-grams" if model.settings.kind == "tfidf" else backbone,
            tuning=config.model.tuning if "tuned" in (chosen.name, *_parts_of(chosen)) else chosen.name,
            parameters=model.classifier.parameters,
            seed=config.seed,
            versions={"fieldkits": model.settings.fieldkits} | {name: metadata.version(name) for name in LIBRARIES},
            trained_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            duration_seconds=seconds,
        ),
        data=DataFacts(
            rows={name: len(getattr(parts, name)) for name in SPLITS},
            split=parts.split.method,
            split_reason=parts.split.reason,
            rejected=dict(Counter(r.reason for r in corpus.rejected).most_common(20)),
            sources=corpus.sources,
            fingerprint=f"{np.bitwise_xor.reduce(marks):016x}" if len(marks) else "",
        ),
        tasks=reports,
        language=kit.language,
        warnings=(*kit.warnings, *parts.warnings),
        ladder=tuple(_rung(rung, chosen) for rung in ladder.rungs),
        ladder_metric=" + ".join(dict.fromkeys(PRIMARY_METRIC[task.kind] for task in model.tasks)),
        training=tuple(
            TrainingPoint(p.epoch, p.step, p.train_loss, p.loss, p.score, p.lr)
            for rung in ladder.rungs
            for p in rung.curve
        ),
        training_metric=PRIMARY_METRIC[model.tasks[0].kind],
        intended_use=kit.intended_use,
        load_example=kit.load_example,
    )


def _rung(rung: Rung, chosen: Rung) -> document.Rung:
    size = None if rung.classifier is None else rung.classifier.parameters * 4 / 1e6
    return document.Rung(
        name=rung.name,
        score=rung.score,
        seconds=rung.seconds if rung.classifier is not None else None,
        size_mb=size,
        is_chosen=rung is chosen,
        reason=rung.reason,
    )

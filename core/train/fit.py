"""Fits one rung of the ladder."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.config import KitConfig
from core.console import progress, say
from core.data.batch import tokenize_cached
from core.data.example import Dataset, Task, Text, join_datasets
from core.evaluate.calibration import sigmoid, softmax
from core.evaluate.metrics import multi_metrics, single_metrics
from core.model.backbone import check_length, file_sha256, load_config, load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier, start_heads
from core.model.linear import fit_linear
from core.model.losses import LossConfig, balanced_weights
from core.model.tuning import apply_tuning, merge_tuning
from core.predict.decide import Classifier
from core.predict.engine import EncoderClassifier, embed_tokens, fast_copy
from core.runtime import seed_everything
from core.train.contrast import ALONE, Contrast, contrast_steps, draw_by_label
from core.train.ensemble import copy_weights, go_between, mix_weights
from core.train.loop import Run, Step, TrainSet, Validation, train_steps
from core.train.probe import embed_cached, fit_heads, fit_heads_of_few
from core.train.track import open_tracker

Curve = tuple[Validation, ...]
FEWEST_EPOCHS, MOST_EPOCHS, ROW_VISITS = 3, 6, 27_000
LOOP_SHARE = 0.85
CONTRAST_VISITS, MOST_CONTRAST_EPOCHS, CONTRAST_PAIRS, CONTRAST_RATE = 3_400, 5, 32, 1e-4
CONTRAST_SHARE = 0.5
_SAMPLE_ROWS = 2000


def fit_rung(
    name: str,
    train: Dataset,
    validation: Dataset,
    tasks: Sequence[Task],
    config: KitConfig,
    seconds: float | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    probe: EncoderClassifier | None = None,
) -> tuple[Classifier, Curve]:
    """Fit the rung ``tfidf``, ``probe``, ``contrast`` or ``tuned``.

    Args:
        name: Which.
        train: Rows to learn from.
        validation: Rows to stop by.
        tasks: What is asked of a text.
        config: Settings.
        seconds: Time allowed for the contrast or the tuned rung, or None.
        checkpoints: Folder for the tuned rung's checkpoints, or None.
        resume: Go on from its newest checkpoint.
        probe: The rung of this name, fitted on the same rows, if the tuned rung is to begin at its heads.

    Returns:
        The model, and the validations made while it was trained.
    """
    if name == "tfidf":
        analyzer = config.train.analyzer
        return fit_linear(train.texts, tasks, train.targets, train.known, analyzer=analyzer, seed=config.seed), ()
    if name == "probe":
        return fit_probe(train, tasks, config), ()
    if name == "contrast":
        return fit_contrast(train, tasks, config, seconds), ()
    return fit_tuned(train, validation, tasks, config, seconds, checkpoints, resume, probe)


def fit_probe(
    train: Dataset, tasks: Sequence[Task], config: KitConfig, more: Dataset | None = None
) -> EncoderClassifier:
    """The backbone as it is, with linear heads fitted by logistic regression.

    Args:
        train: Rows to learn from. Their states are kept on disk, for who comes with the same ones again.
        tasks: What is asked of a text.
        config: Settings.
        more: Further rows to learn from.
    """
    folder = resolve_backbone(config.model.backbone)
    check_length(load_config(folder), config.model.max_tokens)
    classifier = _classifier(TextClassifier(load_encoder(folder), tasks), load_tokenizer(folder), config)
    parts = [train] if more is None else [train, more]
    states = np.concatenate([frozen_states(classifier, part.texts, config) for part in parts])
    fit_heads(classifier.model, states, join_datasets(parts), tasks, config.seed)
    return _classifier(classifier.model, classifier.tokenizer, config)  # what computes may hold a copy of the heads


def frozen_states(encoder: EncoderClassifier, texts: Sequence[Text], config: KitConfig) -> NDArray[np.float32]:
    """Mean-pooled states ``(texts, hidden)`` float32, kept on disk for who comes with the same texts again.

    Args:
        encoder: The backbone as it is, with any heads.
        texts: What it reads.
        config: Names the backbone.
    """
    tokens = tokenize_cached(encoder.tokenizer, texts, config.model.max_tokens)
    digest = backbone_digest(resolve_backbone(config.model.backbone))
    return embed_cached(encoder, tokens, digest)


def fit_contrast(
    train: Dataset, tasks: Sequence[Task], config: KitConfig, seconds: float | None = None
) -> EncoderClassifier:
    """The backbone tuned so that rows of one label lie near, then linear heads: for few rows of each label.

    The names of the labels are read as rows, too: where there are five of a label, its name is a sixth.
    So few rows are soon learned by heart. The weights therefore end half-way between the pretrained and the
    tuned ones: there are no rows to choose a better place by.

    Source: Tunstall et al. 2022, Efficient Few-Shot Learning Without Prompts (SetFit); Wortsman et al. 2022,
        Robust fine-tuning of zero-shot models (WiSE-FT), for the half where nothing tells a better share.
    """
    (task,) = tasks
    folder = resolve_backbone(config.model.backbone)
    tokenizer = load_tokenizer(folder)
    check_length(load_config(folder), config.model.max_tokens)
    rows = with_names(train, task)
    tokens = tokenize_cached(tokenizer, rows.texts, config.model.max_tokens)
    seed_everything(config.seed, "contrast")
    model = TextClassifier(load_encoder(folder, config.model.dropout), tasks, config.model.dropout)
    start = copy_weights(model)
    apply_tuning(model, config.model)
    marks = np.where(rows.known[task.name], rows.targets[task.name], ALONE)
    epochs = max(1, min(MOST_CONTRAST_EPOCHS, CONTRAST_VISITS // max(1, len(rows))))
    allowed = None if seconds is None else LOOP_SHARE * seconds
    work = Contrast(tokens, marks, draw_by_label(marks, config.seed), epochs, allowed)
    settings = config.train.model_copy(update={"lr": CONTRAST_RATE, "batch_size": CONTRAST_PAIRS})
    with progress("Contrasting", epochs * len(rows)) as tick:
        for step in contrast_steps(model, work, settings, config.seed):
            tick(step.pairs)
    model = merge_tuning(model).cpu()
    mix_weights(model, start, copy_weights(model), CONTRAST_SHARE)
    embeddings = embed_tokens(fast_copy(model, config.predict.precision), tokens, config.predict.batch_size)
    fit_heads_of_few(model, embeddings, rows, tasks, config.seed)
    return _classifier(model, tokenizer, config)


def fit_tuned(
    train: Dataset,
    validation: Dataset,
    tasks: Sequence[Task],
    config: KitConfig,
    seconds: float | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    probe: EncoderClassifier | None = None,
) -> tuple[EncoderClassifier, Curve]:
    """The backbone fine-tuned by the training loop; the best weights on validation are kept.

    From the heads of a probe on, they may also lie between the pretrained and the tuned ones.
    """
    begun = time.monotonic()
    folder = resolve_backbone(config.model.backbone)
    tokenizer = load_tokenizer(folder)
    check_length(load_config(folder), config.model.max_tokens)
    seed_everything(config.seed, "model")
    model = TextClassifier(load_encoder(folder, config.model.dropout), tasks, config.model.dropout)
    epochs = config.train.epochs
    if epochs is None:
        epochs, visits = plan_visits(list(train.known.values()))
        train = _take(train, np.repeat(np.arange(len(train)), visits))
    targets = tuple(train.targets[task.name] for task in tasks)
    known = tuple(train.known[task.name] for task in tasks)
    if probe is None:
        start_heads(model, targets, known)
    else:
        model.heads.load_state_dict(probe.model.heads.state_dict())
    start = copy_weights(model)
    apply_tuning(model, config.model)
    rows = TrainSet(tokenize_cached(tokenizer, train.texts, config.model.max_tokens), targets, known)
    if seconds is not None:  # of which loading has taken some, and scoring at the end will
        seconds = max(1.0, LOOP_SHARE * seconds - (time.monotonic() - begun))
    run = Run(
        config=config.train.model_copy(update={"epochs": epochs}),
        seed=config.seed,
        validate=partial(_validation_scores, tasks, validation),
        validation=tokenize_cached(tokenizer, validation.texts, config.model.max_tokens),
        losses=tuple(_loss_config(task, t, k, config) for task, t, k in zip(tasks, targets, known, strict=True)),
        checkpoints=checkpoints,
        fingerprint=_fingerprint(config, rows, folder),
        resume=resume,
        seconds=seconds,
    )
    curve = _drive(model, rows, run, config)
    model = merge_tuning(model)
    if probe is not None:
        numbers = config.predict.precision, config.predict.batch_size
        share = go_between(model, start, run.validation, validation, *numbers)
        say(f"  from the probe on; weights: {share:.0%} tuned, {1 - share:.0%} pretrained")
    return _classifier(model, tokenizer, config), curve


def _take(rows: Dataset, chosen: NDArray[np.int64]) -> Dataset:
    """Some rows, of which one may be there more than once."""
    return Dataset(
        [rows.texts[i] for i in chosen],
        {name: targets[chosen] for name, targets in rows.targets.items()},
        {name: known[chosen] for name, known in rows.known.items()},
    )


def with_names(train: Dataset, task: Task) -> Dataset:
    """The rows, and one for each label whose name has words."""
    names = {i: " ".join(label.replace("_", " ").replace("-", " ").split()) for i, label in enumerate(task.labels)}
    named = [i for i, name in names.items() if any(c.isalpha() for c in name)]
    return Dataset(
        [*train.texts, *((names[i], None) for i in named)],
        {task.name: np.concatenate([train.targets[task.name], np.array(named, dtype=np.int64)])},
        {task.name: np.concatenate([train.known[task.name], np.ones(len(named), dtype=bool)])},
    )


def choose_epochs(rows: int) -> int:
    """Passes over the training rows: few rows need more of them.

    >>> choose_epochs(900), choose_epochs(6700), choose_epochs(100_000)
    (6, 4, 3)
    """
    return max(FEWEST_EPOCHS, min(MOST_EPOCHS, round(ROW_VISITS / max(1, rows))))


def plan_visits(known: Sequence[NDArray[np.bool_]]) -> tuple[int, NDArray[np.int64]]:
    """Epochs, and how often each row is visited in one, so that every task gets the passes it would get alone.

    A task with few rows, trained together with a large one, would else see too few of its own.

    Args:
        known: Per task ``(rows,)`` bool: rows whose labels are known.

    Returns:
        The epochs, and ``(rows,)`` visits in each.

    >>> large, small = np.arange(8000) < 7000, np.arange(8000) >= 7000
    >>> epochs, visits = plan_visits([large, small])
    >>> epochs, int(visits[:7000].max()), int(visits[7000:].min())
    (4, 1, 2)
    """
    passes = [choose_epochs(int(rows.sum())) for rows in known]
    epochs = min(passes)
    visits = np.ones(len(known[0]), dtype=np.int64)
    for rows, wanted in zip(known, passes, strict=True):
        visits[rows] = np.maximum(visits[rows], math.ceil(wanted / epochs))
    return epochs, visits


def unknown_share(rows: Dataset, config: KitConfig) -> float:
    """Share of tokens, in a sample of rows, that the backbone's vocabulary does not know."""
    tokenizer = load_tokenizer(resolve_backbone(config.model.backbone))
    unknown = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "[UNK]")
    if unknown is None:
        return 0.0
    ids = tokenize_cached(tokenizer, rows.texts[:_SAMPLE_ROWS], config.model.max_tokens).ids
    return float((ids == unknown).mean()) if len(ids) else 0.0


def backbone_digest(folder: Path) -> str:
    """The sha256 of all weights and settings of a backbone."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), folder / "config.json"]):
        digest.update(file_sha256(file).encode())
    return digest.hexdigest()


def _drive(model: TextClassifier, rows: TrainSet, run: Run, config: KitConfig) -> Curve:
    """Run the loop to its end, showing progress and feeding the tracker."""
    curve = []
    visits = len(rows.tokens) * (run.config.epochs or 1)
    with open_tracker(config) as log, progress("Fine-tuning", visits) as tick:
        for event in train_steps(model, rows, run):
            if isinstance(event, Step):
                tick(event.rows)
                log({"train/loss": event.loss, "train/lr": event.lr, "train/grad_norm": event.grad_norm}, event.number)
            else:
                curve.append(event)
                log({"validation/loss": event.loss, "validation/score": event.score}, event.step)
                say(f"  epoch {event.epoch:.1f}: loss {event.loss:.3f}, score {event.score:.4f}")
    return tuple(curve)


def _validation_scores(
    tasks: Sequence[Task], validation: Dataset, logits: list[NDArray[np.float32]]
) -> tuple[float, float]:
    """Mean log loss and mean primary metric over the tasks that have labelled rows."""
    losses, scores = [], []
    for task, task_logits in zip(tasks, logits, strict=True):
        known = validation.known[task.name]
        if not known.any():
            continue
        truth = validation.targets[task.name][known]
        if task.kind == "single":
            metrics = single_metrics(softmax(task_logits[known]), truth)
            scores.append(metrics["macro_f1"])
        else:
            metrics = multi_metrics(sigmoid(task_logits[known]), truth, np.full(len(task.labels), 0.5))
            scores.append(metrics["micro_f1"])
        losses.append(metrics["log_loss"])
    return (float(np.mean(losses)), float(np.mean(scores))) if scores else (0.0, 0.0)


def _loss_config(task: Task, targets: NDArray[Any], known: NDArray[np.bool_], config: KitConfig) -> LossConfig:
    weights = None
    if config.train.class_weights == "balanced":
        counted = targets[known]
        counts = np.bincount(counted, minlength=len(task.labels)) if task.kind == "single" else counted.sum(axis=0)
        weights = balanced_weights(torch.from_numpy(np.asarray(counts)), int(known.sum()), task.kind)
    gamma = config.train.focal_gamma if config.train.loss == "focal" else 0.0
    return LossConfig(weights, config.train.label_smoothing, gamma)


def _fingerprint(config: KitConfig, rows: TrainSet, folder: Path) -> str:
    """Hash of all that the course of training depends on."""
    digest = hashlib.sha256(config.model_dump_json(include={"seed", "model", "train"}).encode())
    digest.update(backbone_digest(folder).encode())
    for array in (rows.tokens.ids, rows.tokens.types, rows.tokens.offsets, *rows.targets, *rows.known):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _classifier(model: TextClassifier, tokenizer: Any, config: KitConfig) -> EncoderClassifier:
    return EncoderClassifier(
        model.cpu(),
        tokenizer,
        max_tokens=config.model.max_tokens,
        batch_size=config.predict.batch_size,
        precision=config.predict.precision,
    )

"""Climbs from the cheapest model to the dearest and keeps the one that earns its cost.

TF-IDF, then the frozen encoder with a linear head, the mean of both, then fine-tuning, and its
mean with TF-IDF; where labels are few, contrastive tuning, and learning from rows without one. An
encoder replaces the n-grams, which run a hundred times faster, only when it wins on the validation
rows by more than the error bar of the difference: in the task's metric or, where that leads but
cannot tell, in the log loss. Rungs with an encoder all cost the same to run,
so that of them the better one is kept, by however little.
A rung that cannot pay off (no time left, or texts that the encoder's vocabulary cannot read) is
left out, and the result says why.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.config import KitConfig, parse_duration
from core.console import say
from core.data.example import Dataset, Task, Text
from core.errors import ConfigError
from core.evaluate.metrics import compare, multi_metrics, single_metrics
from core.model.linear import LinearClassifier
from core.predict.blend import Logits, blend, choose_shares
from core.predict.decide import Calibration, Classifier, calibrate, probabilities
from core.predict.engine import EncoderClassifier
from core.train.agree import of_first
from core.train.fit import Curve, fit_rung, unknown_share
from core.train.loop import Validation
from core.train.selftrain import choose_near, fit_self_trained

PRIMARY_METRIC = {"single": "macro_f1", "multi": "micro_f1"}
MOST_UNKNOWN_TOKENS = 0.15
LEAST_SECONDS = {
    "tfidf": 0.0, "probe": 5.0, "contrast": 15.0, "self_trained": 20.0, "tuned": 20.0
}  # fmt: skip
MOST_CONTRAST_SHOTS = 24
FEWEST_TEXTS = 5  # without a label, for each label
BLENDED = {"blend": "probe", "tuned_blend": "tuned"}
Read = list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Rung:
    """One model that was tried, or not.

    Attributes:
        name: Of those of ``core.config.Rung``.
        reason: Why it was kept, passed over or not tried, in one sentence.
        seconds: Time it took.
        score: Mean over tasks of the primary metric on validation rows; None if not tried.
        scores: The same per task.
        shares: Of a blend: per task the weight of the n-grams.
        classifier: The model; None if not tried.
        calibration: Per task how its logits are read.
        curve: Validations of a trained rung.
    """

    name: str
    reason: str
    seconds: float = 0.0
    score: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    classifier: Classifier | None = None
    calibration: dict[str, Calibration] = field(default_factory=dict)
    curve: tuple[Validation, ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs in the order they were climbed, and the one that is kept."""

    rungs: tuple[Rung, ...]
    chosen: Rung
    classifier: Classifier


def climb(
    train: Dataset,
    validation: Dataset,
    tasks: Sequence[Task],
    config: KitConfig,
    checkpoints: Path | None = None,
    resume: bool = False,
    unlabelled: Sequence[Text] = (),
) -> Ladder:
    """Fit the configured rungs and keep the honest choice.

    Args:
        train: Rows to learn from.
        validation: Rows to choose, calibrate and stop by.
        tasks: What is asked of a text.
        config: ``train.rungs``, ``train.budget`` and all that the rungs themselves use.
        checkpoints: Folder for the tuned rung's checkpoints, or None.
        resume: Let the tuned rung go on from its newest checkpoint.
        unlabelled: Texts that nobody has labelled, for the rung that learns from such.

    Raises:
        ConfigError: No rung could be tried.
    """
    begun = time.monotonic()
    budget = None if config.train.budget is None else parse_duration(config.train.budget)
    rungs: list[Rung] = []
    read_by: dict[str, Logits] = {}
    chances_by: dict[str, Read] = {}
    kept: tuple[Rung, Read, Classifier] | None = None
    for name in config.train.rungs:
        left = None if budget is None else of_first(budget - (time.monotonic() - begun))[0]
        obstacle = _obstacle(name, left, train, config, rungs)
        started = time.monotonic()
        near: list[Text] = []
        if name == "self_trained" and not obstacle:
            near = choose_near(_contrasted(rungs), train, unlabelled, tasks[0], config, left)
            obstacle = _too_few(near, unlabelled, tasks)
        if obstacle:
            say(f"{name}: not tried: {obstacle}")
            rungs.append(Rung(name, f"Not tried: {obstacle}."))
            continue
        classifier: Classifier
        curve: Curve = ()
        shares: dict[str, float] = {}
        if name in BLENDED:
            classifier, shares = _blend(tasks, rungs, read_by, BLENDED[name], validation)
        elif name == "self_trained":
            classifier = fit_self_trained(_contrasted(rungs), train, near, tasks[0], config)
        else:
            probe = _good_probe(rungs, tasks, validation, chances_by, config.seed) if name == "tuned" else None
            classifier, curve = fit_rung(name, train, validation, tasks, config, left, checkpoints, resume, probe)
        logits = read_by[name] = classifier.logits(validation.texts)
        seconds = time.monotonic() - started
        calibration = calibrate(tasks, logits, validation)
        read = chances_by[name] = [probabilities(t, z, calibration[t.name]) for t, z in zip(tasks, logits, strict=True)]
        scores = score_tasks(tasks, read, validation, calibration)
        score = float(np.mean(list(scores.values()))) if scores else 0.0
        wins, reason = _judge(tasks, validation, read, calibration, kept, config.seed)
        rung = Rung(name, reason, seconds, score, scores, shares, classifier, calibration, curve)
        say(f"{name}: {score:.4f} on validation in {seconds:.0f} s. {reason}")
        rungs.append(rung)
        if wins:
            kept = rung, read, classifier
    if kept is None:
        raise ConfigError("no rung could be tried", where="train.rungs", got=config.train.rungs, fix=rungs[-1].reason)
    return Ladder(tuple(rungs), kept[0], kept[2])


def score_tasks(
    tasks: Sequence[Task], read: Read, rows: Dataset, calibration: dict[str, Calibration]
) -> dict[str, float]:
    """The primary metric of each task that has labelled rows.

    Args:
        tasks: What is asked of a text.
        read: Per task ``(rows, labels)`` probabilities.
        rows: The labels.
        calibration: Per task the thresholds.
    """
    scores = {}
    for task, chances in zip(tasks, read, strict=True):
        known = rows.known[task.name]
        if not known.any():
            continue
        truth = rows.targets[task.name][known]
        cuts = calibration[task.name].cuts()
        metrics = (
            single_metrics(chances[known], truth)
            if task.kind == "single"
            else multi_metrics(chances[known], truth, cuts if cuts is not None else np.full(len(task.labels), 0.5))
        )
        scores[task.name] = metrics[PRIMARY_METRIC[task.kind]]
    return scores


def _obstacle(name: str, left: float | None, train: Dataset, config: KitConfig, rungs: Sequence[Rung]) -> str:
    """What stands against a rung, or an empty string; nothing stands against a first one."""
    tried = {rung.name for rung in rungs if rung.classifier is not None}
    if name in BLENDED and not {"tfidf", BLENDED[name]} <= tried:
        return f"it needs both tfidf and {BLENDED[name]}"
    if name == "self_trained" and "contrast" not in tried:
        return "it goes on from contrast"
    if name == "contrast" and config.model.tuning == "head":
        return "it tunes the encoder, and only the heads are to be tuned"
    if not tried:
        return ""
    if left is not None and name not in BLENDED and left < LEAST_SECONDS[name]:  # a blend's parts are there already
        return f"{max(0.0, left):.0f} s of the budget are left, it needs at least {LEAST_SECONDS[name]:.0f} s"
    if name == "contrast":
        if len(train.known) != 1 or any(targets.ndim > 1 for targets in train.targets.values()):
            return "it is for one task with single labels"
        (known,) = train.known.values()
        (targets,) = train.targets.values()
        shots = known.sum() / max(1, len(np.unique(targets[known])))
        if shots > MOST_CONTRAST_SHOTS:
            return f"there are {shots:.0f} rows of each label, enough to be tuned on the labels themselves"
    if name in ("probe", "contrast", "tuned"):
        share = unknown_share(train, config)
        if share > MOST_UNKNOWN_TOKENS:
            return f"{share:.0%} of the tokens are not in the vocabulary of the backbone {config.model.backbone}"
    return ""


def _contrasted(rungs: Sequence[Rung]) -> EncoderClassifier:
    (classifier,) = (rung.classifier for rung in rungs if rung.name == "contrast")
    if not isinstance(classifier, EncoderClassifier):
        raise TypeError("the rung contrast is an encoder")
    return classifier


def _too_few(near: Sequence[Text], unlabelled: Sequence[Text], tasks: Sequence[Task]) -> str:
    """Whether there is too little without a label to learn from."""
    least = FEWEST_TEXTS * max(len(task.labels) for task in tasks)
    if len(near) >= least:
        return ""
    return f"of {len(unlabelled)} rows without a label {len(near)} are about the same, it needs at least {least}"


def _good_probe(
    rungs: Sequence[Rung], tasks: Sequence[Task], validation: Dataset, chances_by: Mapping[str, Read], seed: int
) -> EncoderClassifier | None:
    """The probe, if the frozen encoder clearly tells the labels apart better than the n-grams do: worth beginning at.

    Where it does not, what it begins with holds the encoder back from learning other features. A lead
    within its error bar is none: such a start costs more where it is wrong than it gains where it is right.

    Source: Kumar et al. 2022, Fine-Tuning can Distort Pretrained Features, for when it helps.
    """
    tried = {rung.name: rung for rung in rungs if rung.score is not None}
    if not {"tfidf", "probe"} <= set(tried) or not isinstance(tried["probe"].classifier, EncoderClassifier):
        return None
    read = {name: (chances_by[name], tried[name].calibration) for name in ("tfidf", "probe")}
    gain, error = _lead(tasks, validation, read["probe"], read["tfidf"], PRIMARY_METRIC, seed)
    return tried["probe"].classifier if gain > error else None


def _lead(
    tasks: Sequence[Task],
    validation: Dataset,
    one: tuple[Read, Mapping[str, Calibration]],
    other: tuple[Read, Mapping[str, Calibration]],
    metrics: Mapping[str, str],
    seed: int,
) -> tuple[float, float]:
    """By how much one model leads another on the mean of the tasks, and the error bar of that.

    Args:
        tasks: What is asked of a text.
        validation: The labels.
        one: Per task ``(rows, labels)`` probabilities, and their thresholds.
        other: Likewise.
        metrics: By the kind of a task.
        seed: Of the resampling.
    """
    leads = [
        compare(
            validation.targets[task.name][known],
            chances[known],
            before[known],
            task.kind,
            one[1][task.name].cuts(),
            other[1][task.name].cuts(),
            metric=metrics[task.kind],
            seed=seed,
        )
        for task, chances, before in zip(tasks, one[0], other[0], strict=True)
        if (known := validation.known[task.name]).any()
    ]
    variance = sum(lead.standard_error**2 for lead in leads)
    count = max(1, len(leads))
    return sum(lead.value for lead in leads) / count, math.sqrt(variance) / count


def _blend(
    tasks: Sequence[Task], rungs: Sequence[Rung], read_by: Mapping[str, Logits], encoder_name: str, validation: Dataset
) -> tuple[Classifier, dict[str, float]]:
    """The weighted mean of the n-gram rung and a rung with an encoder, and the weights of the former."""
    parts = {rung.name: rung for rung in rungs}
    linear, encoder = parts["tfidf"], parts[encoder_name]
    shares = choose_shares(
        tasks,
        read_by["tfidf"],
        linear.calibration,
        read_by[encoder_name],
        encoder.calibration,
        validation,
    )
    return blend_rungs(linear, encoder, shares), shares


def blend_rungs(linear: Rung, encoder: Rung, shares: Mapping[str, float]) -> Classifier:
    """The weighted mean of the n-gram rung and one with an encoder.

    Args:
        linear: The one.
        encoder: The other.
        shares: Per task the weight of the n-grams.
    """
    if not isinstance(linear.classifier, LinearClassifier) or not isinstance(encoder.classifier, EncoderClassifier):
        raise TypeError("a blend is made of a linear model and an encoder")
    return blend(linear.classifier, linear.calibration, encoder.classifier, encoder.calibration, shares)


def _judge(
    tasks: Sequence[Task],
    validation: Dataset,
    read: Read,
    calibration: dict[str, Calibration],
    kept: tuple[Rung, Read, Classifier] | None,
    seed: int,
) -> tuple[bool, str]:
    """Whether a rung replaces the kept one, and the sentence that says so.

    Where two are within the error bar they are looked at again by the log loss, which reads the
    probabilities of every row and so needs far fewer rows to tell two models apart: a dearer rung
    has to lead by more than the error bar of that, one that costs no more to run just has to lead.
    """
    if kept is None:
        return True, "The first rung."
    best, best_read, _ = kept

    lead = partial(_lead, tasks, validation, (read, calibration), (best_read, best.calibration), seed=seed)
    gain, error = lead(PRIMARY_METRIC)
    versus = f"{100 * gain:+.1f} points against {best.name}, error bar {100 * error:.1f}"
    if gain > error:
        return True, f"Wins: {versus}."
    is_dearer = best.classifier is not None and best.classifier.kind == "tfidf"
    if gain < -error or (is_dearer and gain <= 0):
        return False, f"Not a clear gain: {versus}."
    finding = "Better" if gain > 0 else "As good, with a lower log loss"
    gain, error = lead({"single": "log_loss", "multi": "log_loss"})
    versus += f"; log loss lower by {gain:.3f}, error bar {error:.3f}"
    if is_dearer:
        return (True, f"Wins: {versus}.") if gain > error else (False, f"Not a clear gain: {versus}.")
    if gain > 0:
        return True, f"{finding}, and costs no more to run: {versus}."
    return False, f"Not a clear gain: {versus}."

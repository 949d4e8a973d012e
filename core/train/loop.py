"""The training loop: a generator of updates and validations, driven by Accelerate.

Every update depends only on the weights, the optimizer state and its number: the order of rows
follows from (seed, epoch), dropout from (seed, update), the learning rate from the number. So a
run that was killed and resumed computes the same bits as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import TrainConfig
from core.data.batch import Tokens, collate, epoch_batches
from core.errors import KitError
from core.model.heads import TextClassifier
from core.model.losses import LossConfig, multi_label_loss, single_label_loss
from core.predict.engine import score_tokens
from core.runtime import choose_device, choose_precision, seed_everything
from core.train.agree import joined, of_first, sum_of_all
from core.train.checkpoint import load_checkpoint
from core.train.state import Named, State, copy_into, restore_state, save_state

TIMED_UPDATES = 6
VALIDATION_BATCH = 128


class Lessons(Protocol):
    """What is learned from, and how it is told how well that went."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """``(rows,)`` int64, tokens of each row: rows of like length come together."""

    def count(self, rows: NDArray[np.int64]) -> int:
        """Over how much the loss of some rows is summed: as many rows, or tokens."""

    def loss(self, model: nn.Module, rows: NDArray[np.int64], device: torch.device) -> Tensor:
        """The loss of a batch, summed."""

    def judge(self, model: nn.Module) -> tuple[float, float]:
        """Loss and score on the validation rows; a higher score is better, a loss that is no number ends it all."""


@dataclass(frozen=True, slots=True)
class TrainSet:
    """Rows to train on.

    Attributes:
        tokens: The tokenised texts.
        targets: Per task, as ``encode_labels`` gives them.
        known: Per task ``(rows,)`` bool.
    """

    tokens: Tokens
    targets: tuple[NDArray[Any], ...]
    known: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One update of the weights."""

    number: int
    total: int
    epoch: int
    loss: float
    lr: float
    grad_norm: float
    rows: int


@dataclass(frozen=True, slots=True)
class Validation:
    """One look at the validation rows, after update ``step``."""

    step: int
    epoch: float
    train_loss: float
    loss: float
    score: float
    lr: float
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the loop needs beside a model and what it is to learn.

    Attributes:
        config: Settings of training.
        seed: Every random choice follows from it.
        checkpoints: Folder for checkpoints, or None to write none.
        fingerprint: Of settings and data; a checkpoint of another is refused.
        resume: Go on from the newest checkpoint.
        seconds: Time allowed; the number of updates is planned to fit, or None.
    """

    config: TrainConfig
    seed: int
    checkpoints: Path | None = None
    fingerprint: str = ""
    resume: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Course):
    """What the loop needs to train a classifier, beside it and its rows.

    Attributes:
        validate: Maps validation logits per task to ``(loss, score)``; a higher score is better.
        validation: Tokenised validation rows.
        losses: Per task weights, smoothing and focus.
    """

    validate: Callable[[list[NDArray[np.float32]]], tuple[float, float]]
    validation: Tokens
    losses: tuple[LossConfig, ...]


def train_steps(model: TextClassifier, train: TrainSet, run: Run) -> Iterator[Step | Validation]:
    """Train a classifier in place, as ``learn_steps`` does."""
    return learn_steps(model, _Labelled(train, run, model), run)


def learn_steps(model: nn.Module, lessons: Lessons, run: Course) -> Iterator[Step | Validation]:
    """Train ``model`` in place.

    Yields:
        A ``Step`` after every update and a ``Validation`` after every look at the validation
        rows; those of a resumed run start with the validations that were made before it stopped.
        When the generator ends, the model holds the best weights: with ``average_epochs`` the best
        of the running averages, which are what is validated.

    Raises:
        KitError: The loss is no longer a number.
        ResumeError: The checkpoint belongs to other settings or data.
    """
    config = run.config
    accelerator = make_accelerator(config.precision)
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = _make_optimizer(named, config)
    prepared, wrapped = accelerator.prepare(model, optimizer)
    updates_per_epoch = math.ceil(
        math.ceil(len(lessons.lengths) / config.batch_size) / (config.accumulation_steps * accelerator.num_processes)
    )
    state = State(total=updates_per_epoch * (config.epochs or 1))
    if run.resume and run.checkpoints is not None:
        restore_state(state, named, optimizer, accelerator, load_checkpoint(run.checkpoints, run.fingerprint))
        yield from (Validation(**point) for point in state.curve)
    begun, timed, first = time.monotonic(), 0.0, state.step
    batches: list[NDArray[np.int64]] = []
    model.train()
    while state.step < state.total and not _is_patience_over(state, config):
        epoch, position = divmod(state.step, updates_per_epoch)
        if position == 0 or not batches:
            batches = epoch_batches(lessons.lengths, config.batch_size, run.seed, epoch)
        lr = learning_rate(state.step, state.total, config)
        seed_everything(run.seed, "update", state.step, accelerator.process_index)
        loss, norm, rows = _update(accelerator, prepared, wrapped, lessons, batches, position, lr, config)
        state.step += 1
        _update_average(state, named, config.average_epochs, updates_per_epoch)
        state.loss_sum, state.loss_steps = state.loss_sum + loss, state.loss_steps + 1
        yield Step(state.step, state.total, epoch, loss, lr, norm, rows)
        if run.seconds is not None:
            timed = timed or (time.monotonic() if state.step - first == 2 else 0.0)
            _fit_into_time(state, first, run.seconds, begun, timed)
        is_last = state.step == state.total
        is_epoch_end = position + 1 == updates_per_epoch
        if is_last or _is_due(state.step, config.evaluate_every_steps, is_epoch_end):
            yield _validate(model, accelerator, lessons, config, state, state.step / updates_per_epoch, lr, named)
        if run.checkpoints is not None and (is_last or _is_due(state.step, config.save_every_steps, is_epoch_end)):
            save_state(run.checkpoints, state, named, optimizer, run.fingerprint, accelerator)
    if state.best:
        copy_into(named, state.best)
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)  # else the model would score under autocast for good
    model.eval()


def learning_rate(step: int, total: int, config: TrainConfig) -> float:
    """The rate of update ``step`` (counted from 0) of ``total``.

    >>> [round(learning_rate(s, 10, TrainConfig(lr=1.0, warmup_fraction=0.2)), 2) for s in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.12]
    """
    warmup = int(total * config.warmup_fraction)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    factor = {"linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2, "constant": 1.0}[config.schedule]
    return config.lr * factor


def make_accelerator(precision: str, **options: Any) -> Accelerator:
    """An Accelerator in the format that this machine multiplies well.

    Accelerate keeps one precision for a whole process; a second run may want another.
    """
    AcceleratorState._reset_state()
    joined()
    chosen = choose_precision(precision, choose_device().value).value
    return Accelerator(mixed_precision="no" if chosen == "fp32" else chosen, **options)


def _make_optimizer(named: Named, config: TrainConfig) -> torch.optim.Optimizer:
    decayed = [p for p in named.values() if p.ndim > 1]
    exempt = [p for p in named.values() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": exempt, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, fused=True)
    return torch.optim.AdamW(groups, lr=config.lr, fused=True)


def _update(
    accelerator: Accelerator,
    model: Any,
    optimizer: Any,
    lessons: Lessons,
    batches: list[NDArray[np.int64]],
    position: int,
    lr: float,
    config: TrainConfig,
) -> tuple[float, float, int]:
    """One update from all batches of one position; gradients are means over all that their losses are summed over."""
    world, rank = accelerator.num_processes, accelerator.process_index
    width = config.accumulation_steps * world
    group = batches[position * width : (position + 1) * width]
    total = sum(lessons.count(rows) for rows in group)
    mine = group[rank::world]
    weights = [1.0] * len(mine)
    while len(mine) < math.ceil(len(group) / world):  # every process takes part in every exchange
        mine, weights = [*mine, group[0]], [*weights, 0.0]
    for settings in optimizer.param_groups:
        settings["lr"] = lr
    loss_sum = 0.0
    for index, (rows, weight) in enumerate(zip(mine, weights, strict=True)):
        with accelerator.no_sync(model) if index + 1 < len(mine) else nullcontext():
            loss = lessons.loss(model, rows, accelerator.device) * weight
            accelerator.backward(loss * world / total)
        loss_sum += float(loss.detach())
    loss_sum = sum_of_all(loss_sum)
    _refuse_divergence(math.isfinite(loss_sum), config)
    norm = accelerator.clip_grad_norm_(model.parameters(), config.clip_norm or math.inf)
    optimizer.step()
    optimizer.zero_grad()
    return loss_sum / total, float(norm), sum(len(rows) for rows in group)


class _Labelled:
    """Texts with labels, as a classifier learns from them."""

    def __init__(self, train: TrainSet, run: Run, model: TextClassifier) -> None:
        self._train, self._run, self._tasks = train, run, model.tasks
        self._pad_id: Any = model.encoder.config.pad_token_id or 0  # type: ignore[union-attr]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self._train.tokens.lengths

    def count(self, rows: NDArray[np.int64]) -> int:
        return len(rows)

    def loss(self, model: nn.Module, rows: NDArray[np.int64], device: torch.device) -> Tensor:
        """Summed over rows and weighted over tasks."""
        train, run = self._train, self._run
        batch = {k: v.to(device) for k, v in collate(train.tokens, rows, self._pad_id).items()}
        outputs = model(**batch)
        total: Tensor = outputs[0].new_zeros(())
        for i, (task, logits) in enumerate(zip(self._tasks, outputs, strict=True)):
            targets = torch.from_numpy(train.targets[i][rows]).to(device)
            known = torch.from_numpy(train.known[i][rows]).to(device)
            loss = (
                single_label_loss(logits, targets, run.losses[i])
                if task.kind == "single"
                else multi_label_loss(logits, targets, known, run.losses[i])
            )
            total = total + loss * run.config.task_weights.get(task.name, 1.0)
        return total

    def judge(self, model: nn.Module) -> tuple[float, float]:
        logits = score_tokens(model, self._run.validation, VALIDATION_BATCH)  # type: ignore[arg-type]
        if not all(np.isfinite(scores).all() for scores in logits):
            return math.nan, -math.inf
        return self._run.validate(logits)


def _validate(
    model: nn.Module,
    accelerator: Accelerator,
    lessons: Lessons,
    config: TrainConfig,
    state: State,
    epoch: float,
    lr: float,
    named: Named,
) -> Validation:
    with accelerator.autocast(), _averaged(named, state):
        loss, score = lessons.judge(model)
    _refuse_divergence(sum_of_all(0.0 if math.isfinite(loss) else 1.0) == 0, config)
    loss, score = of_first(loss, score)
    is_best = score > state.best_score
    state.validations_without_best = 0 if is_best else state.validations_without_best + 1
    if is_best:
        state.best_score, state.best_step = score, state.step
        judged = state.average or named
        state.best = {name: judged[name].detach().clone() for name in named}
    train_loss = state.loss_sum / max(1, state.loss_steps)
    state.loss_sum, state.loss_steps = 0.0, 0
    point = Validation(state.step, epoch, train_loss, loss, score, lr, is_best)
    state.curve.append(asdict(point))
    return point


def _update_average(state: State, named: Named, epochs: float | None, updates_per_epoch: int) -> None:
    """Move the running average of the weights towards them.

    An update's weight in it halves with every ``epochs``; at first the average follows closely, so
    that the weights before training soon do not count.

    Source: Polyak and Juditsky 1992; the start as in Tarvainen and Valpola 2017.
    """
    if epochs is None:
        return
    if not state.average:
        state.average = {name: p.detach().clone() for name, p in named.items()}
        return
    decay = min(0.5 ** (1 / (epochs * updates_per_epoch)), (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        torch._foreach_lerp_(list(state.average.values()), [named[name] for name in state.average], 1 - decay)


@contextmanager
def _averaged(named: Named, state: State) -> Iterator[None]:
    """Let the model hold the averaged weights, if there are any, for the time of a block."""
    if not state.average:
        yield
        return
    current = {name: p.detach().clone() for name, p in named.items()}
    copy_into(named, state.average)
    try:
        yield
    finally:
        copy_into(named, current)


def _refuse_divergence(is_finite: bool, config: TrainConfig) -> None:
    if not is_finite:
        raise KitError(
            "training diverged: the loss is no longer a number",
            where="train.lr",
            got=config.lr,
            fix="lower train.lr, or set train.clip_norm",
        )


def _is_patience_over(state: State, config: TrainConfig) -> bool:
    return config.patience is not None and state.validations_without_best >= config.patience


def _fit_into_time(state: State, first: int, seconds: float, begun: float, timed: float) -> None:
    """Plan the number of updates from the speed of the first ones after ``first``; end when time is over."""
    now, done = time.monotonic(), state.step - first
    if done == 2 + TIMED_UPDATES:
        per_update = (now - timed) / TIMED_UPDATES
        state.total = min(state.total, max(state.step + 1, state.step + int((seconds - (now - begun)) / per_update)))
    elif now - begun > seconds and done > 2 + TIMED_UPDATES:
        state.total = state.step
    state.total = int(of_first(state.total)[0])


def _is_due(step: int, every: int | None, is_epoch_end: bool) -> bool:
    return is_epoch_end if every is None else step % every == 0

"""Tunes a causal language model to write as examples do, by the loop that trains everything else.

Only what is to be written is learned, not the request before it. Some examples are kept away; on them the loss per
token chooses the weights, and says in the end whether the tuned model is any better than the one it began as.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from core.config import CausalConfig, KitConfig, TrainConfig
from core.data.batch import sorted_batches
from core.model.causal import known_arguments, make_tunable, merge_adapters
from core.runtime import choose_device, seed_everything
from core.train.fit import backbone_digest
from core.train.loop import Course, Step, Validation, learn_steps

_PAD_ID = 0  # what is padded is not looked at


@dataclass(frozen=True, slots=True)
class Written:
    """An example, as token ids.

    Attributes:
        request: What is asked.
        answer: What is to be written, with the token that ends it.
    """

    request: Sequence[int]
    answer: Sequence[int]

    def __len__(self) -> int:
        return len(self.request) + len(self.answer)


@dataclass(frozen=True, slots=True)
class CausalTrial:
    """What came out.

    Attributes:
        model: Tuned, on a CPU, without adapters.
        before: ``(held out,)`` loss per token of each example that was kept away, of the model as it was.
        after: Of the tuned one.
    """

    model: PreTrainedModel
    before: NDArray[np.float64]
    after: NDArray[np.float64]

    @property
    def gain(self) -> float:
        """Mean fall of the loss."""
        return float((self.before - self.after).mean())

    @property
    def error(self) -> float:
        """The standard error of that fall."""
        return float((self.before - self.after).std(ddof=1) / math.sqrt(len(self.before)))

    @property
    def is_better(self) -> bool:
        """Whether the loss fell by more than its error bar."""
        return self.gain > self.error


def fit_causal(
    model: PreTrainedModel,
    train: Sequence[Written],
    held: Sequence[Written],
    config: CausalConfig,
    kit: KitConfig,
    *,
    origin: Path,
    seconds: float | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    tell: Callable[[Step | Validation], object] = lambda event: None,
) -> CausalTrial:
    """Tune a language model; the weights that are best on the examples kept away remain.

    Args:
        model: As ``load_causal`` gives it; changed in place.
        train: What is learned from, at least one.
        held: What is kept away, at least two.
        config: What is changed, and how much at once.
        kit: Seed, number format and the course of the rate.
        origin: The folder that the model came from.
        seconds: Time allowed, or None.
        checkpoints: Folder for checkpoints, or None to write none.
        resume: Go on from the newest of them.
        tell: Is told of each update and each look at the examples kept away.

    Raises:
        ConfigError: ``tune.lora_targets`` names no layer of this model.
        KitError: The loss is no longer a number.
        ResumeError: The checkpoint belongs to other settings or examples.
    """
    device = torch.device(choose_device().value)
    arguments = known_arguments(model)
    before = _losses(model.to(device), held, arguments, config.batch_size)  # type: ignore[arg-type]
    seed_everything(kit.seed, "causal")
    tunable = make_tunable(model, config)
    lessons = _Lessons(train, held, arguments, config.batch_size)
    course = Course(
        config=_settings(config, kit.train),
        seed=kit.seed,
        checkpoints=checkpoints,
        fingerprint=_fingerprint(config, kit, origin, (*train, *held)),
        resume=resume,
        seconds=seconds,
    )
    for event in learn_steps(tunable, lessons, course):
        tell(event)
    tuned = merge_adapters(tunable)
    tuned.train(False)
    after = _losses(tuned, held, arguments, config.batch_size)
    return CausalTrial(tuned.cpu(), before, after)  # type: ignore[arg-type]


class _Lessons:
    """Examples, as the loop wants them."""

    def __init__(
        self, train: Sequence[Written], held: Sequence[Written], arguments: frozenset[str], batch_size: int
    ) -> None:
        self._train, self._held, self._arguments, self._batch_size = train, held, arguments, batch_size
        self._lengths = np.array([len(example) for example in train], dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self._lengths

    def count(self, rows: NDArray[np.int64]) -> int:
        return sum(len(self._train[row].answer) for row in rows)

    def loss(self, model: nn.Module, rows: NDArray[np.int64], device: torch.device) -> Tensor:
        return answer_losses(model, [self._train[row] for row in rows], self._arguments, device).sum()

    def judge(self, model: nn.Module) -> tuple[float, float]:
        loss = float(_losses(model, self._held, self._arguments, self._batch_size).mean())
        return loss, -loss


def answer_losses(
    model: nn.Module, examples: Sequence[Written], arguments: frozenset[str], device: torch.device
) -> Tensor:
    """``(examples,)`` float32: the log loss of each answer, summed over its tokens.

    Examples end together, and so the answers do: the vocabulary, often the larger part of the work, is scored for the
    last tokens only, where a model can do so.

    Args:
        model: The language model, or what stands around it while it is trained.
        examples: Of one batch.
        arguments: What its forward pass can be told.
        device: Where it is.
    """
    width, most = max(map(len, examples)), max(len(example.answer) for example in examples)
    ids = torch.full((len(examples), width), _PAD_ID)
    is_real, is_answer = (torch.zeros(len(examples), width, dtype=torch.long) for _ in range(2))
    for row, example in enumerate(examples):
        ids[row, -len(example) :] = torch.tensor([*example.request, *example.answer])
        is_real[row, -len(example) :] = 1
        is_answer[row, -len(example.answer) :] = 1
    given = {"input_ids": ids, "attention_mask": is_real}
    if "position_ids" in arguments:
        given["position_ids"] = (is_real.cumsum(1) - 1).clamp(min=0)
    options: dict[str, Any] = {name: value.to(device) for name, value in given.items()}
    if "logits_to_keep" in arguments:
        options["logits_to_keep"] = most + 1
    logits = model(**options, use_cache=False).logits[:, -(most + 1) : -1].float()
    targets, counted = ids[:, -most:].to(device), is_answer[:, -most:].to(device)
    losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses.view(targets.shape) * counted).sum(1)


def _losses(
    model: nn.Module, examples: Sequence[Written], arguments: frozenset[str], batch_size: int
) -> NDArray[np.float64]:
    """``(examples,)`` loss per token of each answer."""
    device = next(model.parameters()).device
    found = np.zeros(len(examples))
    with _reading(model):
        for rows in sorted_batches(np.array([len(example) for example in examples]), batch_size):
            batch = [examples[row] for row in rows]
            counts = np.array([len(example.answer) for example in batch])
            found[rows] = answer_losses(model, batch, arguments, device).cpu().double().numpy() / counts
    return found


@contextmanager
def _reading(model: nn.Module) -> Iterator[None]:
    """Without dropout and gradients, for the time of a block."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def _settings(config: CausalConfig, train: TrainConfig) -> TrainConfig:
    """The loop's settings, with those of the language model in place of the classifier's."""
    names = ("lr", "epochs", "batch_size", "accumulation_steps")
    return train.model_copy(update={name: getattr(config, name) for name in names})


def _fingerprint(config: CausalConfig, kit: KitConfig, origin: Path, examples: Sequence[Written]) -> str:
    """Hash of all that the course of training depends on."""
    digest = hashlib.sha256(config.model_dump_json().encode())
    digest.update(kit.model_dump_json(include={"seed", "train"}).encode())
    digest.update(backbone_digest(origin).encode())
    digest.update(repr([(list(example.request), list(example.answer)) for example in examples]).encode())
    return digest.hexdigest()

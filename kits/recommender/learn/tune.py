"""Trains the encoder through the towers: the language model itself learns what is clicked.

What makes it affordable: a batch is as many lists as fit a budget of tokens, each distinct item of
it is read once, and an item that was read a few updates ago is taken from a cache, without a
gradient. The cache is bounded: a vector older than ``cache_steps`` updates is read anew.

Source: the cache as in Okura et al. 2017 and the encoding by distinct item as in Speedyfeed (Xiao et al. 2022).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.console import say
from core.data.batch import Tokens, collate, tight_batches, tokenize
from core.model.heads import TextClassifier
from core.model.tuning import apply_tuning, merge_tuning
from core.runtime import choose_device, choose_precision, seed_everything
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.fit import Batch, Towers, list_loss, make_batch, shuffled
from kits.recommender.learn.replay import Replayed
from kits.recommender.model.tower import Tower

LISTS_PER_UPDATE = 64
LEAST_READ = 32  # distinct items read anew in an update, so that the encoder always learns
TIMED_UPDATES = 3
READ_BATCH = 64


@dataclass(slots=True)
class VectorCache:
    """Item vectors as the encoder gave them, and at which update.

    Attributes:
        vectors: ``(items, dimension)`` float32.
        read_at: Update of each; -1: never ``(items,)``.
        limit: Older ones are read anew; 0: every one always is.
        hits: Items that were taken from here.
        misses: Items that were read.
    """

    vectors: Tensor
    read_at: NDArray[np.int64]
    limit: int
    hits: int = field(default=0)
    misses: int = field(default=0)

    def stale(self, items: NDArray[np.int64], step: int, least: int) -> NDArray[np.bool_]:
        """Which of some items must be read: what is too old, and at least the ``least`` oldest ``(items,)``."""
        age = np.where(self.read_at[items] < 0, np.iinfo(np.int64).max, step - self.read_at[items])
        chosen = age > self.limit if self.limit else np.ones(len(items), dtype=bool)
        if chosen.sum() < least:
            chosen = np.zeros(len(items), dtype=bool)
            chosen[np.argsort(-age, kind="stable")[:least]] = True
        self.misses += int(chosen.sum())
        self.hits += int((~chosen).sum())
        return chosen


@dataclass(frozen=True, slots=True)
class Update:
    """One update: its number, loss, lists, and the distinct items that were read and that were not."""

    step: int
    total: int
    loss: float
    lists: int
    read: int
    cached: int


def tune_steps(
    encoder: TextClassifier, towers: Towers, tokens: Tokens, train: Replayed, config: RecommenderConfig, *, epochs: int
) -> Iterator[Update]:
    """Train encoder and towers in place; LoRA adapters are merged at the end.

    Args:
        encoder: Without heads, as ``apply_tuning`` has marked it.
        towers: On its vectors.
        tokens: Of each item by number.
        train: Lists to learn from.
        config: Settings.
        epochs: Passes.

    Yields:
        An ``Update`` after each.
    """
    device = choose_device().value
    precision = choose_precision(config.train.precision, device).value
    encoder.to(device).train()
    towers.to(device)
    optimizer = make_optimizer(encoder, towers, config)
    hidden = int(encoder.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
    cache = VectorCache(
        torch.zeros(len(tokens), hidden), np.full(len(tokens), -1, dtype=np.int64), config.train.cache_steps
    )
    plan = [lists for epoch in range(epochs) for lists in budget_batches(train, tokens, config, epoch)]
    for step, lists in enumerate(plan):
        seed_everything(config.seed, "tune", step)
        batch = make_batch(train, lists, config.model.history_items)
        stale = cache.stale(batch.distinct, step, LEAST_READ)
        vectors = cache.vectors[batch.distinct].to(device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16"):
            read = read_items(encoder, tokens, batch.distinct[stale], device)
        vectors = vectors.index_copy(0, torch.from_numpy(np.flatnonzero(stale)).to(device), read)
        scores = towers(vectors, _to(batch, device))
        loss = list_loss(scores, towers.offset, _to(batch, device), config.model.loss)
        rate = 1 - step / len(plan)
        warmth = min(1.0, (step + 1) / max(1, int(0.1 * len(plan))))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate * warmth
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()
        cache.vectors[batch.distinct[stale]] = read.detach().cpu()
        cache.read_at[batch.distinct[stale]] = step
        yield Update(step + 1, len(plan), float(loss.detach()), len(lists), int(stale.sum()), int((~stale).sum()))
    merge_tuning(encoder)
    encoder.eval()


def read_items(encoder: TextClassifier, tokens: Tokens, items: NDArray[np.int64], device: str) -> Tensor:
    """Unit vectors of some items ``(items, dimension)``, with their gradients, in batches of like length."""
    pad_id = int(getattr(encoder.encoder.config, "pad_token_id", 0) or 0)  # type: ignore[union-attr, arg-type]
    parts, order = [], []
    for rows in tight_batches(tokens.lengths[items], READ_BATCH):
        batch = {name: value.to(device) for name, value in collate(tokens, items[rows], pad_id).items()}
        parts.append(encoder.embed(**batch).float())
        order.append(rows)
    back = torch.from_numpy(np.argsort(np.concatenate(order))).to(device)
    return torch.nn.functional.normalize(torch.cat(parts)[back], dim=-1, eps=1e-6)


def budget_batches(
    train: Replayed, tokens: Tokens, config: RecommenderConfig, epoch: int
) -> Iterator[NDArray[np.int64]]:
    """All lists once; a batch ends before its distinct items hold more than ``batch_tokens`` tokens."""
    starts, lengths = train.starts, tokens.lengths
    history = config.model.history_items
    for lists in shuffled(len(train), LISTS_PER_UPDATE, config.seed, epoch):
        begun, held, seen = 0, 0, set[int]()
        for place, number in enumerate(lists):
            own = {
                *train.items[starts[number] : starts[number + 1]].tolist(),
                *train.histories[number][-history:].tolist(),
            }
            more = sum(int(lengths[item]) for item in own - seen)
            if held + more > config.train.batch_tokens and place > begun:
                yield lists[begun:place]
                begun, held, seen = place, 0, set()
                more = sum(int(lengths[item]) for item in own)
            held += more
            seen |= own
        yield lists[begun:]


def tune_encoder(
    encoder: TextClassifier,
    tokens: Tokens,
    start: Tower,
    train: Replayed,
    config: RecommenderConfig,
    *,
    epochs: int,
    seconds: float | None = None,
    tell: Callable[[str], None] = say,
) -> bool:
    """Tune an encoder in place, unless the time allowed is too short.

    Args:
        encoder: Without heads.
        tokens: Of each item by number.
        start: Towers to begin with.
        train: Lists to learn from.
        config: Settings.
        epochs: Passes.
        seconds: Time allowed; None: any.
        tell: Takes the estimate of the time it will take.

    Returns:
        Whether it was tuned; False where it would have taken too long (the encoder is then half-tuned
        and must be thrown away).
    """
    apply_tuning(encoder, config.model)
    towers = Towers(start)
    begun, losses = 0.0, []
    for update in tune_steps(encoder, towers, tokens, train, config, epochs=epochs):
        losses.append(update.loss)
        if update.step == 1:
            begun = time.monotonic()
        if update.step == 1 + TIMED_UPDATES:
            left = (time.monotonic() - begun) / TIMED_UPDATES * (update.total - update.step)
            tell(
                f"Tuning the encoder: {update.total} updates, at most {left:.0f} s "
                "(fewer items are read once the cache is full)"
            )
            if seconds is not None and left > 3 * seconds:
                return False
        if seconds is not None and begun and time.monotonic() - begun > seconds:
            tell(f"Tuning ended after {update.step} of {update.total} updates: the time allowed is over")
            merge_tuning(encoder)
            encoder.eval()
            break
    return True


def make_optimizer(encoder: TextClassifier, towers: Towers, config: RecommenderConfig) -> torch.optim.Optimizer:
    """AdamW over what is trained: the encoder at ``train.lr``, the towers at ``train.tower_lr``."""
    weights = [p for p in encoder.parameters() if p.requires_grad]
    matrices, others = [p for p in weights if p.ndim > 1], [p for p in weights if p.ndim <= 1]
    rate = config.train.lr
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": config.train.weight_decay, "lr": rate, "peak": rate},
        {"params": others, "weight_decay": 0.0, "lr": rate, "peak": rate},
        {
            "params": list(towers.parameters()),
            "weight_decay": 0.0,
            "lr": config.train.tower_lr,
            "peak": config.train.tower_lr,
        },
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], fused=True)


def _to(batch: Batch, device: str) -> Batch:
    if device == "cpu":
        return batch
    parts = (batch.history, batch.weights, batch.candidates, batch.targets, batch.is_real)
    return Batch(batch.distinct, *(part.to(device) for part in parts))


def tokenize_items(encoder_tokenizer: Any, texts: list[str], config: RecommenderConfig) -> Tokens:
    """Tokens of each item by number."""
    return tokenize(encoder_tokenizer, [(text, None) for text in texts], config.model.max_tokens)

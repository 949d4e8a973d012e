"""Tunes an encoder so that texts which mean the same lie near, from pairs and no labels.

Every anchor is to find its partner among all partners of the batch and the hard negatives beside
them. Pairs are drawn anew in each epoch, one for each text, so their number grows with the texts
and not with their square. Texts that are partners of each other stand in one batch, and each text
of a batch is read once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.config import TrainConfig
from core.data.batch import Tokens, collate
from core.model.heads import TextClassifier
from core.runtime import derive_seed, seed_everything
from core.train.loop import learning_rate, make_accelerator

Rows = NDArray[np.int64]
TEMPERATURE = 0.05
ALONE = -1
PASS_ROWS = 16


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of one epoch, in the order in which they are learned from.

    Attributes:
        anchors: ``(pairs,)`` rows that search.
        partners: ``(pairs,)`` rows that are to be found.
        negatives: ``(pairs, k)`` rows that are near and wrong; k may be 0.
    """

    anchors: Rows
    partners: Rows
    negatives: Rows


@dataclass(frozen=True, slots=True)
class Contrast:
    """What is tuned on.

    Attributes:
        tokens: All texts.
        groups: ``(rows,)`` rows of one group mean the same and are never told apart; ``ALONE``
            belongs to none.
        draw: The pairs of an epoch, a function of its number.
        epochs: How many.
        seconds: Time allowed, or None.
        temperature: Cosines are divided by it.
    """

    tokens: Tokens
    groups: Rows
    draw: Callable[[int], Pairs]
    epochs: int
    seconds: float | None = None
    temperature: float = TEMPERATURE


@dataclass(frozen=True, slots=True)
class ContrastStep:
    """One update of the weights."""

    number: int
    total: int
    loss: float
    pairs: int


def contrast_steps(model: TextClassifier, work: Contrast, config: TrainConfig, seed: int) -> Iterator[ContrastStep]:
    """Tune ``model.encoder`` in place.

    Args:
        model: Its heads are not used.
        work: Texts and pairs.
        config: Learning rate, its course, batch size, clipping and number format.
        seed: Every random choice follows from it.

    Yields:
        A step after every update.

    Source:
        van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding, eq. 4,
        in both directions; pairs by label as in Tunstall et al. 2022 (SetFit), but O(rows) of them.
    """
    accelerator = make_accelerator(config.precision)
    weights = [p for name, p in model.named_parameters() if p.requires_grad and not name.startswith("heads.")]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    prepared, optimizer = accelerator.prepare(model, torch.optim.AdamW(groups, lr=config.lr, fused=True))
    plain = accelerator.unwrap_model(prepared)
    per_epoch = math.ceil(len(work.draw(0).anchors) / config.batch_size)
    total, step, begun = per_epoch * work.epochs, 0, time.monotonic()
    prepared.train()
    for epoch in range(work.epochs):
        pairs = work.draw(epoch)
        for start in range(0, len(pairs.anchors), config.batch_size):
            if work.seconds is not None and time.monotonic() - begun > work.seconds:
                break
            for settings in optimizer.param_groups:
                settings["lr"] = learning_rate(step, total, config)
            seed_everything(seed, "contrast", step)
            with accelerator.autocast():
                loss = _loss(plain, work, pairs, slice(start, start + config.batch_size), accelerator.device)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(weights, config.clip_norm or math.inf)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            yield ContrastStep(step, total, float(loss.detach()), len(pairs.anchors[start : start + config.batch_size]))
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    model.eval()


def contrast_loss(anchors: Tensor, others: Tensor, is_same: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding the partner, from both sides, as a mean over pairs.

    Args:
        anchors: ``(pairs, hidden)`` vectors of any length.
        others: ``(pairs + negatives, hidden)``: the partner of pair ``i`` stands at ``i``.
        is_same: ``(pairs, pairs + negatives)`` bool: means the same as the anchor, so that it is
            no negative; the partner itself need not be marked.
        temperature: Cosines are divided by it.
    """
    count = len(anchors)
    cosines = functional.normalize(anchors.float()) @ functional.normalize(others.float()).T
    own = torch.zeros_like(is_same)
    own[:, :count] = torch.eye(count, dtype=torch.bool, device=own.device)
    logits = (cosines / temperature).masked_fill(is_same & ~own, -math.inf)
    targets = torch.arange(count, device=logits.device)
    return (functional.cross_entropy(logits, targets) + functional.cross_entropy(logits[:, :count].T, targets)) / 2


def draw_by_label(labels: Rows, seed: int) -> Callable[[int], Pairs]:
    """Pairs of rows with the same label: two by lot are partners of each other, or three in a ring.

    Args:
        labels: ``(rows,)`` positions; ``ALONE`` takes no part. A label of one row has no pair.
        seed: Of the lots.

    Returns:
        The pairs of an epoch: each row is an anchor once, however many rows a label has.
    """
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] != ALONE]
    starts = np.unique(labels[order], return_index=True)[1][1:]
    groups = [rows for rows in np.split(order, starts) if len(rows) > 1]

    def draw(epoch: int) -> Pairs:
        random = np.random.default_rng(derive_seed(seed, "partners", epoch))
        rings = [ring for rows in groups for ring in np.array_split(random.permutation(rows), len(rows) // 2)]
        rings = [rings[i] for i in random.permutation(len(rings))]
        none = np.zeros(0, dtype=np.int64)
        anchors = np.concatenate([none, *rings])
        partners = np.concatenate([none, *(np.roll(ring, 1) for ring in rings)])
        return Pairs(anchors, partners, np.zeros((len(anchors), 0), np.int64))

    return draw


def _loss(model: TextClassifier, work: Contrast, pairs: Pairs, chosen: slice, device: torch.device) -> Tensor:
    anchors, partners = pairs.anchors[chosen], pairs.partners[chosen]
    negatives = np.setdiff1d(pairs.negatives[chosen].ravel(), partners)
    others = np.concatenate([partners, negatives])
    rows, positions = np.unique(np.concatenate([anchors, others]), return_inverse=True)
    vectors = embed_rows(model, work.tokens, rows, device)
    at = torch.from_numpy(positions).to(device)
    count = len(anchors)
    own, other = work.groups[anchors], work.groups[others]
    is_same = (own[:, None] == other[None, :]) & (own[:, None] != ALONE)
    is_same |= anchors[:, None] == others[None, :]
    return contrast_loss(
        vectors[at[:count]], vectors[at[count:]], torch.from_numpy(is_same).to(device), work.temperature
    )


def embed_rows(model: TextClassifier, tokens: Tokens, rows: Rows, device: torch.device) -> Tensor:
    """Vectors ``(rows, hidden)`` of the rows of a batch.

    On a CPU they are read ``PASS_ROWS`` at a time with others of like length, which leaves little padding.
    The last ones are filled up to as many, since a CPU's kernels are compiled for each shape and kept:
    with another number of rows in every batch memory grew without end.
    """
    size = PASS_ROWS if device.type == "cpu" else len(rows)
    order = np.argsort(tokens.lengths[rows], kind="stable")
    pad_id = int(model.encoder.config.pad_token_id or 0)  # type: ignore[union-attr, arg-type]
    filled = np.resize(rows[order], math.ceil(len(rows) / size) * size)
    filled[len(rows) :] = rows[order[-1]]
    passes = [
        model.embed(**{key: value.to(device) for key, value in collate(tokens, part, pad_id).items()})
        for part in np.split(filled, len(filled) // size)
    ]
    return torch.cat(passes)[torch.from_numpy(np.argsort(order)).to(device)]

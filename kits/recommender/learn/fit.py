"""Trains the two towers: on frozen text vectors in seconds, or through the encoder that makes them.

Source: pointwise loss as in logistic regression, listwise as softmax over the list (Wu et al. 2019, NRMS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.runtime import derive_seed, seed_everything
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.replay import Replayed
from kits.recommender.model.tower import Tower, plain_tower

Floats = NDArray[np.float32]
LISTS_PER_UPDATE = 128
RANK = 64
START_SCALE = 8.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lists and their users' histories, with places in the distinct items of the batch.

    Attributes:
        distinct: Numbers of the items that occur ``(distinct,)``.
        history: Places of the history, the newest first ``(lists, history)``; padded with 0.
        weights: Of these events, 0 where padded ``(lists, history)``.
        candidates: Places of the candidates ``(lists, longest)``; padded with 0.
        targets: Weights of the candidates ``(lists, longest)``.
        is_real: Where a candidate stands ``(lists, longest)``.
    """

    distinct: NDArray[np.int64]
    history: Tensor
    weights: Tensor
    candidates: Tensor
    targets: Tensor
    is_real: Tensor


class Towers(nn.Module):
    """The towers as they are trained; ``freeze`` gives what service uses.

    ``W`` is the identity and a change of low rank, so that the first scores are cosines of texts.

    Args:
        start: Where training begins.
    """

    identity: Tensor

    def __init__(self, start: Tower) -> None:
        super().__init__()
        self.register_buffer("identity", torch.from_numpy(start.project.copy()))
        rows, columns = start.project.shape
        self.down = nn.Parameter(torch.randn(rows, min(RANK, rows)) / rows**0.5)
        self.up = nn.Parameter(torch.zeros(min(RANK, rows), columns))
        self.attend = nn.Parameter(torch.from_numpy(start.attend.copy()))
        self.recency = nn.Parameter(torch.from_numpy(start.recency.copy()))
        self.prior = nn.Parameter(torch.from_numpy(start.prior.copy()))
        self.appeal = nn.Parameter(torch.from_numpy(start.appeal.copy()))
        scale, power, dislike, strength = (float(value) for value in start.scalars)
        self.scale = nn.Parameter(torch.tensor(scale))
        self.power = nn.Parameter(torch.tensor(power))
        self.dislike = nn.Parameter(torch.tensor(dislike))
        self.strength = nn.Parameter(torch.tensor(max(strength, 0.01)).log())
        self.offset = nn.Parameter(torch.tensor(-2.0))

    def items(self, texts: Tensor) -> Tensor:
        """Item vectors ``(items, dimension)`` of text vectors ``(items, text dimension)``."""
        return nn.functional.normalize(texts @ self.identity + (texts @ self.down) @ self.up, dim=-1, eps=1e-6)

    def users(self, vectors: Tensor, weights: Tensor) -> Tensor:
        """User vectors ``(lists, dimension)``.

        Args:
            vectors: Of the history, the newest first ``(lists, history, dimension)``.
            weights: Of these events, 0 where padded ``(lists, history)``.
        """
        liked, disliked = weights > 0, weights < 0
        logits = vectors @ self.attend + self.recency[: weights.shape[1]]
        logits = logits + self.power * torch.log(weights.clamp(min=1e-3))
        shares = torch.softmax(logits.masked_fill(~liked, -1e9), dim=1) * liked
        counts = liked.sum(dim=1, keepdim=True)
        strength = self.strength.exp()
        pooled = (strength * self.prior + counts * (shares.unsqueeze(1) @ vectors).squeeze(1)) / (strength + counts)
        averted = (disliked.float().unsqueeze(1) @ vectors).squeeze(1) / disliked.sum(dim=1, keepdim=True).clamp(min=1)
        return pooled - self.dislike * averted

    def forward(self, texts: Tensor, batch: Batch) -> Tensor:
        """Scores of the candidates ``(lists, longest)`` from text vectors of the distinct items."""
        vectors = self.items(texts)
        users = self.users(vectors[batch.history], batch.weights)
        queries = self.scale * users + self.appeal
        return (vectors[batch.candidates] @ queries.unsqueeze(-1)).squeeze(-1)

    def freeze(self) -> Tower:
        """As plain arrays."""

        def plain(tensor: Tensor) -> Floats:
            return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)

        scalars = torch.stack([self.scale, self.power, self.dislike, self.strength.exp()])
        project = plain(self.identity + self.down @ self.up)
        return Tower(
            project, plain(self.attend), plain(self.recency), plain(self.prior), plain(self.appeal), plain(scalars)
        )


def make_batch(data: Replayed, lists: NDArray[np.int64], history: int) -> Batch:
    """Put some lists together."""
    starts, sizes = data.starts[lists], data.lists.sizes[lists]
    width = int(sizes.max())
    columns = np.arange(width)
    is_real = columns < sizes[:, None]
    rows = np.where(is_real, starts[:, None] + columns, 0)
    candidates = np.where(is_real, data.items[rows], -1)
    targets = np.where(is_real, data.lists.weights[rows], 0.0).astype(np.float32)
    past = np.full((len(lists), history), -1, dtype=np.int64)
    weights = np.zeros((len(lists), history), dtype=np.float32)
    for row, number in enumerate(lists):
        own, values = data.histories[number][-history:][::-1], data.history_weights[number][-history:][::-1]
        past[row, : len(own)], weights[row, : len(own)] = own, values
    distinct, places = np.unique(np.concatenate([candidates.ravel(), past.ravel()]), return_inverse=True)
    if distinct[0] < 0:  # padding, which is no item: its place is that of any
        distinct, places = distinct[1:], np.maximum(places - 1, 0)
    cut = candidates.size
    return Batch(
        distinct,
        torch.from_numpy(places[cut:].reshape(past.shape)),
        torch.from_numpy(weights),
        torch.from_numpy(places[:cut].reshape(candidates.shape)),
        torch.from_numpy(targets),
        torch.from_numpy(is_real),
    )


def list_loss(scores: Tensor, offset: Tensor, batch: Batch, kind: str) -> Tensor:
    """The mean loss of a list: softmax over it, binary cross-entropy, or their sum.

    What was clicked counts by the root of its weight: a purchase says more than a click, not four
    times as much.
    """
    clicked = (batch.targets >= 1.0) & batch.is_real
    emphasis = batch.targets.clamp(min=1.0).sqrt()
    total = scores.new_zeros(())
    if kind in ("both", "listwise"):
        others = scores.masked_fill(~batch.is_real | clicked, -1e9).logsumexp(dim=1, keepdim=True)
        losses = torch.logaddexp(scores, others) - scores  # each click against what was not clicked
        total = total + (losses * clicked * emphasis).sum() / clicked.sum().clamp(min=1)
    if kind in ("both", "pointwise"):
        losses = nn.functional.binary_cross_entropy_with_logits(scores + offset, clicked.float(), reduction="none")
        kept = torch.where(clicked, emphasis, torch.ones_like(emphasis)) * batch.is_real
        total = total + (losses * kept).sum() / batch.is_real.sum()
    return total


def shuffled(lists: int, size: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """All lists once, in an order that follows from (seed, epoch)."""
    order = np.random.default_rng(derive_seed(seed, "lists", epoch)).permutation(lists)
    for start in range(0, lists, size):
        yield order[start : start + size]


def fit_towers(
    texts: Floats,
    train: Replayed,
    config: RecommenderConfig,
    *,
    epochs: int,
    validate: Callable[[Tower], float] | None = None,
) -> tuple[Tower, float]:
    """Train on frozen text vectors.

    Args:
        texts: ``(items, text dimension)``.
        train: Lists to learn from.
        config: Settings.
        epochs: Passes.
        validate: A score of the towers after each pass; the best are kept. None: the last are.

    Returns:
        The towers and their score.
    """
    seed_everything(config.seed, "towers")
    settings = config.model
    towers = Towers(start_tower(texts, train, config))
    others = [p for name, p in towers.named_parameters() if name not in ("down", "up")]
    optimizer = torch.optim.AdamW(
        [
            {"params": [towers.down, towers.up], "weight_decay": 0.01},
            {"params": others, "weight_decay": 0.0, "lr": 3 * config.train.tower_lr},
        ],
        lr=config.train.tower_lr,
    )
    source = torch.from_numpy(texts)
    best, best_score = towers.freeze(), -np.inf
    for epoch in range(epochs):
        for lists in shuffled(len(train), LISTS_PER_UPDATE, config.seed, epoch):
            batch = make_batch(train, lists, settings.history_items)
            loss = list_loss(towers(source[batch.distinct], batch), towers.offset, batch, settings.loss)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        frozen = towers.freeze()
        score = validate(frozen) if validate else float(epoch)
        if score > best_score:
            best, best_score = frozen, score
    return best, best_score


def start_tower(texts: Floats, train: Replayed, config: RecommenderConfig) -> Tower:
    """Where training begins: cosines, sharpened so that a softmax over them tells items apart."""
    plain = plain_tower(texts.shape[1], config.model.history_items, start_prior(texts, train))
    scalars = np.array([START_SCALE, 0.5, 0.1, config.model.prior_strength], dtype=np.float32)
    return replace(plain, scalars=scalars)


def start_prior(texts: Floats, train: Replayed) -> Floats:
    """The mean text of what was clicked ``(dimension,)``: the user of whom nothing is known."""
    clicked = train.items[train.clicks]
    if not len(clicked):
        return np.zeros(texts.shape[1], dtype=np.float32)
    mean = texts[clicked].mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def score_lists(tower: Tower, texts: Floats, data: Replayed) -> NDArray[np.float64]:
    """The score of each candidate of each list ``(rows,)``."""
    vectors = tower.items(texts)
    scores = np.empty(len(data.items), dtype=np.float64)
    starts = data.starts
    for number, (history, weights) in enumerate(zip(data.histories, data.history_weights, strict=True)):
        rows = slice(starts[number], starts[number + 1])
        scores[rows] = vectors[data.items[rows]] @ tower.user(vectors[history], weights)
    return scores

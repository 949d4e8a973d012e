"""The second rung: the pretrained encoder as it is, with a linear head fitted by regression.

The texts are embedded once (and kept on disk under the hash of their content); the fit itself
takes seconds. The result is an ordinary encoder with heads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from core.data.batch import Tokens
from core.data.cache import cached_arrays
from core.data.example import Dataset, Task
from core.model.heads import TextClassifier
from core.predict.engine import EncoderClassifier

INVERSE_PENALTIES = (0.003, 0.01, 0.03, 0.1)
PENALTY_ROWS = 5000
DIRECTIONS_PENALTY = 20.0  # inverse, too
LEAST_SPREAD = 0.01
_NEVER_MARGIN = 8.0


def fit_heads(
    model: TextClassifier, embeddings: NDArray[np.float32], train: Dataset, tasks: Sequence[Task], seed: int
) -> None:
    """Set the heads of ``model`` to logistic regressions on standardised embeddings.

    Args:
        model: Its heads are replaced in place.
        embeddings: ``(rows, hidden)`` of the training rows.
        train: Their labels.
        tasks: What is asked of a text.
        seed: Of the solver.
    """
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0)
    spread = np.maximum(spread, LEAST_SPREAD * spread.mean() + 1e-12)  # a constant dimension must not blow up
    standard = ((embeddings - mean) / spread).astype(np.float64)
    for task, head in zip(tasks, model.heads, strict=True):
        rows = np.flatnonzero(train.known[task.name])
        targets = train.targets[task.name][rows]
        weight, bias = _fit_task(standard[rows], targets, task, seed, _choose_penalty(standard[rows], targets, seed))
        _set_head(head, weight / spread, bias - (weight / spread) @ mean)  # it reads embeddings as they are


def fit_heads_of_few(
    model: TextClassifier,
    embeddings: NDArray[np.float32],
    train: Dataset,
    tasks: Sequence[Task],
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> None:
    """Likewise, on the directions of the embeddings: with few rows, their lengths and the spread of each are chance.

    The heads read embeddings as they are, a fifth longer or shorter; by their mean length the weights are divided.

    Args:
        model: Its heads are replaced in place.
        embeddings: ``(rows, hidden)`` of the training rows.
        train: Their labels.
        tasks: What is asked of a text.
        seed: Of the solver.
        weights: How much each row counts ``(rows,)``; None: as much as any other.
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    directions = (embeddings / np.maximum(lengths, 1e-12)).astype(np.float64)
    mean = directions.mean(axis=0)
    spread = max(float(np.sqrt(np.square(directions - mean).sum(axis=1).mean())), 1e-12)
    standard = (directions - mean) / spread
    for task, head in zip(tasks, model.heads, strict=True):
        rows = np.flatnonzero(train.known[task.name])
        counts = None if weights is None else weights[rows]
        weight, bias = _fit_task(standard[rows], train.targets[task.name][rows], task, seed, DIRECTIONS_PENALTY, counts)
        weight = weight / spread
        _set_head(head, weight / max(float(lengths.mean()), 1e-12), bias - weight @ mean)


def embed_cached(encoder: EncoderClassifier, tokens: Tokens, backbone: str) -> NDArray[np.float32]:
    """Embeddings of tokenised rows, read from disk when the same were computed before.

    Args:
        encoder: The pretrained encoder, untrained.
        tokens: The tokenised rows.
        backbone: What tells this encoder from others, such as the hash of its weights.
    """
    digest = hashlib.sha256(f"{backbone}\0{encoder.precision.value}".encode())
    for part in (tokens.ids, tokens.types, tokens.offsets):
        digest.update(part.tobytes())
    arrays = cached_arrays(
        "embeddings", digest.hexdigest(), lambda: {"embeddings": encoder.embed_tokens(tokens)}
    )
    return arrays["embeddings"]


def _set_head(head: nn.Module, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    head.load_state_dict({"weight": torch.from_numpy(weight).float(), "bias": torch.from_numpy(bias).float()})


def _fit_task(
    features: NDArray[np.float64],
    targets: NDArray[Any],
    task: Task,
    seed: int,
    penalty: float,
    counts: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(labels, hidden)`` weights and ``(labels,)`` biases; a label never seen stays improbable."""
    weight = np.zeros((len(task.labels), features.shape[1]))
    bias = np.full(len(task.labels), -_NEVER_MARGIN)
    if task.kind == "single":
        seen = np.unique(targets)
        if len(seen) < 2:
            bias[seen] = _NEVER_MARGIN
            return weight, bias
        fitted = _regression(penalty, seed).fit(features, targets, counts)
        if len(seen) == 2:  # scikit-learn gives one row of weights for two labels
            weight[seen[1]], bias[seen] = fitted.coef_[0], [0.0, fitted.intercept_[0]]
        else:
            weight[seen], bias[seen] = fitted.coef_, fitted.intercept_
        return weight, bias
    for label in range(len(task.labels)):
        positive = targets[:, label] > 0.5
        if positive.any() and positive.all():
            bias[label] = _NEVER_MARGIN
        elif positive.any():
            fitted = _regression(penalty, seed).fit(features, positive, counts)
            weight[label], bias[label] = fitted.coef_[0], fitted.intercept_[0]
    return weight, bias


def _choose_penalty(features: NDArray[np.float64], targets: NDArray[Any], seed: int) -> float:
    """The inverse penalty with the least log loss on a fifth of (a sample of) the training rows.

    A multi-label task is judged by its most frequent label.
    """
    if targets.ndim > 1:
        targets = targets[:, int(targets.sum(axis=0).argmax())] > 0.5
    labels, positions, counts = np.unique(targets, return_inverse=True, return_counts=True)
    if len(labels) < 2 or counts.min() < 5:
        return INVERSE_PENALTIES[0]
    rows = np.random.default_rng(seed).permutation(len(targets))[:PENALTY_ROWS]
    held, fit = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    held = held[np.isin(positions[held], positions[fit])]
    losses = []
    for penalty in INVERSE_PENALTIES:
        fitted = _regression(penalty, seed).fit(features[fit], positions[fit])
        column = np.searchsorted(fitted.classes_, positions[held])
        losses.append(-fitted.predict_log_proba(features[held])[np.arange(len(held)), column].mean())
    return INVERSE_PENALTIES[int(np.argmin(losses))]


def _regression(inverse_penalty: float, seed: int) -> LogisticRegression:
    return LogisticRegression(C=inverse_penalty, max_iter=200, tol=1e-3, random_state=seed)

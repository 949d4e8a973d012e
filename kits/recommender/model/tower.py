"""The two towers, as they score: an item's text vector on one side, a user's recent history on the other.

Training them is in ``fit``; here is what service computes, in numpy, so that one list costs microseconds.

An item is ``z = unit(x W)``. A user is the attention-weighted mean of the items of the recent history,
less a share of what was disliked, mixed with a prior that counts as some events: who has no history is
the prior alone, which starts at the mean of what is clicked, so at what is popular. The score is
``s u·z + b·z``: the second part is how much a text appeals to anyone.

Source: attention pooling as in Yang et al. 2016 and NRMS (Wu et al. 2019), without their projections.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.errors import ModelError
from kits.recommender.state.user import User

Floats = NDArray[np.float32]
NAMES = ("project", "attend", "recency", "prior", "appeal", "scalars")
SCALARS = ("scale", "weight_power", "dislike", "prior_strength")


@dataclass(frozen=True, slots=True)
class Tower:
    """What was learned.

    Attributes:
        project: ``W`` ``(text dimension, dimension)``.
        attend: What the attention looks for ``(dimension,)``.
        recency: Added to the attention by age, the newest first ``(history,)``.
        prior: The user without history ``(dimension,)``.
        appeal: ``b`` ``(dimension,)``.
        scalars: By the names ``SCALARS`` ``(4,)``.
    """

    project: Floats
    attend: Floats
    recency: Floats
    prior: Floats
    appeal: Floats
    scalars: Floats

    @property
    def history(self) -> int:
        """So many latest events are read."""
        return len(self.recency)

    @property
    def is_plain(self) -> bool:
        """Whether an item's vector is that of its text."""
        return np.array_equal(self.project, np.eye(*self.project.shape))

    def items(self, texts: Floats) -> Floats:
        """Item vectors ``(items, dimension)`` of text vectors ``(items, text dimension)``."""
        return unit(np.asarray(texts, dtype=np.float32) @ self.project)

    def user(self, vectors: Floats, weights: Floats) -> Floats:
        """The query ``(dimension,)`` whose inner product with an item vector is the score.

        Args:
            vectors: Item vectors of the history, the newest last ``(events, dimension)``.
            weights: Of the events ``(events,)``.
        """
        scale, power, dislike, strength = (float(value) for value in self.scalars)
        vectors, weights = vectors[-self.history :], weights[-self.history :]
        liked = weights > 0
        pooled = strength * self.prior
        if liked.any():
            age = np.arange(len(weights))[::-1][liked]
            logits = vectors[liked] @ self.attend + self.recency[age] + power * np.log(weights[liked])
            shares = np.exp(logits - logits.max())
            pooled = pooled + liked.sum() * (shares / shares.sum()) @ vectors[liked]
        pooled = pooled / (strength + liked.sum() + 1e-6)
        if not liked.all():
            pooled = pooled - dislike * vectors[~liked].mean(axis=0)
        return np.asarray(scale * pooled + self.appeal, dtype=np.float32)

    def query(self, user: User, rows: Floats, wishes: Floats | None = None) -> Floats:
        """The query of a user's state.

        Args:
            user: With numbers of items.
            rows: Item vectors by number.
            wishes: Item vectors of texts that count as clicks ``(wishes, dimension)``.
        """
        items, weights, _ = user.recent(self.history)
        vectors = rows[items].astype(np.float32)
        if wishes is not None and len(wishes):
            vectors = np.concatenate([vectors, wishes])
            weights = np.concatenate([weights, np.ones(len(wishes), dtype=np.float32)])
        return self.user(vectors, weights)

    def save(self, file: Path) -> None:
        """Write a safetensors file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in NAMES}, file)

    @classmethod
    def load(cls, file: Path) -> Tower:
        """Read what ``save`` wrote.

        Raises:
            ModelError: It is absent or does not fit together.
        """
        try:
            tensors = load_file(file)
            tower = cls(**{name: tensors[name] for name in NAMES})
            dimension = tower.project.shape[1]
            fits = all(tensors[name].shape == (dimension,) for name in ("attend", "prior", "appeal"))
            if not fits or len(tower.scalars) != len(SCALARS) or tower.recency.ndim != 1:
                raise ValueError("shapes differ")
            return tower
        except (OSError, ValueError, KeyError, IndexError, SafetensorError) as error:
            raise ModelError("the towers do not fit together", where=str(file), got=str(error)) from error


def plain_tower(dimension: int, history: int, prior: Floats | None = None) -> Tower:
    """Towers before any training: the mean of the history, and the cosine."""
    zeros = np.zeros(dimension, dtype=np.float32)
    return Tower(
        project=np.eye(dimension, dtype=np.float32),
        attend=zeros,
        recency=np.zeros(history, dtype=np.float32),
        prior=zeros if prior is None else prior,
        appeal=zeros,
        scalars=np.array([1.0, 0.0, 0.0, 1.0 if prior is not None else 0.0], dtype=np.float32),
    )


def unit(vectors: Floats) -> Floats:
    """Rows of length one; zero rows stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def interests(vectors: Floats, weights: Sequence[float], most: int, alike: float = 0.6) -> Floats:
    """Mean directions of the several things that a history is about ``(interests, dimension)``.

    The newest event starts the first; an event joins the interest that it is most like, or, where
    it is like none, starts another.
    """
    liked = [place for place in range(len(weights))[::-1] if weights[place] > 0]
    if not liked:
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    chosen = vectors[liked]
    products = (chosen @ chosen.T).astype(np.float64)
    member = np.zeros((most, len(liked)), dtype=np.float32)
    inner = np.zeros((most, len(liked)))  # of the sum of each interest with each event
    squares: list[float] = []  # of the length of each sum
    for event in range(len(liked)):
        own = inner[: len(squares), event].tolist()
        cosines = [value / max(math.sqrt(square), 1e-9) for value, square in zip(own, squares, strict=True)]
        best = max(range(len(cosines)), key=cosines.__getitem__, default=-1)
        if best < 0 or (cosines[best] < alike and len(squares) < most):
            best = len(squares)
            squares.append(0.0)
        squares[best] += 2 * inner[best, event] + products[event, event]
        inner[best] += products[event]
        member[best, event] = 1.0
    return unit(member[: len(squares)] @ chosen)

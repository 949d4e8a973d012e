"""Calibrated probabilities that a text is out of scope, and that the first or second intent is right.

Each is a logistic regression on few features of the classifier's probabilities and of the nearest
utterances, fitted on validation rows. Where these hold few utterances that are out of scope, more
are made: a row whose own intent is struck out looks like one whose intent nobody has thought of.

Source: Platt 1999, Probabilistic Outputs for Support Vector Machines, for the regression; Saerens et
al. 2002, Adjusting the Outputs of a Classifier to New a Priori Probabilities, for the stated share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat
from sklearn.linear_model import LogisticRegression

from kits.support.reading import OUT_OF_SCOPE

Floats = NDArray[np.float64]
FEWEST_OUTSIDE, FEWEST_WRONG = 8, 5
MADE_SHARE = 0.1
_TINY = 1e-4


class Logit(BaseModel):
    """A logistic regression on standardised features; without weights it gives back its first feature's odds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    means: tuple[FiniteFloat, ...] = ()
    scales: tuple[FiniteFloat, ...] = ()
    weights: tuple[FiniteFloat, ...] = ()
    bias: FiniteFloat = 0.0

    def probabilities(self, features: Floats) -> Floats:
        """``(rows,)`` probabilities for ``(rows, features)``."""
        if not self.weights:
            odds = features[:, 0]
        else:
            odds = ((features - np.array(self.means)) / np.array(self.scales)) @ np.array(self.weights) + self.bias
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30))))

    def shifted(self, by: float) -> Logit:
        """The same with other odds beforehand; without weights there is nothing to shift."""
        return self.model_copy(update={"bias": self.bias + by}) if self.weights else self


@dataclass(frozen=True, slots=True)
class Judged:
    """What is thought of each text.

    Attributes:
        outside: ``(rows,)`` probability that no intent is meant.
        first: ``(rows,)`` probability that the likeliest intent is meant.
        either: ``(rows,)`` probability that one of the two likeliest is.
    """

    outside: Floats
    first: Floats
    either: Floats


class Judge(BaseModel):
    """The three regressions.

    Attributes:
        outside: That no intent is meant.
        first: That the likeliest is right, for a text in scope.
        either: That one of the two likeliest is, for a text in scope.
        outside_rows: Validation rows out of scope that it rests on; 0: they were made.
        share: Of texts out of scope that is taken for usual.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    outside: Logit = Logit()
    first: Logit = Logit()
    either: Logit = Logit()
    outside_rows: int = 0
    share: float = MADE_SHARE

    def judge(self, labels: Sequence[str], chances: Floats, near: NDArray[Any]) -> Judged:
        """Read both witnesses.

        Args:
            labels: Of the classifier.
            chances: ``(rows, labels)`` its probabilities.
            near: ``(rows, labels)`` cosines to the nearest utterance of each.
        """
        outside, first, either = _features(labels, chances, near)
        inside = 1.0 - self.outside.probabilities(outside)
        right = self.first.probabilities(first)
        return Judged(1.0 - inside, inside * right, inside * np.maximum(right, self.either.probabilities(either)))


def fit_judge(
    labels: Sequence[str], chances: Floats, near: NDArray[Any], truth: NDArray[np.int64], share: float | None
) -> Judge:
    """Fit the regressions on rows that nothing was trained on.

    Args:
        labels: Of the classifier.
        chances: ``(rows, labels)`` its probabilities.
        near: ``(rows, labels)`` cosines to the nearest utterance of each.
        truth: ``(rows,)`` positions of the true labels.
        share: Of texts out of scope that is to be expected; None: as in the rows.
    """
    is_outside = np.array([label == OUT_OF_SCOPE for label in labels])[truth]
    inside = np.flatnonzero(~is_outside)
    order = _ranked(labels, chances)
    is_first = order[inside, 0] == truth[inside]
    is_either = is_first | (order[inside, 1] == truth[inside]) if order.shape[1] > 1 else is_first
    outside, first, either = _features(labels, chances, near)
    fitted = {"first": _fit(first[inside], is_first), "either": _fit(either[inside], is_either)}
    real = int(is_outside.sum())
    usual = real / len(truth)
    rows, marks = outside, is_outside
    if real < FEWEST_OUTSIDE:
        made = _made_outside(labels, chances[inside], near[inside], truth[inside])
        usual = max(usual, MADE_SHARE)
        rows, marks = np.concatenate([outside, made]), np.concatenate([is_outside, np.ones(len(made), dtype=bool)])
    stated = usual if share is None else share
    shift = _odds(stated) - _odds(float(marks.mean())) if marks.any() and not marks.all() else 0.0
    return Judge(
        outside=_fit(rows, marks).shifted(shift),
        outside_rows=real if real >= FEWEST_OUTSIDE else 0,
        share=stated,
        **fitted,
    )


def _made_outside(labels: Sequence[str], chances: Floats, near: NDArray[Any], truth: NDArray[np.int64]) -> Floats:
    """Features of rows as if their own intent did not exist."""
    rows = np.arange(len(truth))
    others, far = chances.copy(), near.copy()
    others[rows, truth] = _TINY / len(labels)
    far[rows, truth] = -1.0
    return _features(labels, others / others.sum(axis=1, keepdims=True), far)[0]


def _features(labels: Sequence[str], chances: Floats, near: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """What the three regressions read, ``(rows, features)`` each; the first is the classifier's own odds."""
    is_inside = np.array([label != OUT_OF_SCOPE for label in labels])
    order = _ranked(labels, chances)
    rows = np.arange(len(chances))
    second = order[:, 1] if order.shape[1] > 1 else order[:, 0]
    p_first, p_second = chances[rows, order[:, 0]], chances[rows, second] * (order.shape[1] > 1)
    p_inside = np.maximum(chances[:, is_inside].sum(axis=1), _TINY)
    p_outside = chances[:, ~is_inside].sum(axis=1)
    s_inside = near[:, is_inside].max(axis=1)
    s_outside = near[:, ~is_inside].max(axis=1) if (~is_inside).any() else np.full(len(rows), -1.0)
    s_first, s_second = near[rows, order[:, 0]], near[rows, second]
    rest = near.copy()
    rest[:, ~is_inside] = -1.0
    rest[rows, order[:, 0]] = -1.0
    s_other = rest.max(axis=1)
    rest[rows, second] = -1.0
    s_third = rest.max(axis=1)
    entropy = -(chances * np.log(np.maximum(chances, 1e-12))).sum(axis=1)
    outside = np.stack(
        [_odds(p_outside if (~is_inside).any() else 1.0 - p_first), _odds(p_first), entropy, s_inside, s_first,
         np.maximum(s_outside, -0.2) - s_inside], axis=1,
    )  # fmt: skip
    first = np.stack(
        [_odds(p_first / p_inside), np.log(np.maximum(p_first, _TINY) / np.maximum(p_second, _TINY)), s_first,
         s_first - s_other], axis=1,
    )  # fmt: skip
    either = np.stack(
        [_odds((p_first + p_second) / p_inside), np.maximum(s_first, s_second),
         np.maximum(s_first, s_second) - s_third], axis=1,
    )  # fmt: skip
    return outside.astype(np.float64), first.astype(np.float64), either.astype(np.float64)


def _ranked(labels: Sequence[str], chances: Floats) -> NDArray[np.int64]:
    """``(rows, intents)`` positions of the intents, the likeliest first, without out-of-scope."""
    inside = np.array([label != OUT_OF_SCOPE for label in labels])
    order = np.argsort(-np.where(inside, chances, -1.0), axis=1, kind="stable")
    return np.asarray(order[:, : int(inside.sum())], dtype=np.int64)


def _fit(features: Floats, marks: NDArray[np.bool_]) -> Logit:
    """A regression, or the classifier's own odds where there is too little to fit one on."""
    if min(int(marks.sum()), int((~marks).sum())) < FEWEST_WRONG:
        return Logit()
    means, scales = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    fitted = LogisticRegression(C=1.0, max_iter=500).fit((features - means) / scales, marks)
    return Logit(
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        weights=tuple(fitted.coef_[0].tolist()),
        bias=float(fitted.intercept_[0]),
    )


def _odds(chance: Any) -> Any:
    """The logarithm of the odds, bounded."""
    bounded = np.clip(chance, _TINY, 1.0 - _TINY)
    odds = np.log(bounded) - np.log1p(-bounded)
    return float(odds) if isinstance(chance, float) and math.isfinite(chance) else odds

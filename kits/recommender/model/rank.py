"""The second stage: LightGBM's LambdaMART over the features, kept as a text file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from kits.recommender.config import RankConfig
from kits.recommender.model.feature import COLUMN, FEATURES

Floats = NDArray[np.float32]
GAINS = (0, 1, 3, 5, 7)  # of nothing, click, comment, share, purchase
STOP_AFTER_TREES = 40
FIRST_TREES, KEPT_FOR_ONE = 30, 1.5
NEWCOMERS_FILE = "newcomers.txt"
LARGEST_FILE_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Lists:
    """Candidates with their features, list after list.

    Attributes:
        features: ``(rows, features)``.
        weights: Of each row, as in ``Impression`` ``(rows,)``.
        sizes: Rows of each list ``(lists,)``.
    """

    features: Floats
    weights: Floats
    sizes: NDArray[np.int64]


class Ranker:
    """A trained ranker: trees for users of whom something is known, and trees for all others.

    Few lists of a log are a user's first, yet every user begins with one. Trees that met both would
    spend themselves on the many, and read an empty history as a bad one.

    Args:
        text: The trees as LightGBM writes them.
        newcomers: Those for lists whose user is not known at all; None: the same.

    Raises:
        ModelError: They are none, or are made for other features.
    """

    def __init__(self, text: str, newcomers: str | None = None) -> None:
        self.text, self.newcomers = text, newcomers
        self._booster = _parse(text, "ranker.txt")
        self._of_newcomers = None if newcomers is None else _parse(newcomers, NEWCOMERS_FILE)

    def score(self, features: Floats) -> NDArray[np.float64]:
        """A score of each candidate ``(candidates,)``; the higher, the likelier a click."""
        return self._predict(features, np.zeros(len(features)))

    def choose(self, features: Floats, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The best candidates and their scores, the best first; each ``(most,)`` or fewer.

        The first trees, which say most, read all candidates; the others only those that may still be among the best.

        Args:
            features: ``(candidates, features)``.
            most: How many.

        Source: a cascade as in Wang et al. 2011, A cascade ranking model for efficient ranked retrieval.
        """
        rows = np.arange(len(features))
        scores = self._predict(features, np.zeros(len(rows)), num_iteration=FIRST_TREES)
        if len(rows) > (kept := math.ceil(KEPT_FOR_ONE * most)):
            rows = np.argsort(-scores, kind="stable")[:kept]
        scores = scores[rows] + self._predict(features[rows], np.zeros(len(rows)), start_iteration=FIRST_TREES)
        order = np.argsort(-scores, kind="stable")[:most]
        return rows[order], scores[order]

    def contributions(self, features: Floats) -> NDArray[np.float64]:
        """How much each feature lifts each candidate ``(candidates, features)``; rows sum to the score less a constant.

        Source: Lundberg et al. 2018, Consistent individualized feature attribution for tree ensembles.
        """
        lifted = np.zeros((len(features), len(FEATURES) + 1))
        return self._predict(features, lifted, pred_contrib=True)[:, :-1]

    def _predict(self, features: Floats, into: NDArray[np.float64], **options: Any) -> NDArray[np.float64]:
        is_unknown = _is_unknown(features) & (self._of_newcomers is not None)
        for booster, rows in ((self._booster, ~is_unknown), (self._of_newcomers, is_unknown)):
            if booster is not None and rows.any():
                into[rows] = booster.predict(features[rows], num_threads=1, **options)
        return into

    def gains(self) -> dict[str, float]:
        """What share of the whole gain each feature brought, the largest first."""
        gains = self._booster.feature_importance("gain")
        shares = gains / max(gains.sum(), 1e-12)
        return {FEATURES[i]: round(float(shares[i]), 4) for i in np.argsort(-shares)}

    def save(self, file: Path) -> None:
        """Write the text, and that for newcomers beside it."""
        file.write_text(self.text, encoding="utf-8")
        if self.newcomers is not None:
            file.with_name(NEWCOMERS_FILE).write_text(self.newcomers, encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Ranker:
        """Read what ``save`` wrote.

        Raises:
            ModelError: It is absent, too large, or no ranker.
        """
        beside = file.with_name(NEWCOMERS_FILE)
        return cls(_read(file), _read(beside) if beside.is_file() else None)


def fit_ranker(
    train: Lists, validation: Lists, config: RankConfig, seed: int, newcomers: tuple[Lists, Lists] | None = None
) -> Ranker:
    """Fit trees on lists, and stop where later lists are no longer ranked better.

    The same rows give the same text: one thread, and no random choice but those of the seed.

    Args:
        train: Lists to learn from.
        validation: Later ones.
        config: How many trees, and of what size.
        seed: Of LightGBM.
        newcomers: Both as if nothing were known of their users, for the trees that rank for such.
    """
    first = None if newcomers is None else _fit_trees(*newcomers, config, seed)
    return Ranker(_fit_trees(train, validation, config, seed), first)


def _fit_trees(train: Lists, validation: Lists, config: RankConfig, seed: int) -> str:
    """The trees as text.

    Source: Burges 2010, From RankNet to LambdaRank to LambdaMART.
    """
    import lightgbm

    parameters = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "label_gain": list(GAINS),
        "num_leaves": config.leaves,
        "learning_rate": config.lr,
        "min_data_in_leaf": config.min_leaf_rows,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    names = list(FEATURES)
    data = lightgbm.Dataset(train.features, grades(train.weights), group=train.sizes, feature_name=names)
    later = data.create_valid(validation.features, grades(validation.weights), group=validation.sizes)
    stop = lightgbm.early_stopping(STOP_AFTER_TREES, verbose=False)
    booster = lightgbm.train(parameters, data, config.trees, valid_sets=[later], callbacks=[stop])
    return str(booster.model_to_string(num_iteration=booster.best_iteration))


def _is_unknown(features: Floats) -> NDArray[np.bool_]:
    """Which candidates are for somebody without a history, who named no interests either ``(candidates,)``."""
    is_unknown = (features[:, COLUMN["history_events"]] == 0) & np.isnan(features[:, COLUMN["text_nearest"]])
    return np.asarray(is_unknown)


def _parse(text: str, name: str) -> Any:
    import lightgbm

    try:
        booster = lightgbm.Booster(model_str=text)
        names = tuple(booster.feature_name())
    except Exception as error:  # LightGBM has but one error of its own, and parses with more
        raise ModelError("not a ranker", where=name, got=str(error)) from error
    if names != FEATURES:
        raise ModelError("the ranker is made for other features", where=name, fix="train anew")
    return booster


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise ValueError("larger than any such file is")
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError("not a usable ranker", where=str(file), got=str(error)) from error


def grades(weights: Floats) -> NDArray[np.int32]:
    """The grade of each row for LambdaMART: 0 nothing, then by what was done ``(rows,)``.

    >>> grades(np.array([-1.0, 0.3, 1.0, 4.0], dtype=np.float32)).tolist()
    [0, 0, 1, 4]
    """
    return np.clip(np.floor(weights), 0, len(GAINS) - 1).astype(np.int32)

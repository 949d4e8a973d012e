"""The second stage: LightGBM's LambdaMART over the features, kept as a text file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from kits.recommender.config import RankConfig
from kits.recommender.feature import FEATURES

Floats = NDArray[np.float32]
GAINS = (0, 1, 3, 5, 7)  # of nothing, click, comment, share, purchase
STOP_AFTER_TREES = 40
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
    """A trained ranker.

    Args:
        text: The model as LightGBM writes it.

    Raises:
        ModelError: It is none, or is made for other features.
    """

    def __init__(self, text: str) -> None:
        import lightgbm

        self.text = text
        try:
            self._booster: Any = lightgbm.Booster(model_str=text)
            names = tuple(self._booster.feature_name())
        except Exception as error:  # LightGBM has but one error of its own, and parses with more
            raise ModelError("not a ranker", where="ranker.txt", got=str(error)) from error
        if names != FEATURES:
            raise ModelError("the ranker is made for other features", where="ranker.txt", fix="train anew")

    def score(self, features: Floats) -> NDArray[np.float64]:
        """A score of each candidate ``(candidates,)``; the higher, the likelier a click."""
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)

    def contributions(self, features: Floats) -> NDArray[np.float64]:
        """How much each feature lifts each candidate ``(candidates, features)``; rows sum to the score less a constant.

        Source: Lundberg et al. 2018, Consistent individualized feature attribution for tree ensembles.
        """
        values = np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1), dtype=np.float64)
        return values[:, :-1]

    def gains(self) -> dict[str, float]:
        """What share of the whole gain each feature brought, the largest first."""
        gains = self._booster.feature_importance("gain")
        shares = gains / max(gains.sum(), 1e-12)
        return {FEATURES[i]: round(float(shares[i]), 4) for i in np.argsort(-shares)}

    def save(self, file: Path) -> None:
        """Write the text."""
        file.write_text(self.text, encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Ranker:
        """Read what ``save`` wrote.

        Raises:
            ModelError: It is absent, too large, or no ranker.
        """
        try:
            if file.stat().st_size > LARGEST_FILE_BYTES:
                raise ValueError("larger than any such file is")
            return cls(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError("not a usable ranker", where=str(file), got=str(error)) from error


def fit_ranker(train: Lists, validation: Lists, config: RankConfig, seed: int) -> Ranker:
    """Fit trees on lists, and stop where later lists are no longer ranked better.

    The same rows give the same text: one thread, and no random choice but those of the seed.

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
    return Ranker(booster.model_to_string(num_iteration=booster.best_iteration))


def grades(weights: Floats) -> NDArray[np.int32]:
    """The grade of each row for LambdaMART: 0 nothing, then by what was done ``(rows,)``.

    >>> grades(np.array([-1.0, 0.3, 1.0, 4.0], dtype=np.float32)).tolist()
    [0, 0, 1, 4]
    """
    return np.clip(np.floor(weights), 0, len(GAINS) - 1).astype(np.int32)

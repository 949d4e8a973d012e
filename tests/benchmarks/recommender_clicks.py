"""Clicks on news titles that nobody has seen: ``python -m tests.benchmarks.recommender_clicks``.

The Bing News sample says which titles a user was shown and which were clicked, without times. A fifth
of the titles, drawn by seed, is the test: no row of training has any of them. Another tenth chooses how
long the encoder is tuned; the rest is trained on. A user's history is what he or she clicked in training.

Reported: the AUC over all test rows, with 95 % intervals from resampled users, of the share of clicks
among the user's training rows (user rate), the mean cosine with the history by TF-IDF and by the frozen
encoder, the towers on the frozen and on the tuned encoder, and each of these together with the user rate
(a logistic regression fitted on the validation rows).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core.model.backbone import load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.latent import fit_latent
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.fit import fit_towers, start_tower
from kits.recommender.learn.replay import Replayed
from kits.recommender.learn.tune import tokenize_items, tune_encoder
from kits.recommender.model.feature import FEATURES
from kits.recommender.model.rank import Lists
from kits.recommender.model.text import as_language_model, open_backbone
from kits.recommender.model.tower import Floats, Tower
from tests.benchmarks.measuring import data_folder

SEED = 2024
PARTS = 4  # a user's rows are learned from in so many lists, each with the other parts as history
PRIOR_ROWS = 5.0
SAMPLES = 1000
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one part: user, title and whether it was clicked, each ``(rows,)``."""

    users: NDArray[np.int64]
    titles: NDArray[np.int64]
    clicks: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        """Some of them."""
        return Rows(self.users[chosen], self.titles[chosen], self.clicks[chosen])


def main() -> None:
    """Measure all and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 4], help="tried; the validation rows choose")
    parser.add_argument("--lr", type=float, default=5e-5)
    options = parser.parse_args()
    begun = time.monotonic()
    config = RecommenderConfig.model_validate({"train": {"lr": options.lr}, "model": {"max_tokens": 32}})
    texts, train, validation, test = read_rows()
    histories = gather(train)
    lists = make_training_lists(train)
    rate = user_rates(train)
    scores: dict[str, tuple[Scores, Scores]] = {}

    def add(name: str, score: Any) -> float:
        scores[name] = (score(validation), score(test))
        return float(roc_auc_score(validation.clicks, scores[name][0]))

    add("user_rate", lambda rows: rate[rows.users])
    latent = fit_latent(texts, 2, seed=SEED).sparse(texts).tocsr()
    add("tfidf_profile", lambda rows: profile(latent, histories, rows))
    frozen = open_backbone(config).encode(texts)
    add("frozen_similarity", lambda rows: profile(frozen, histories, rows))
    towers, _ = fit_towers(frozen, lists, config, epochs=8)
    add("towers_frozen", lambda rows: score_rows(towers, frozen, histories, rows))
    best, chosen = -1.0, 0
    for epochs in options.epochs:
        vectors, tuned = tune(texts, frozen, lists, config, epochs)
        name = f"towers_tuned_{epochs}"
        found = add(name, lambda rows, t=tuned, v=vectors: score_rows(t, v, histories, rows))
        if found > best:
            best, chosen = found, epochs
    picked = scores[f"towers_tuned_{chosen}"]
    scores = {name: value for name, value in scores.items() if not name.startswith("towers_tuned")}
    scores["towers_tuned"] = picked
    for name in [name for name in scores if name != "user_rate"]:
        scores[f"{name} + user_rate"] = blend(scores[name], scores["user_rate"], validation)
    result = report(scores, test) | {
        "rows": {"train": len(train.users), "validation": len(validation.users), "test": len(test.users)},
        "epochs": chosen,
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(result, indent=1))


def read_rows() -> tuple[list[str], Rows, Rows, Rows]:
    """Titles, and the rows of training, validation and test: no title is in two of them."""
    file = data_folder() / "recommender/bing_news_clicks/train.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    texts = list(dict.fromkeys(row["title"] for row in rows))
    number = {title: place for place, title in enumerate(texts)}
    users = {user: place for place, user in enumerate(dict.fromkeys(row["user"] for row in rows))}
    every = Rows(
        np.array([users[row["user"]] for row in rows]),
        np.array([number[row["title"]] for row in rows]),
        np.array([row["clicked"] == "1" for row in rows]),
    )
    draw = np.random.default_rng(SEED).random(len(texts))[every.titles]
    return texts, every.take(draw >= 0.3), every.take((draw >= 0.2) & (draw < 0.3)), every.take(draw < 0.2)


def gather(train: Rows) -> dict[int, NDArray[np.int64]]:
    """What each user clicked."""
    return {int(u): train.titles[(train.users == u) & train.clicks] for u in np.unique(train.users)}


def user_rates(train: Rows) -> Scores:
    """Share of clicks among each user's rows, drawn to that of all ``(users,)``."""
    size = 10_000
    rows = np.bincount(train.users, minlength=size)
    clicks = np.bincount(train.users, weights=train.clicks, minlength=size)
    return np.asarray((clicks + PRIOR_ROWS * train.clicks.mean()) / (rows + PRIOR_ROWS))


def profile(vectors: Any, histories: dict[int, NDArray[np.int64]], rows: Rows) -> Scores:
    """Mean cosine of each row's title with the user's history; 0 without one."""
    scores = np.zeros(len(rows.users))
    for user in np.unique(rows.users):
        history = histories.get(int(user), np.zeros(0, np.int64))
        if len(history):
            own = rows.users == user
            mean = np.asarray(vectors[history].mean(axis=0)).ravel()
            scores[own] = np.asarray(vectors[rows.titles[own]] @ mean).ravel()
    return scores


def make_training_lists(train: Rows) -> Replayed:
    """Lists of a user's rows, with what was clicked in the other parts as history."""
    part = np.random.default_rng(SEED).integers(PARTS, size=len(train.users))
    items, weights, sizes, histories = [], [], [], []
    for user in np.unique(train.users):
        for number in range(PARTS):
            own = (train.users == user) & (part == number)
            if own.any():
                items.append(train.titles[own])
                weights.append(train.clicks[own].astype(np.float32))
                sizes.append(int(own.sum()))
                others = (train.users == user) & (part != number) & train.clicks
                histories.append(train.titles[others][-50:])
    rows, lists = sum(sizes), len(sizes)
    features = np.zeros((rows, len(FEATURES)), dtype=np.float32)
    none = np.zeros(rows, dtype=np.float32)
    return Replayed(
        Lists(features, np.concatenate(weights), np.array(sizes)),
        np.concatenate(items),
        histories,
        [np.ones(len(history), dtype=np.float32) for history in histories],
        [""] * lists,
        [""] * lists,
        np.zeros(lists),
        none,
        none.astype(np.int64),
    )


def score_rows(tower: Tower, texts: Floats, histories: dict[int, NDArray[np.int64]], rows: Rows) -> Scores:
    """The towers' score of each row."""
    vectors, scores = tower.items(texts), np.zeros(len(rows.users))
    for user in np.unique(rows.users):
        own, history = rows.users == user, histories.get(int(user), np.zeros(0, np.int64))
        query = tower.user(vectors[history], np.ones(len(history), dtype=np.float32))
        scores[own] = vectors[rows.titles[own]] @ query
    return scores


def tune(
    texts: list[str], frozen: Floats, lists: Replayed, config: RecommenderConfig, epochs: int
) -> tuple[Floats, Tower]:
    """Text vectors of the tuned encoder, and towers on them."""
    folder = resolve_backbone(config.model.backbone)
    tokens = tokenize_items(load_tokenizer(folder), texts, config)
    encoder = TextClassifier(load_encoder(folder, config.model.dropout), ())
    tune_encoder(encoder, tokens, start_tower(frozen, lists, config), lists, config, epochs=epochs)
    vectors = as_language_model(encoder, folder, config).encode(texts)
    tower, _ = fit_towers(vectors, lists, config, epochs=2)
    return vectors, tower


def blend(scores: tuple[Scores, Scores], rate: tuple[Scores, Scores], validation: Rows) -> tuple[Scores, Scores]:
    """Score and user rate in a logistic regression fitted on the validation rows."""
    logit = tuple(np.log(r / (1 - r)) for r in rate)
    center, spread = scores[0].mean(), scores[0].std() + 1e-9
    inputs = [np.stack([(s - center) / spread, r], axis=1) for s, r in zip(scores, logit, strict=True)]
    model = LogisticRegression().fit(inputs[0], validation.clicks)
    return model.decision_function(inputs[0]), model.decision_function(inputs[1])


def report(scores: dict[str, tuple[Scores, Scores]], test: Rows) -> dict[str, Any]:
    """AUC on the test rows with intervals, and the leads of the tuned towers, all over the same resamples."""
    random = np.random.default_rng(SEED)
    users = np.unique(test.users)
    rows_of = [np.flatnonzero(test.users == user) for user in users]
    drawn: dict[str, list[float]] = {name: [] for name in scores}
    for _ in range(SAMPLES):
        rows = np.concatenate([rows_of[pick] for pick in random.integers(len(users), size=len(users))])
        for name, (_, values) in scores.items():
            drawn[name].append(float(roc_auc_score(test.clicks[rows], values[rows])))
    auc = {name: float(roc_auc_score(test.clicks, values)) for name, (_, values) in scores.items()}
    best = "towers_tuned"
    return {
        "auc": {name: [round(auc[name], 4), *bounds(np.array(drawn[name]))] for name in scores},
        "lead_of_tuned": lead(best, scores, auc, drawn, ""),
        "lead_of_tuned_with_rate": lead(f"{best} + user_rate", scores, auc, drawn, " + user_rate"),
    }


def lead(
    best: str, scores: Any, auc: dict[str, float], drawn: dict[str, list[float]], ending: str
) -> dict[str, list[float]]:
    """By how much one ranking leads each of its kind."""
    others = [n for n in scores if n != best and (n == "user_rate" or n.endswith(ending) == bool(ending))]
    return {
        name: [round(auc[best] - auc[name], 4), *bounds(np.array(drawn[best]) - np.array(drawn[name]))]
        for name in others
    }


def bounds(values: Scores) -> list[float]:
    """The 95 % interval."""
    return [round(float(value), 4) for value in np.quantile(values, [0.025, 0.975])]


if __name__ == "__main__":
    main()

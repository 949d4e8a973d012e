"""What every report holds the model against, on the same lists and with the same knowledge of the moment."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from core.model.latent import fit_latent
from core.model.linear import Analyzer
from core.runtime import derive_seed
from kits.recommender.event import Event
from kits.recommender.learn.replay import Replayed
from kits.recommender.model.feature import COLUMN
from kits.recommender.state.catalog import Catalog

Scores = NDArray[np.float64]
FACTORS = 64
ALS_ROUNDS = 15
BPR_ROUNDS = 100


def score_baselines(
    data: Replayed, catalog: Catalog, past: Sequence[Event], *, analyzer: Analyzer, seed: int
) -> dict[str, Scores]:
    """The score of each candidate by each baseline ``(rows,)``.

    Args:
        data: Lists, with the features of the moment.
        catalog: The items.
        past: Events that factor models learn from.
        analyzer: n-grams of the TF-IDF profile.
        seed: Of all chance.

    Returns:
        ``random popularity popularity_recent recency tfidf item_knn``, and ``als bpr`` where the
        library ``implicit`` is installed. A user's history of the moment is known to all of them.
    """
    random = np.random.default_rng(derive_seed(seed, "random baseline"))
    features = data.lists.features.astype(np.float64)
    scores = {
        "random": random.random(len(data.items)),
        "popularity": features[:, COLUMN["popularity"]],
        "popularity_recent": features[:, COLUMN["popularity_recent"]],
        "recency": _newest(features),
        "tfidf": _tfidf(data, catalog, analyzer, seed),
        "item_knn": np.nan_to_num(features[:, COLUMN["together"]]),
    }
    return scores | factor_scores(data, catalog, past, seed)


def _newest(features: Scores) -> Scores:
    """The younger the better: by publication, and where that is not known by the first click."""
    age = features[:, COLUMN["age_days"]]
    age = np.where(np.isnan(age), features[:, COLUMN["days_since_first_click"]], age)
    return -np.where(np.isnan(age), np.inf, age).clip(max=1e9)


def _tfidf(data: Replayed, catalog: Catalog, analyzer: Analyzer, seed: int) -> Scores:
    """Cosine with the mean n-grams of the history."""
    texts = [item.text for item in catalog.items]
    rows = fit_latent(texts, 1, analyzer=analyzer, seed=seed).sparse(texts).tocsr()

    def score(number: int, items: NDArray[np.int64]) -> Scores:
        liked = data.histories[number][data.history_weights[number] > 0]
        if not len(liked):
            return np.zeros(len(items))
        profile = np.asarray(rows[liked].sum(axis=0)).ravel()
        return np.asarray(rows[items] @ profile, dtype=np.float64)

    return _for_each_list(data, score)


def factor_scores(data: Replayed, catalog: Catalog, past: Sequence[Event], seed: int) -> dict[str, Scores]:
    """ALS and BPR of the library ``implicit``; nothing where it is not installed.

    Source: Hu, Koren and Volinsky 2008; Rendle et al. 2009. An ALS user is solved anew from the
    history of the moment; BPR has no such step, so its user is the mean of the history's items.
    """
    if importlib.util.find_spec("implicit") is None:
        return {}
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    users = {user: row for row, user in enumerate(dict.fromkeys(event.user_id for event in past))}
    pairs = {(users[event.user_id], catalog.number(event.item_id)) for event in past if event.is_click}
    if not pairs:
        return {}
    rows, columns = np.array(sorted(pairs)).T
    matrix = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(len(users), len(catalog))
    )
    shared = {"factors": FACTORS, "random_state": seed, "num_threads": 1}
    with threadpool_limits(1, "blas"):  # the library warns of threads inside its own
        als = AlternatingLeastSquares(iterations=ALS_ROUNDS, alpha=10.0, **shared)
        bpr = BayesianPersonalizedRanking(iterations=BPR_ROUNDS, **shared)
        for model in (als, bpr):
            model.fit(matrix, show_progress=False)
    by_als = np.asarray(als.item_factors, dtype=np.float64)
    by_bpr = np.asarray(bpr.item_factors, dtype=np.float64)
    gram = by_als.T @ by_als + 0.01 * np.eye(by_als.shape[1])

    def score_als(number: int, items: NDArray[np.int64]) -> Scores:
        liked = by_als[_clicked(data, number)]
        user = np.linalg.solve(gram + 10.0 * liked.T @ liked, 11.0 * liked.sum(axis=0))
        return np.asarray(by_als[items] @ user)

    def score_bpr(number: int, items: NDArray[np.int64]) -> Scores:
        clicked = _clicked(data, number)
        if not len(clicked):
            return np.asarray(by_bpr[items, -1])
        user = by_bpr[clicked].mean(axis=0)
        user[-1] = 1.0  # the last factor of an item is its bias
        return np.asarray(by_bpr[items] @ user)

    return {"als": _for_each_list(data, score_als), "bpr": _for_each_list(data, score_bpr)}


def _clicked(data: Replayed, number: int) -> NDArray[np.int64]:
    return data.histories[number][data.history_weights[number] >= 1.0]


def _for_each_list(data: Replayed, score: Callable[[int, NDArray[np.int64]], Scores]) -> Scores:
    starts = data.starts
    scores = np.zeros(len(data.items), dtype=np.float64)
    for number in range(len(data)):
        rows = slice(starts[number], starts[number + 1])
        scores[rows] = score(number, data.items[rows])
    return scores

"""What the ranker is told of a candidate, computed from what is known at the moment and from nothing later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from kits.recommender.event import CLICK_WEIGHT
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.tally import DAY, Tally
from kits.recommender.state.user import User

FEATURES = (
    "model_score",  # of the towers on the language model's vectors; filled in by the caller
    "text_nearest",  # cosine with the nearest text of the history
    "text_mean",  # mean cosine with the texts of the history
    "text_latest",  # mean cosine with the latest texts of the history
    "text_disliked",  # cosine with the nearest text that was disliked
    "together",  # item-kNN: clicked by those who clicked the history
    "together_latest",  # the same with the latest clicks alone
    "popularity",  # log of the clicks so far
    "popularity_recent",  # log of the clicks of late
    "click_rate",  # debiased by position
    "age_days",  # since publication
    "days_since_first_click",
    "days_since_click",
    "age_against_history",  # age less the mean age of the history, in days
    "category_affinity",  # share of the history in the candidate's category, beside that of all clicks
    "tag_affinity",  # likewise of its tags, the mean of them
    "shown_before",  # to this user, and not clicked
    "days_since_own_event",  # of this user with this item, among the latest
    "history_events",
    "user_click_rate",
    "user_days_since_event",
)
OF_THE_USER = (
    *("text_nearest", "text_mean", "text_latest", "text_disliked", "together", "together_latest"),
    *("age_against_history", "category_affinity", "tag_affinity", "shown_before", "days_since_own_event"),
    *("history_events", "user_click_rate", "user_days_since_event"),
)
COLUMN = {name: place for place, name in enumerate(FEATURES)}
MODEL_SCORE = COLUMN["model_score"]
LATEST = 5
HISTORY = 50
SMOOTHING = 2.0


@dataclass(frozen=True, slots=True)
class Known:
    """What stands behind features: the items and their counters.

    Attributes:
        catalog: The items.
        tally: Their counters, as of now.
    """

    catalog: Catalog
    tally: Tally


def state_features(known: Known, user: User, items: NDArray[np.int64], at: float) -> NDArray[np.float32]:
    """The features of candidates for a user at a moment, but for those that need texts.

    Args:
        known: As of ``at``.
        user: Likewise.
        items: Numbers of the candidates ``(candidates,)``.
        at: Epoch seconds.

    Returns:
        ``(candidates, features)`` float32; NaN where something is not known, and for texts and model.
    """
    catalog, tally = known.catalog, known.tally
    history, weights, times = user.recent(HISTORY)
    liked = history[weights > 0]
    columns = _together_columns(tally, history[weights >= CLICK_WEIGHT], items)
    age = (at - catalog.published[items]) / DAY
    age[~np.isfinite(age)] = np.nan
    ages = (at - catalog.published[liked]) / DAY
    ages = ages[np.isfinite(ages)]
    columns |= {
        "popularity": np.log1p(tally.clicks(items)),
        "popularity_recent": np.log1p(tally.recent(items, at)),
        "click_rate": tally.click_rate(items),
        "age_days": age,
        "days_since_first_click": tally.days_since_first(items, at),
        "days_since_click": tally.days_since_click(items, at),
        "category_affinity": _category_affinity(catalog, liked, items),
        "tag_affinity": _tag_affinity(catalog, liked, items),
        "shown_before": _look_up(user.shown, items, 0.0),
    }
    features = np.full((len(items), len(FEATURES)), np.nan, dtype=np.float32)
    for name, values in columns.items():
        features[:, COLUMN[name]] = values
    features[:, COLUMN["history_events"]] = len(history)
    latest = dict(zip(history.tolist(), times.tolist(), strict=True))
    if latest:
        features[:, COLUMN["days_since_own_event"]] = (at - _look_up(latest, items, np.nan)) / DAY
    if len(ages):
        features[:, COLUMN["age_against_history"]] = age - ages.mean()
    if user.shows:
        features[:, COLUMN["user_click_rate"]] = user.clicks / user.shows
    if len(times):
        features[:, COLUMN["user_days_since_event"]] = (at - times[-1]) / DAY
    return features


def forget_user(features: NDArray[np.float32], catalog: Catalog, items: NDArray[np.int64]) -> None:
    """Set the features as they are for somebody of whom nothing is known, in place.

    Args:
        features: ``(candidates, features)``.
        catalog: The items.
        items: Numbers of the candidates ``(candidates,)``.
    """
    features[:, [COLUMN[name] for name in OF_THE_USER]] = np.nan
    features[:, [COLUMN["shown_before"], COLUMN["history_events"]]] = 0.0
    features[:, COLUMN["category_affinity"]] = _category_affinity(catalog, np.zeros(0, np.int64), items)


def fill_texts(
    features: NDArray[np.float32],
    candidates: NDArray[np.float32],
    history: NDArray[np.float32],
    weights: NDArray[np.float32],
    wishes: NDArray[np.float32] | None = None,
) -> None:
    """Set the features that come from texts, in place.

    Args:
        features: As ``state_features`` gives them ``(candidates, features)``.
        candidates: Text vectors of the candidates, of length one ``(candidates, dimension)``.
        history: Those of the latest items, the newest last ``(events, dimension)``.
        weights: Of these events ``(events,)``.
        wishes: Vectors of texts that stand for interests ``(wishes, dimension)``, beside the history.
    """
    history, weights = history[-HISTORY:], weights[-HISTORY:]
    taste = history[weights > 0]
    if wishes is not None:
        taste = np.concatenate([taste, wishes.astype(taste.dtype)])
    if len(taste):
        cosines = taste @ candidates.T
        features[:, COLUMN["text_nearest"]] = cosines.max(axis=0)
        features[:, COLUMN["text_mean"]] = cosines.mean(axis=0)
        features[:, COLUMN["text_latest"]] = cosines[-LATEST:].mean(axis=0)
    disliked = history[weights < 0]
    if len(disliked):
        features[:, COLUMN["text_disliked"]] = (disliked @ candidates.T).max(axis=0)


def _look_up(values: Mapping[int, float], items: NDArray[np.int64], missing: float) -> NDArray[np.float64]:
    """The value of each item ``(items,)``."""
    return np.fromiter(map(values.get, items.tolist(), repeat(missing)), np.float64, len(items))


def _together_columns(
    tally: Tally, clicked: NDArray[np.int64], items: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    if not len(clicked):
        return {}
    cosines = tally.clicked_together(clicked.tolist(), items.tolist())
    return {"together": cosines.mean(axis=0), "together_latest": cosines[-LATEST:].mean(axis=0)}


def _category_affinity(catalog: Catalog, liked: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smoothed share of the history in the category of each candidate ``(candidates,)``."""
    counts = np.bincount(catalog.category[liked], minlength=len(catalog.categories)).astype(np.float64)
    share = (counts + SMOOTHING / max(1, len(catalog.categories))) / (len(liked) + SMOOTHING)
    return np.asarray(share[catalog.category[items]])


def _tag_affinity(catalog: Catalog, liked: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the tags of each candidate of the share of the history that has the tag ``(candidates,)``."""
    if not len(liked) or not len(items) or not catalog.tags:
        return np.full(len(items), np.nan)
    held = np.concatenate([catalog.tags_of[number] for number in liked])
    counts = np.bincount(held, minlength=len(catalog.tags)) / (len(liked) + SMOOTHING)
    own = [catalog.tags_of[number] for number in items]
    lengths = np.array([len(tags) for tags in own])
    sums = np.add.reduceat(
        np.append(counts[np.concatenate(own)], 0.0), np.minimum(np.cumsum(lengths) - lengths, lengths.sum())
    )
    return np.asarray(np.where(lengths > 0, sums / np.maximum(lengths, 1), np.nan))

"""What the ranker is told of a candidate, computed from what is known at the moment and from nothing later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kits.recommender.catalog import Catalog
from kits.recommender.event import CLICK_WEIGHT
from kits.recommender.tally import DAY, Tally
from kits.recommender.user import User

FEATURES = (
    "model_score",  # of the towers on the language model's vectors; filled in by the caller
    "text_nearest",  # cosine with the nearest text of the history
    "text_mean",  # mean cosine with the texts of the history
    "text_latest",  # cosine with the latest text of the history
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
    "history_events",
    "user_click_rate",
    "user_days_since_event",
)
MODEL_SCORE = FEATURES.index("model_score")
LATEST = 5
HISTORY = 50
SMOOTHING = 2.0
NO_AGE = -1.0


@dataclass(frozen=True, slots=True)
class Known:
    """What stands behind features: the items, their counters and their texts.

    Attributes:
        catalog: The items.
        tally: Their counters, as of now.
        texts: Vectors of their texts ``(items, dimension)``, of length one.
    """

    catalog: Catalog
    tally: Tally
    texts: NDArray[np.float32]


def compute_features(
    known: Known, user: User, items: NDArray[np.int64], at: float, wishes: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The features of candidates for a user at a moment.

    Args:
        known: As of ``at``.
        user: Likewise.
        items: Numbers of the candidates ``(candidates,)``.
        at: Epoch seconds.
        wishes: Vectors of texts that stand for interests ``(wishes, dimension)``, beside the history.

    Returns:
        ``(candidates, features)`` float32; NaN where something is not known, ``model_score`` always.
    """
    catalog, tally = known.catalog, known.tally
    history, weights, times = user.recent(HISTORY)
    liked = history[weights > 0]
    clicked = history[weights >= CLICK_WEIGHT]
    columns = _text_columns(known.texts, liked, history[weights < 0], items, wishes)
    columns |= _together_columns(tally, clicked, items)
    published = catalog.published[items]
    age = (at - published) / DAY
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
        "age_against_history": age - ages.mean() if len(ages) else np.full(len(items), np.nan),
        "category_affinity": _category_affinity(catalog, liked, items),
        "tag_affinity": _tag_affinity(catalog, liked, items),
        "shown_before": np.array([user.shown.get(int(item), 0) for item in items], dtype=np.float64),
        "history_events": np.full(len(items), float(len(history))),
        "user_click_rate": np.full(len(items), user.clicks / user.shows if user.shows else np.nan),
        "user_days_since_event": np.full(len(items), (at - times[-1]) / DAY if len(times) else np.nan),
    }
    nothing = np.full(len(items), np.nan)
    return np.stack([columns.get(name, nothing) for name in FEATURES], axis=1).astype(np.float32)


def _text_columns(
    texts: NDArray[np.float32],
    liked: NDArray[np.int64],
    disliked: NDArray[np.int64],
    items: NDArray[np.int64],
    wishes: NDArray[np.float32] | None,
) -> dict[str, NDArray[np.float64]]:
    candidates = texts[items].T
    taste = texts[liked]
    if wishes is not None:
        taste = np.concatenate([taste, wishes.astype(taste.dtype)])
    columns = {}
    if len(taste):
        cosines = np.asarray(taste @ candidates, dtype=np.float64)
        columns["text_nearest"], columns["text_mean"] = cosines.max(axis=0), cosines.mean(axis=0)
        columns["text_latest"] = cosines[-1]
    if len(disliked):
        columns["text_disliked"] = np.asarray(texts[disliked] @ candidates, dtype=np.float64).max(axis=0)
    return columns


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
    if not len(liked) or not catalog.tags:
        return np.full(len(items), np.nan)
    held = np.concatenate([catalog.tags_of[number] for number in liked])
    counts = np.bincount(held, minlength=len(catalog.tags)) / (len(liked) + SMOOTHING)
    own = [catalog.tags_of[number] for number in items]
    lengths = np.array([len(tags) for tags in own])
    sums = np.add.reduceat(
        np.append(counts[np.concatenate(own)], 0.0), np.minimum(np.cumsum(lengths) - lengths, lengths.sum())
    )
    return np.asarray(np.where(lengths > 0, sums / np.maximum(lengths, 1), np.nan))

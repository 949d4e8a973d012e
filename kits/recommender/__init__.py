"""Recommender: from a log of clicks and the items' texts to a ranked, diverse, explained list for each user.

>>> from kits.recommender import Recommender                          # doctest: +SKIP
>>> recommender = Recommender.load("model")                           # doctest: +SKIP
>>> recommender.recommend(interests="harbour, tides", k=3)[0].item_id  # doctest: +SKIP
'n0417'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kits.recommender.config import RecommenderConfig
    from kits.recommender.event import Event, Impression, Item
    from kits.recommender.model.recommender import Neighbour, Ranking, Recommender
    from kits.recommender.model.shortlist import Recommendation
    from kits.recommender.train import train_model

_HOMES = {
    "Event": "kits.recommender.event",
    "Impression": "kits.recommender.event",
    "Item": "kits.recommender.event",
    "Neighbour": "kits.recommender.model.recommender",
    "Ranking": "kits.recommender.model.recommender",
    "Recommendation": "kits.recommender.model.shortlist",
    "Recommender": "kits.recommender.model.recommender",
    "RecommenderConfig": "kits.recommender.config",
    "train_model": "kits.recommender.train",
}
__all__ = [
    "Event",
    "Impression",
    "Item",
    "Neighbour",
    "Ranking",
    "Recommendation",
    "Recommender",
    "RecommenderConfig",
    "train_model",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``--help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

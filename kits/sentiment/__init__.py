"""Financial opinion monitor: topics and sentiment of news, reports and comments.

>>> from kits.sentiment import Scorer                       # doctest: +SKIP
>>> scorer = Scorer.load("model")                           # doctest: +SKIP
>>> scorer.score(["Profit rose 12 %"])[0].sentiment         # doctest: +SKIP
'positive'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kits.sentiment.config import SentimentConfig
    from kits.sentiment.predict import Explanation, Opinion, Scorer
    from kits.sentiment.train import train_model

_HOMES = {
    "Explanation": "kits.sentiment.predict",
    "Opinion": "kits.sentiment.predict",
    "Scorer": "kits.sentiment.predict",
    "SentimentConfig": "kits.sentiment.config",
    "train_model": "kits.sentiment.train",
}
__all__ = ["Explanation", "Opinion", "Scorer", "SentimentConfig", "train_model"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``--help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

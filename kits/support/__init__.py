"""Customer-support dialogue: what a customer wants, the approved answer with its source, or a person.

>>> from kits.support import Reader                         # doctest: +SKIP
>>> reader = Reader.load("model")                           # doctest: +SKIP
>>> reader.read(["my card never came"])[0].intents[0]       # doctest: +SKIP
('card_not_arrived', 0.93)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kits.support.assistant.talk import Assistant, Message
    from kits.support.config import SupportConfig
    from kits.support.predict import Reader
    from kits.support.reading import Understanding
    from kits.support.train import train_model

_HOMES = {
    "Assistant": "kits.support.assistant.talk",
    "Message": "kits.support.assistant.talk",
    "Reader": "kits.support.predict",
    "SupportConfig": "kits.support.config",
    "Understanding": "kits.support.reading",
    "train_model": "kits.support.train",
}
__all__ = ["Assistant", "Message", "Reader", "SupportConfig", "Understanding", "train_model"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``--help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

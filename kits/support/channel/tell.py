"""A turn as programs outside get it: what was said to the customer, and nothing of how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTICES: dict[str, tuple[str, str]] = {
    "too_long": (
        "This message is too long for me. Please write it in fewer words.",
        "这条消息太长了，请写得短一些。",
    ),
    "failed": (
        "Something went wrong here, and I could not read this message. Please write it again.",
        "出了点问题，我没能读到这条消息，请再发一次。",
    ),
}


def tell_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn of the assistant or of a person, as JSON values.

    Args:
        turn: The row of the store.
    """
    said = turn["said"] or {}
    return {
        "turn": turn["number"], "speaker": turn["speaker"], "text": turn["text"], "at": turn["at"].isoformat(),
        "action": turn["action"], "reason": turn["reason"],
        "citations": said.get("citations", []), "options": said.get("options", []),
    }  # fmt: skip


def say_notice(name: str, language: str) -> str:
    """A sentence that the channel itself says."""
    return NOTICES[name][language == "zh"]

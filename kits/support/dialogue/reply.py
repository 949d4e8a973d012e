"""What the assistant says and does in one turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kits.support.answer.compose import Citation, Part
from kits.support.dialogue.slot import Found
from kits.support.reading import Language

Action = Literal["answer", "clarify", "ask_slot", "hand_over", "close"]
Reason = Literal["requested", "policy", "unsure", "unanswered", "incomplete"]


@dataclass(frozen=True, slots=True)
class Option:
    """A meaning that is offered.

    Attributes:
        intent: Which; or the id of an entry of the FAQ, ``faq:`` and its own.
        label: As the customer reads it.
    """

    intent: str
    label: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One turn of the assistant.

    Attributes:
        action: What it does; None where it is silent, because a person owns the conversation.
        parts: What it says, piece by piece, each with its source.
        citations: The sources.
        intents: What was read in the customer's words; ``oos`` for nothing that is served here; empty for civilities,
            and for what the FAQ or the pages answer though no intent was read.
        confidence: Calibrated probability that this is what was meant.
        slots: What is filled for it.
        asks: The slot that is asked for.
        options: The meanings that are offered.
        reason: Why a person takes over.
        language: In which it is said.
        turn: Number of the turn in the store; None where nothing was kept.
    """

    action: Action | None
    parts: tuple[Part, ...] = ()
    citations: tuple[Citation, ...] = ()
    intents: tuple[str, ...] = ()
    confidence: float = 0.0
    slots: Mapping[str, Found] = field(default_factory=dict)
    asks: str | None = None
    options: tuple[Option, ...] = ()
    reason: Reason | None = None
    language: Language = "en"
    turn: int | None = None

    @property
    def text(self) -> str:
        """What is said, without the sources."""
        return join_parts(self.parts)

    @property
    def cited(self) -> list[str]:
        """The sources: pages, and ``faq:`` with an id."""
        return [citation.source for citation in self.citations]

    def to_json(self) -> dict[str, Any]:
        """As programs get it."""
        return {"text": self.text, **asdict(self)}


def join_parts(parts: tuple[Part, ...]) -> str:
    """Pieces as one text; between Chinese sentences there is no space."""
    text = ""
    for part in parts:
        text += ("" if not text or text.endswith("\n") or not text[-1].isascii() else " ") + part.text
    return text

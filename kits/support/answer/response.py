"""The approved answer for each intent: what must be known before it is said, its text, its source."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import DataError
from kits.support.answer.sentence import split_sentences

Action = Literal["answer", "hand_over", "close"]
Audience = Literal["private", "business"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
HOLE = re.compile(r"\{(\w+)\}")
_KEYS = {"action", "required", "source", "any", *AUDIENCES}


@dataclass(frozen=True, slots=True)
class Response:
    """What is said for one intent.

    Attributes:
        intent: Its name.
        action: What follows: the customer goes on, a person takes over, or the conversation ends.
        required: Slots that must be filled before, in the order in which they are asked for.
        texts: The text by audience; one audience may lack.
        sources: The page it rests on by audience; empty for small talk.
    """

    intent: str
    action: Action
    required: tuple[str, ...]
    texts: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_small_talk(self) -> bool:
        """Whether it says nothing about the matter, so that the topic stays what it was."""
        return self.action == "answer" and not self.sources and not self.required

    def text(self, audience: str) -> str:
        """The text for an audience; for want of it the other one's."""
        return self.texts.get(audience) or next(iter(self.texts.values()))

    def source(self, audience: str) -> str:
        """The page behind the text; empty if there is none."""
        return self.sources.get(audience) or next(iter(self.sources.values()), "")

    def missing(self, slots: Mapping[str, str]) -> list[str]:
        """The required slots that are not filled, in the order in which they are asked for."""
        return [name for name in self.required if not slots.get(name)]

    def fill(self, audience: str, slots: Mapping[str, str]) -> str:
        """The text with its slots; a sentence with an empty optional slot is left out.

        >>> response = Response("pin", "answer", (), {"any": "See the app. It is card {card}. Tap it."})
        >>> response.fill("private", {}), response.fill("private", {"card": "4417"})
        ('See the app. Tap it.', 'See the app. It is card 4417. Tap it.')
        """
        kept = []
        for sentence in split_sentences(self.text(audience), keep_space=True):
            if all(slots.get(name) for name in HOLE.findall(sentence)):
                kept.append(HOLE.sub(lambda hole: slots[hole[1]], sentence))
        return "".join(kept).strip()


def read_responses(file: Path, slots: Mapping[str, Any] | None = None) -> dict[str, Response]:
    """Read the approved answers.

    Args:
        file: TOML with a table for each intent.
        slots: The slots that there are; None: not looked at.

    Raises:
        DataError: Names all that is wrong in the file.
    """
    tables = read_toml(file)
    faults: list[str] = []
    responses = {}
    for intent, table in tables.items():
        found = _find_faults(intent, table, slots)
        faults += found
        if not found:
            responses[intent] = _make(intent, table)
    if faults:
        raise DataError("; ".join(faults), where=str(file))
    return responses


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        DataError: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError("cannot be read", where=str(file), got=error.strerror) from error
    except ValueError as error:  # a TOML or UTF-8 fault; each says its line
        raise DataError(f"is no valid TOML: {error}", where=str(file)) from error


def _make(intent: str, table: Mapping[str, Any]) -> Response:
    texts = {name: " ".join(table[name].split()) for name in ("any", *AUDIENCES) if name in table}
    if "any" in texts:
        texts = dict.fromkeys(AUDIENCES, texts["any"]) | texts
    source = table.get("source", "")
    sources = dict(source) if isinstance(source, Mapping) else dict.fromkeys(AUDIENCES, source) if source else {}
    return Response(intent, table.get("action", "answer"), tuple(table.get("required", ())), texts, sources)


def _find_faults(intent: str, table: Any, slots: Mapping[str, Any] | None) -> list[str]:
    if not isinstance(table, Mapping):
        return [f"[{intent}]: expected a table"]
    faults = [f"[{intent}]: no such key {key!r}" for key in table if key not in _KEYS]
    if table.get("action", "answer") not in get_args(Action):
        faults.append(f"[{intent}]: action {table['action']!r}, expected {', '.join(get_args(Action))}")
    texts = [table[name] for name in ("any", *AUDIENCES) if name in table]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        return [*faults, f"[{intent}]: expected a text: any, or private and business"]
    required = table.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return [*faults, f"[{intent}]: required must be a list of slots"]
    named = [*required, *(name for text in texts for name in HOLE.findall(text))]
    if slots is not None:
        faults += [f"[{intent}]: no such slot {name!r}" for name in dict.fromkeys(named) if name not in slots]
    if any("{" in HOLE.sub("", text) or "}" in HOLE.sub("", text) for text in texts):
        faults.append(f"[{intent}]: a brace that is no {{slot}}")
    source = table.get("source", "")
    names = source.values() if isinstance(source, Mapping) else [source]
    if not all(isinstance(name, str) for name in names) or (
        isinstance(source, Mapping) and not set(source) <= set(AUDIENCES)
    ):
        faults.append(f"[{intent}]: source must be a page, or one each for private and business")
    return faults

"""Conversations written down in YAML: who says what, and what must hold for each reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import yaml

from core.data.instant import parse_instant
from core.errors import DataError
from kits.support.answer.response import AUDIENCES
from kits.support.dialogue.reply import Action, Reason

LISTS = ("options", "cites", "says", "says_not")
EXPECTED = ("action", "silent", "intent", "slots", "asks", "reason", *LISTS)
_SPEAKERS = ("user", "agent", "event")


@dataclass(frozen=True, slots=True)
class Step:
    """One turn that is written down.

    Attributes:
        speaker: ``user``, ``agent`` or ``event``.
        text: What is said, or what happens.
        expected: What must hold for the reply; only for the user.
    """

    speaker: str
    text: str
    expected: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """One conversation.

    Attributes:
        id: Its name.
        about: What it shows.
        customer: ``private`` or ``business``.
        now: When it takes place.
        steps: Its turns.
        file: Where it stands.
    """

    id: str
    about: str
    customer: str
    now: datetime
    steps: tuple[Step, ...]
    file: str


def read_stories(file: Path) -> list[Story]:
    """Read conversations.

    Raises:
        DataError: Names all that is wrong in the file.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError("cannot be read", where=str(file), got=error.strerror) from error
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"no valid YAML: {' '.join(str(error).split())}", where=str(file)) from error
    if not isinstance(content, Mapping) or not isinstance(content.get("conversations"), list):
        raise DataError("expected conversations: a list", where=str(file))
    faults: list[str] = []
    try:
        now = parse_instant(content.get("now") or datetime.now().astimezone().isoformat())
        given = content.get("now")
        now = given if isinstance(given, datetime) and given.tzinfo else _keep_zone(given, now)
    except ValueError as error:
        raise DataError(f"now: {error}", where=str(file)) from error
    stories = []
    for position, one in enumerate(content["conversations"], start=1):
        found = _find_faults(one)
        faults += [f"conversation {position}: {fault}" for fault in found]
        if not found:
            stories.append(_make(one, now, file))
    names = [story.id for story in stories]
    faults += [f"the id {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if faults:
        raise DataError("; ".join(faults[:20]), where=str(file))
    return stories


def _keep_zone(given: Any, now: datetime) -> datetime:
    """The time in the zone in which it is written: dates are those of the customer."""
    return datetime.fromisoformat(str(given)) if given and "T" in str(given) else now


def _make(one: Mapping[str, Any], now: datetime, file: Path) -> Story:
    steps = []
    for turn in one["turns"]:
        speaker = next(name for name in _SPEAKERS if name in turn)
        steps.append(Step(speaker, str(turn[speaker]), {key: turn[key] for key in EXPECTED if key in turn}))
    return Story(
        str(one["id"]), str(one.get("about", "")), one.get("customer", "private"), now, tuple(steps), str(file)
    )


def _find_faults(one: Any) -> list[str]:
    if not isinstance(one, Mapping) or not one.get("id") or not isinstance(one.get("turns"), list) or not one["turns"]:
        return ["expected an id and turns"]
    name, faults = one["id"], []
    faults += [f"{name}: no such key {key!r}" for key in one if key not in ("id", "about", "customer", "turns")]
    if one.get("customer", "private") not in AUDIENCES:
        faults.append(f"{name}: customer {one['customer']!r}, expected {' or '.join(AUDIENCES)}")
    for number, turn in enumerate(one["turns"], start=1):
        faults += [f"{name}, turn {number}: {fault}" for fault in _find_turn_faults(turn)]
    return faults


def _find_turn_faults(turn: Any) -> list[str]:
    if not isinstance(turn, Mapping) or sum(speaker in turn for speaker in _SPEAKERS) != 1:
        return [f"expected one of {', '.join(_SPEAKERS)}"]
    faults = [f"no such key {key!r}" for key in turn if key not in (*_SPEAKERS, *EXPECTED)]
    if "user" not in turn and set(turn) & set(EXPECTED):
        faults.append("something is expected where the assistant says nothing")
    if turn.get("event") not in (None, "resolve"):
        faults.append(f"event {turn['event']!r}, expected resolve")
    actions = turn.get("action", [])
    for action in actions if isinstance(actions, list) else [actions]:
        if action not in get_args(Action):
            faults.append(f"action {action!r}, expected {', '.join(get_args(Action))}")
    if turn.get("reason") not in (None, *get_args(Reason)):
        faults.append(f"reason {turn['reason']!r}, expected {', '.join(get_args(Reason))}")
    faults += [f"{key}: expected a list" for key in LISTS if not isinstance(turn.get(key, []), list)]
    if not isinstance(turn.get("slots", {}), Mapping):
        faults.append("slots: expected names with words")
    return faults

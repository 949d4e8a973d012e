"""Holds a conversation that is written down, and says what did not come as expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from kits.support.assistant.talk import Assistant
from kits.support.dialogue.reply import Reply
from kits.support.rehearse.story import Story

SECONDS_BETWEEN = 20


@dataclass(frozen=True, slots=True)
class Held:
    """What came of a turn of the user.

    Attributes:
        number: Of the turn, from 1.
        text: What the user wrote.
        reply: What the assistant did.
        faults: What did not come as expected.
    """

    number: int
    text: str
    reply: Reply
    faults: tuple[str, ...]


def hold_story(assistant: Assistant, story: Story) -> list[Held]:
    """Hold one conversation; it is kept in the assistant's database under a name of its own."""
    name, agent = f"test-{uuid4().hex[:20]}", "test"
    held = []
    for number, step in enumerate(story.steps, start=1):
        at = story.now + timedelta(seconds=SECONDS_BETWEEN * (number - 1))
        if step.speaker == "agent":
            assistant.say_as(name, agent, step.text, at)
        elif step.speaker == "event":
            assistant.resolve(name, agent, at)
        else:
            customer: Any = story.customer
            reply = assistant.reply(name, step.text, user="test", customer=customer, channel="test", at=at)
            held.append(Held(number, step.text, reply, tuple(find_faults(reply, step.expected))))
    return held


def find_faults(reply: Reply, expected: Mapping[str, Any]) -> list[str]:
    """What a reply has otherwise than expected."""
    faults = []
    if reply.action is None and not expected.get("silent"):
        return ["silent, expected a reply"]
    for key, wanted in expected.items():
        got = _CHECKS[key](reply, wanted)
        if got is not None:
            faults.append(f"{key}: got {got}, expected {wanted!r}")
    return faults


def _check_action(reply: Reply, wanted: Any) -> Any:
    return None if reply.action in (wanted if isinstance(wanted, list) else [wanted]) else repr(reply.action)


def _check_silent(reply: Reply, wanted: Any) -> Any:
    return None if (reply.action is None) == bool(wanted) else repr(reply.action)


def _check_intent(reply: Reply, wanted: Any) -> Any:
    return None if set(str(wanted).split(";")) <= set(reply.intents) else ";".join(reply.intents)


def _check_slots(reply: Reply, wanted: Any) -> Any:
    got = {name: reply.slots[name].words for name in wanted if name in reply.slots}
    return None if got == {name: str(words) for name, words in wanted.items()} else got


def _check_asks(reply: Reply, wanted: Any) -> Any:
    return None if reply.asks == wanted else repr(reply.asks)


def _check_reason(reply: Reply, wanted: Any) -> Any:
    return None if reply.reason == wanted else repr(reply.reason)


def _check_options(reply: Reply, wanted: Any) -> Any:
    got = [option.intent for option in reply.options]
    return None if len(got) == 2 and set(got) <= set(wanted) else got


def _check_cites(reply: Reply, wanted: Any) -> Any:
    return None if set(reply.cited) & set(wanted) else reply.cited


def _check_says(reply: Reply, wanted: Any) -> Any:
    return None if all(words in reply.text for words in wanted) else repr(reply.text)


def _check_says_not(reply: Reply, wanted: Any) -> Any:
    return None if not any(words in reply.text for words in wanted) else repr(reply.text)


_CHECKS: Mapping[str, Callable[[Reply, Any], Any]] = {
    "action": _check_action,
    "silent": _check_silent,
    "intent": _check_intent,
    "slots": _check_slots,
    "asks": _check_asks,
    "reason": _check_reason,
    "options": _check_options,
    "cites": _check_cites,
    "says": _check_says,
    "says_not": _check_says_not,
}

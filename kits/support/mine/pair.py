"""What customers asked in past conversations, and what agents answered.

A question is what a customer writes before an agent gives an answer; what the agent asks back, and
what the customer replies to that, belongs to it. Greetings, thanks and promises to look answer
nothing. How a conversation ended says how far its answers can be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kits.support.mine.phrase import COURTESY, DISPLEASED, GREETING, HAND_OVER, HOLD, PLEASED
from kits.support.source.transcript import Conversation, Turn

Outcome = Literal["resolved", "unresolved", "handed_over"]
LATEST_TURNS = 2
SHORTEST = 12
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Mined:
    """A question and what answered it.

    Attributes:
        question: The customer's words, in order.
        answer: The agent's, without greeting and courtesy.
        conversation: Where.
        place: Of the answer.
        at: When it was given, or None.
        outcome: Of the conversation.
        is_first: Whether it is what the conversation began with; later questions need what was said before.
    """

    question: str
    answer: str
    conversation: str
    place: str
    at: datetime | None
    outcome: Outcome
    is_first: bool


def mine_pairs(conversations: Sequence[Conversation]) -> list[Mined]:
    """Every question that an agent answered, with its answer."""
    return [pair for conversation in conversations for pair in _pairs_of(conversation)]


def tell_outcome(conversation: Conversation) -> Outcome:
    """How a conversation ended, by what was said in it."""
    agents = [turn.text for turn in conversation.turns if turn.speaker == "agent"]
    if any(HAND_OVER.search(text) for text in agents):
        return "handed_over"
    customers = [turn for turn in conversation.turns if turn.speaker == "customer"]
    if not agents or not customers:
        return "unresolved"
    last = [turn.text for turn in customers[-LATEST_TURNS:]]
    if DISPLEASED.search(last[-1]) or (DISPLEASED.search(" ".join(last)) and not PLEASED.search(last[-1])):
        return "unresolved"
    ends_asking = conversation.turns[-1].speaker == "customer" and not PLEASED.search(last[-1])
    return "unresolved" if ends_asking else "resolved"


def strip_courtesy(text: str) -> str:
    """What an agent said, without greeting, name and courtesy.

    >>> strip_courtesy("Hello, Jana here. I'm sorry. You have 90 days. Goodbye!")
    'You have 90 days.'
    """
    return " ".join(COURTESY.sub(" ", GREETING.sub("", text.strip())).split())


def _pairs_of(conversation: Conversation) -> Iterator[Mined]:
    outcome = tell_outcome(conversation)
    asked: list[str] = []
    is_first = True
    for turn in conversation.turns:
        if turn.speaker == "customer":
            asked.append(turn.text)
            continue
        answer = strip_courtesy(turn.text)
        if not asked or not _answers(answer, turn):
            continue
        question = " ".join(text for text in asked if not _is_chatter(text))
        if question:
            yield Mined(question, answer, conversation.id, turn.place, turn.at, outcome, is_first)
            is_first = False
        asked = []


def _answers(answer: str, turn: Turn) -> bool:
    """Whether a turn says something: not a question back, a promise to look, or a courtesy."""
    shortest = SHORTEST // 2 if _HAN.search(answer) else SHORTEST
    if len(answer) < shortest or HOLD.search(turn.text):
        return False
    sentences = [part for part in re.split(r"(?<=[.!?。！？])\s*", answer) if part]
    return not all(part.endswith(("?", "？")) for part in sentences)


def _is_chatter(text: str) -> bool:
    """Whether a customer's turn asks nothing: thanks, a nod, a goodbye."""
    words = re.findall(r"\w+", PLEASED.sub(" ", text))
    rest = "".join(words)
    return not rest or (len(words) <= 1 and not text.strip().endswith(("?", "？")) and len(rest) < 5)

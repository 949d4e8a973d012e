"""What the customer talks about now: read in their words alone, with those before, or with the FAQ as a witness."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kits.support.answer.evidence import Evidence
from kits.support.reading import OUT_OF_SCOPE, Understanding

LEAST_LIKENESS = 0.4  # of questions; less says nothing
MOST_LIKENESS = 0.95
SLOT_RATIO = 2.0  # a text that has what an intent needs is so much likelier to mean it


@dataclass(frozen=True, slots=True)
class Topic:
    """What is talked about, and how sure that is.

    Attributes:
        intents: What is asked for; ``oos`` alone where it is nothing that is served here.
        confidence: That the first of them is right.
        either: That the first or the second of the ranking is.
        ranked: All intents with their probabilities, the likeliest first.
        is_joined: Whether the words before were needed.
    """

    intents: tuple[str, ...]
    confidence: float
    either: float
    ranked: tuple[tuple[str, float], ...]
    is_joined: bool = False

    @property
    def outside(self) -> float:
        """Probability that it is nothing that is served here."""
        return max(0.0, 1.0 - sum(p for _, p in self.ranked)) if self.ranked else 1.0

    @property
    def is_outside(self) -> bool:
        """Whether it is nothing that is served here."""
        return self.intents == (OUT_OF_SCOPE,)


NO_TOPIC = Topic((), 1.0, 1.0, ())  # of what is no matter of the company's


def read_topic(
    read: Understanding, evidence: Evidence | None = None, is_joined: bool = False, served: Collection[str] = ()
) -> Topic:
    """The topic of a text; an entry of the FAQ that asks the same speaks for its intent.

    Args:
        read: What the model reads.
        evidence: What was found for the text. An entry whose question is like the customer's by ``s``
            makes its intent ``1 / (1 - s)`` times as likely.
        is_joined: Whether the text has the words before in it.
        served: Intents whose required slots the text fills.
    """
    chances = dict(read.intents)
    likeness: dict[str, float] = {}
    for match in evidence.matches if evidence is not None else ():
        if match.intent in chances and match.likeness >= LEAST_LIKENESS:
            likeness[match.intent] = max(likeness.get(match.intent, 0.0), min(match.likeness, MOST_LIKENESS))
    raised = {
        intent: p / (1.0 - likeness.get(intent, 0.0)) * (SLOT_RATIO if intent in served else 1.0)
        for intent, p in chances.items()
    }
    total = sum(raised.values()) + read.out_of_scope
    ranked = sorted(((intent, p / total) for intent, p in raised.items()), key=lambda pair: -pair[1])
    outside = read.out_of_scope / total
    if not ranked or outside > ranked[0][1]:
        return Topic((OUT_OF_SCOPE,), outside, outside, tuple(ranked), is_joined)
    either = sum(p for _, p in ranked[:2])
    if len(read.asked) > 1:
        sure = max(read.either, either)
        return Topic(read.asked, sure, sure, tuple(ranked), is_joined)
    # The model's own confidence may be more than a probability of the intent; the FAQ can only add to it.
    confidence = ranked[0][1] if ranked[0][0] != read.intents[0][0] else max(ranked[0][1], read.confidence)
    return Topic((ranked[0][0],), min(1.0, confidence), min(1.0, max(either, confidence)), tuple(ranked), is_joined)


def leave_out(topic: Topic, intents: Collection[str]) -> Topic:
    """The topic when some intents are not meant: the others share what these had."""
    if not set(topic.intents) & set(intents):
        return topic
    kept = [(intent, p) for intent, p in topic.ranked if intent not in intents]
    total = sum(p for _, p in topic.ranked)
    left = sum(p for _, p in kept)
    if not left:
        return topic
    ranked = tuple((intent, p * total / left) for intent, p in kept)
    return Topic((ranked[0][0],), ranked[0][1], sum(p for _, p in ranked[:2]), ranked, topic.is_joined)

"""Examples of how a company answers out of its own passages, for a language model to learn from.

An example is what a generator is given when a customer asks: the question, and the passages that the index finds for
it. What it is to write is the approved answer, each sentence with the number of the passage that bears it out. Where
the passage that answers is taken away it is to write that there is no answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from kits.support.answer.evidence import Match
from kits.support.answer.generate import MOST_PASSAGES, bears, check_support, clean_passage
from kits.support.answer.quote import find_objection, show_plain
from kits.support.answer.sentence import split_sentences

MOST_WRITTEN = 3  # sentences, as the instruction has it
NONE = "NONE."


@dataclass(frozen=True, slots=True)
class Lesson:
    """An example.

    Attributes:
        question: What is asked.
        headings: Of the passages.
        passages: What a generator is shown.
        answer: What it is to write.
    """

    question: str
    headings: tuple[str, ...]
    passages: tuple[str, ...]
    answer: str

    @property
    def sources(self) -> list[str]:
        """What has to bear an answer out."""
        return [f"{heading}\n{passage}" for heading, passage in zip(self.headings, self.passages, strict=True)]

    @property
    def is_answered(self) -> bool:
        """Whether there is something to write."""
        return self.answer != NONE


def make_lessons(
    own: Match, matches: Sequence[Match], random: np.random.Generator, hosts: Collection[str] = ()
) -> tuple[Lesson, ...]:
    """An entry of the FAQ as an example with its answer, and one without; none where the answer may not be given.

    Args:
        own: The entry; what is asked is its question.
        matches: What the index finds for that question, the best first.
        random: Where the entry's answer stands among the passages.
        hosts: The company's own web addresses.
    """
    sentences = [show_plain(sentence) for sentence in split_sentences(own.text)]
    sentences = [sentence for sentence in sentences if not find_objection(sentence, hosts)][:MOST_WRITTEN]
    passage = clean_passage(own, hosts)
    cleaned = [(match, clean_passage(match, hosts)) for match in matches]
    others = [
        (match.heading, text)
        for match, text in cleaned
        if text and match.id != own.id and not any(bears(f"{match.heading}\n{text}", one) for one in sentences)
    ]
    place = int(random.integers(min(len(others), MOST_PASSAGES - 1) + 1))
    shown = others[: MOST_PASSAGES - 1]
    shown.insert(place, (own.heading, passage))
    answer = " ".join(f"{sentence} [{place + 1}]" for sentence in sentences)
    lesson = Lesson(own.heading, tuple(heading for heading, _ in shown), tuple(text for _, text in shown), answer)
    if not check_support(answer, lesson.sources):
        return ()
    rest = others[:MOST_PASSAGES]
    if not rest:
        return (lesson,)
    return lesson, Lesson(own.heading, tuple(heading for heading, _ in rest), tuple(text for _, text in rest), NONE)

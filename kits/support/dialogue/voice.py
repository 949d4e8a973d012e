"""All that the assistant knows in one language: the reader's policy, approved answers, slots, pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache

from core.index.column import Filter, valid_at
from kits.support.answer.compose import Composed, Composer
from kits.support.answer.evidence import ENTRY, KINDS, Evidence, Library, Match, split_text
from kits.support.answer.generate import Generator, generate_answer
from kits.support.answer.response import Response
from kits.support.config import AnswerConfig
from kits.support.dialogue.slot import Slot
from kits.support.reading import Language
from kits.support.scope.policy import Policy

MOST_HEADINGS = 1_000


@dataclass(frozen=True)
class Voice:
    """Handed to every turn in its language.

    Attributes:
        language: Which.
        responses: The approved answers by intent.
        slots: What they may need.
        policy: The costs.
        library: What is searched.
        composer: Makes answers out of what is found.
        settings: When these are good enough.
        person_intents: Intents of someone who wants a person.
        generator: Puts an answer out of the pages into words of its own; None: the best sentences are given.
    """

    language: Language
    responses: Mapping[str, Response]
    slots: Mapping[str, Slot]
    policy: Policy
    library: Library
    composer: Composer
    settings: AnswerConfig
    person_intents: frozenset[str]
    generator: Generator | None = None

    @cached_property
    def small_talk(self) -> frozenset[str]:
        """Intents that leave the topic as it was: greetings, thanks, goodbyes."""
        return frozenset(
            name for name, one in self.responses.items() if one.is_small_talk or one.action == "close"
        )

    def compose(
        self, evidence: Evidence, audience: str, sure: Collection[str] = (), given: str = ""
    ) -> Composed | None:
        """The best answer out of what was found.

        Args:
            evidence: What was found.
            audience: For whom.
            sure: The intents, where they are sure: then an entry for another one must ask the very same.
            given: An entry that was given just now, and is no answer to what they ask further.
        """

        def keep(match: Match) -> bool:
            fits = not sure or not match.intent or match.intent in sure
            return match.id != given and (fits or match.likeness >= self.settings.least_likeness)

        return self.composer.compose(evidence, audience, keep)

    def reword(self, composed: Composed, evidence: Evidence) -> Composed:
        """A composed answer of pages in the generator's words, where the pages bear them out; else as it is."""
        if self.generator is None or composed.intent:
            return composed
        made = generate_answer(
            self.generator, evidence.question, evidence.matches, self.language, self.settings.hosts
        )
        return composed if made is None else replace(composed, parts=made[0], citations=made[1])

    def is_strong(self, composed: Composed, evidence: Evidence) -> bool:
        """Whether an answer out of the pages fits well enough to be given."""
        settings = self.settings
        if composed.likeness >= settings.least_likeness and len(evidence.terms) > 1:
            return True
        is_clear = len(evidence.terms) >= settings.least_terms
        return is_clear and composed.covered >= settings.least_cover and composed.score >= settings.least_score

    def warm(self) -> Iterator[int]:
        """Read what may be quoted before someone asks; yields how many sentences are read, after a few at a time."""
        approved = {text for one in self.responses.values() for text in one.texts.values()}
        documents = self.library.index.documents(Filter({"kind": KINDS}))
        return self.composer.warm(approved, ((str(one.metadata["kind"]), *split_text(one)) for one in documents))

    def find_near(self, evidence: Evidence, given: str = "") -> tuple[Match, ...]:
        """The two entries of the FAQ that are likeliest to be meant; none where to hand over costs less than to ask.

        Args:
            evidence: What was found.
            given: An entry that was given just now.
        """
        near: list[Match] = []
        for match in sorted(evidence.matches, key=lambda match: -match.likeness):
            is_new = all(match.heading != one.heading and match.text != one.text for one in near)
            if match.kind == "faq" and match.id != given and is_new and self.composer.give(match) is not None:
                near.append(match)
        if len(near) < 2 or near[0].likeness < self.settings.least_offer:
            return ()
        costs = self.policy.costs(near[0].likeness, near[0].likeness)
        return tuple(near[:2]) if costs["clarify"] < costs["hand_over"] else ()

    def find_entry(self, meaning: str) -> Match | None:
        """The entry of the FAQ that was offered; None where the meaning is an intent, or the entry is gone."""
        return self.library.find(meaning) if meaning.startswith(ENTRY) else None

    def title(self, intent: str, audience: str, today: date) -> str:
        """An intent in a customer's words: the first question of the FAQ that asks for it."""
        where = Filter({"kind": "faq", "intent": intent, "audience": ("any", None, audience),
                        **valid_at(today.isoformat())})  # fmt: skip
        first = next(self.library.index.documents(where), None)
        return split_text(first)[0] if first is not None else intent.replace("_", " ").capitalize()

    def heading(self, source: str) -> str:
        """The title of a page."""
        return self._find_heading(source, self.library.index.version)

    @cached_property
    def _find_heading(self) -> Callable[[str, tuple[int, int]], str]:
        """Headings, each looked for once in a version of the index."""

        @lru_cache(MOST_HEADINGS)
        def find(source: str, version: tuple[int, int]) -> str:
            first = next(self.library.index.documents(Filter({"source": source})), None)
            return split_text(first)[0].split(" > ")[0] if first is not None else ""

        return find

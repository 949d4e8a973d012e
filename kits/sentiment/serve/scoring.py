"""Texts that are scored on request, and the words behind a score: many callers, one model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from core.serve.batcher import Batcher
from kits.sentiment.data import join_text

if TYPE_CHECKING:
    from kits.sentiment.predict import Scorer

MOST_ROWS = 256
MOST_WAITING_ROWS = 4096
MOST_WAITING_WORDS = 16
Asked = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model reads in a text.

    Attributes:
        sentiment: The likeliest; None if the model does not judge it.
        sentiment_probabilities: Calibrated, per sentiment.
        topics: Those above their threshold, likeliest first.
        topic_probabilities: Calibrated, per topic.
        model_version: Which model says so.
    """

    sentiment: str | None
    sentiment_probabilities: dict[str, float]
    topics: tuple[str, ...]
    topic_probabilities: dict[str, float]
    model_version: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word and what it did to the probability of ``negative``: with it, minus without it."""

    start: int
    end: int
    effect: float


@dataclass(frozen=True, slots=True)
class Words:
    """The words of an item, by where they stand in its title and in its body."""

    title: tuple[Word, ...]
    body: tuple[Word, ...]


class Scoring:
    """A model with a queue for scores and a shorter one for words, which cost a hundred scores each.

    Args:
        scorer: The model.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.version = scorer.model.version
        self.config = scorer.model.config
        self._scores: Batcher[Asked, Scored] = Batcher(
            self._score, max_rows=MOST_ROWS, max_waiting_rows=MOST_WAITING_ROWS
        )
        self._words: Batcher[tuple[str, str], Words] = Batcher(
            self._explain, max_rows=1, max_waiting_rows=MOST_WAITING_WORDS
        )

    @classmethod
    def load(cls, folder: Path) -> Scoring:
        """Load a model folder.

        Raises:
            ModelError: It is damaged, hostile, or of another kit.
        """
        from kits.sentiment.predict import Scorer

        return cls(Scorer.load(folder))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The queues are worked on for as long as the context lasts."""
        async with self._scores, self._words:
            yield

    async def score(self, asked: Sequence[Asked]) -> list[Scored]:
        """Opinions on texts, each by itself or towards a company.

        Raises:
            Overloaded: The queue is full.
        """
        return await self._scores.submit(asked)

    async def explain(self, title: str, body: str) -> Words:
        """Which words speak for ``negative``, and which against it.

        Raises:
            Overloaded: The queue is full.
        """
        return (await self._words.submit([(title, body)]))[0]

    def _score(self, asked: Sequence[Asked]) -> list[Scored]:
        opinions = self._scorer.score([text for text, _ in asked], [entity for _, entity in asked])
        names = [field.name for field in fields(Scored)]
        return [Scored(*(getattr(opinion, name) for name in names)) for opinion in opinions]

    def _explain(self, asked: Sequence[tuple[str, str]]) -> list[Words]:
        from core.predict.explain import explain_label

        found = []
        for title, body in asked:
            text = join_text(title, body)
            offset = text.rindex(body) if body else len(text)
            effects = explain_label(self._scorer.model, (text, None), "sentiment", "negative")
            in_title = tuple(Word(w.start, w.end, round(w.effect, 4)) for w in effects if w.end <= len(title))
            in_body = tuple(
                Word(w.start - offset, w.end - offset, round(w.effect, 4)) for w in effects if w.start >= offset
            )
            found.append(Words(in_title, in_body))
        return found

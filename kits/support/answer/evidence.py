"""What the company's own words say to a question: entries of the FAQ and passages of pages that hold now.

The first line of a document is its heading: those of the page, or the question of an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.index.column import Filter, valid_at
from core.index.document import Document
from core.index.hybrid import Fusion, Hit, Query
from core.index.index import Index
from kits.support.answer.terms import content_terms, cover, resemble

Kind = str
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
KINDS = ("faq", "page")
ENTRY = "faq:"  # begins the id and the source of an entry


@dataclass(frozen=True, slots=True)
class Match:
    """A document that may answer a question.

    Attributes:
        id: In the index.
        kind: ``faq`` or ``page``.
        source: What is cited: a page, or ``faq:`` and an id.
        heading: The headings above it; the question of an entry.
        text: What it says.
        intent: Which intent it answers; empty for pages.
        audience: For whom: any, private, business.
        cosine: Of its vector and the question's; 0 where vectors say nothing.
        covered: Share of the question's terms that it has, by their rarity.
        likeness: Of its question and the customer's, 0 to 1; 0 for pages.
    """

    id: str
    kind: Kind
    source: str
    heading: str
    text: str
    intent: str
    audience: str
    cosine: float
    covered: float
    likeness: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found for a question.

    Attributes:
        question: As it was looked for.
        terms: Its content terms.
        weights: How much each of them tells.
        matches: The best first.
        vector: Of the question; None where vectors say nothing.
    """

    question: str
    terms: frozenset[str]
    weights: Mapping[str, float]
    matches: tuple[Match, ...] = ()
    vector: NDArray[np.float32] | None = None

    def covered_by(self, text: str) -> float:
        """The share of the question's terms that a text has, by their rarity."""
        return self.covered_in(content_terms(text))

    def covered_in(self, terms: frozenset[str]) -> float:
        """Likewise, of a text whose content terms are known."""
        return cover(self.terms, terms, self.weights)

    @property
    def nearest(self) -> Match | None:
        """The entry of the FAQ whose question is most like this one."""
        entries = [match for match in self.matches if match.kind == "faq"]
        return max(entries, key=lambda match: match.likeness, default=None)


class Shelved(Protocol):
    """What has an index, which may be another one from time to time."""

    @property
    def index(self) -> Index:
        """For searching."""


class Library:
    """The index of one language, searched for a conversation.

    Args:
        source: Has the index, as ``index/follow.py`` fills it.
        embed: Makes the vector of a question; None where words alone decide.
        is_semantic: Whether near vectors mean the same; else they only share words, which find a
            passage but do not say that two questions are one.
        least: So many of the best are looked at.
    """

    def __init__(self, source: Shelved, embed: Embed | None, is_semantic: bool, least: int = 12) -> None:
        self._source, self.embed, self.is_semantic, self.least = source, embed, is_semantic, least
        self._fusion = Fusion() if embed is not None else Fusion(dense_weight=0.0)

    @property
    def index(self) -> Index:
        """As it is now."""
        return self._source.index

    def look(
        self,
        question: str,
        vector: NDArray[np.float32] | None,
        audience: str,
        today: date,
        withheld: Collection[str] = (),
    ) -> Evidence:
        """Search what holds for an audience today.

        Args:
            question: What is asked, with its context where it needs one.
            vector: Its own; None where words alone decide.
            audience: ``private`` or ``business``.
            today: The company's day.
            withheld: Documents that are not to be used.
        """
        terms = content_terms(question)
        vector = vector if self.embed is not None else None
        where = Filter(
            {"kind": KINDS, "audience": ("any", None, audience), **valid_at(today.isoformat())}, forbidden=withheld
        )
        hits = self.index.search(Query(question, vector), self.least, where=where, fusion=self._fusion)
        asked = [split_text(hit.document)[0] if hit.document.metadata.get("kind") == "faq" else "" for hit in hits]
        known = sorted(terms.union(*map(content_terms, asked)))
        weights = dict(zip(known, self.index.rarity(known), strict=True))
        cosines = self._cosines(hits, vector)
        matches = [
            _match(hit.document, terms, weights, cosine, self.is_semantic)
            for hit, cosine in zip(hits, cosines, strict=True)
        ]
        return Evidence(question, terms, weights, tuple(matches), vector)

    def find(self, id: str) -> Match | None:
        """A document by its id, as nobody asked for it; None where it is gone."""
        (document,) = self.index.get([id])
        return None if document is None else _match(document, frozenset(), {}, 0.0, self.is_semantic)

    def _cosines(self, hits: Sequence[Hit], vector: NDArray[np.float32] | None) -> list[float]:
        """Of the question and each hit; only what was not found by its vector is looked up."""
        if vector is None:
            return [0.0] * len(hits)
        cosines = {hit.document.id: hit.places["dense"].score for hit in hits if "dense" in hit.places}
        others = [hit.document.id for hit in hits if hit.document.id not in cosines]
        if others:
            cosines |= dict(zip(others, (self.index.vectors(others) @ vector).tolist(), strict=True))
        return [cosines[hit.document.id] for hit in hits]


def split_text(document: Document) -> tuple[str, str]:
    """The heading of a document, and what is said below it."""
    heading, _, body = document.text.partition("\n")
    return heading, body


def _match(
    document: Document, terms: frozenset[str], weights: Mapping[str, float], cosine: float, is_semantic: bool
) -> Match:
    fields = document.metadata
    heading, body = split_text(document)
    likeness = 0.0
    if fields.get("kind") == "faq":
        likeness = max(cosine if is_semantic else 0.0, resemble(terms, content_terms(heading), weights))
    return Match(
        document.id,
        str(fields.get("kind")),
        str(fields.get("source")),
        heading,
        body,
        str(fields.get("intent") or ""),
        str(fields.get("audience") or "any"),
        cosine,
        cover(terms, content_terms(document.text), weights),
        min(1.0, max(0.0, likeness)),
    )

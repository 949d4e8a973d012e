"""An answer out of the best sentences of what was found, each with its source; nothing is said without one.

The answer of an FAQ entry was approved as a whole and is given as a whole. Of a page, those sentences
are taken that say most about the question; a neighbour joins when it tells more of what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.predict.recent import Recent
from kits.support.answer.audience import tell_audience
from kits.support.answer.evidence import Embed, Evidence, Match
from kits.support.answer.quote import find_objection, show_plain
from kits.support.answer.sentence import split_sentences
from kits.support.answer.terms import content_terms

MOST_VECTORS, MOST_CUT = 50_000, 10_000  # sentences, and passages, that are kept
MOST_WARMED, WARMED_AT_ONCE = 20_000, 32  # sentences
LOOKED_AT = 6  # of the passages that were found
GAIN = 0.12  # a further sentence must tell so much more of the question
NEAR_GAIN = 0.05  # or less, when it stands beside one that was taken
AS_GOOD = 0.92  # or be almost as good by itself as the best one
HEADING_WEIGHT = 0.5  # a heading says what all sentences below it are about
FAQ_HEAD_START = 0.05  # its words were approved
WRONG_AUDIENCE = 0.3


@dataclass(frozen=True, slots=True)
class Citation:
    """Where something stands.

    Attributes:
        source: A page, or ``faq:`` and an id.
        heading: The headings above it.
        quote: The words that the answer rests on.
    """

    source: str
    heading: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer.

    Attributes:
        text: What is said.
        citation: Number of its source in the reply's list, from 0; None for what needs none.
    """

    text: str
    citation: int | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """An answer, and how well it fits.

    Attributes:
        parts: Its pieces, each with a source.
        citations: The sources.
        covered: Share of the question's terms that the chosen sentences and their headings have.
        score: Of the best sentence, 0 to about 1; up to 2 for an entry that asks the same.
        likeness: Of the entry's question and the customer's; 0 for pages.
        nearness: Cosine of the best sentence and the question; None where words alone decide.
        intent: Of the entry that was given; empty for pages.
    """

    parts: tuple[Part, ...]
    citations: tuple[Citation, ...]
    covered: float
    score: float
    likeness: float = 0.0
    nearness: float | None = None
    intent: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What may be quoted of a passage: a sentence of a page, or the whole answer of an entry.

    Attributes:
        place: In the passage.
        text: As it is shown.
        headed: Below its heading.
        terms: Of the text.
        headed_terms: Of both.
        audience: For whom it says that it is; None where it says nothing of it.
    """

    place: int
    text: str
    headed: str
    terms: frozenset[str]
    headed_terms: frozenset[str]
    audience: str | None


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece that was found for a question, and how well it fits."""

    match: Match
    place: int
    text: str
    score: float
    cosine: float | None


class Composer:
    """Puts answers together; passages are cut and embedded once, as the same ones are found again and again.

    Args:
        embed: Makes vectors of sentences; None where words alone decide.
        hosts: The company's own web addresses, which may be shown.
        most_sentences: Of one answer.
        most_characters: Of one answer.
        same_from: An entry whose question is so like the customer's asks the same, whatever else has its words.
    """

    def __init__(
        self,
        embed: Embed | None,
        hosts: Collection[str] = (),
        most_sentences: int = 3,
        most_characters: int = 600,
        same_from: float = 0.85,
    ) -> None:
        self._hosts = frozenset(hosts)
        self._most_sentences, self._most_characters, self._same_from = most_sentences, most_characters, same_from
        self._vectors = None if embed is None else Recent[str](embed, MOST_VECTORS, MOST_VECTORS)
        self._cut = lru_cache(MOST_CUT)(self._cut_anew)

    def warm(self, approved: Iterable[str], passages: Iterable[tuple[str, str, str]]) -> Iterator[int]:
        """Cut and embed passages before someone asks, as many as are kept well; a few with each step.

        Args:
            approved: Texts that passages are compared with.
            passages: Of each the kind, the heading and the text.

        Yields:
            How many pieces are done.
        """
        done = 0
        headed = list(approved)
        for kind, heading, text in passages:
            headed += [piece.headed for piece in self._cut(kind, heading, text)]
            if len(headed) >= WARMED_AT_ONCE:
                done += self._warm_vectors(headed)
                headed = []
                yield done
            if done >= MOST_WARMED:
                return
        yield done + self._warm_vectors(headed)

    def _warm_vectors(self, headed: Sequence[str]) -> int:
        if self._vectors is not None and headed:
            self._vectors.get(headed)
        return len(headed)

    def compose(
        self, evidence: Evidence, audience: str, keep: Callable[[Match], bool] = lambda match: True
    ) -> Composed | None:
        """The best answer that the evidence gives; None where nothing may be quoted.

        Args:
            evidence: What was found.
            audience: For whom.
            keep: Which of it may be used.
        """
        matches = [match for match in evidence.matches if keep(match)][:LOOKED_AT]
        units = self._rate(matches, evidence, audience)
        if not units:
            return None
        best = max(units, key=lambda unit: unit.score)
        chosen = [best] if best.match.kind == "faq" else self._extend(best, units, evidence)
        parts = tuple(Part(unit.text, 0) for unit in chosen)
        citation = Citation(best.match.source, best.match.heading, " ".join(unit.text for unit in chosen))
        said = "\n".join([best.match.heading, *(unit.text for unit in chosen)])
        covered = evidence.covered_by(said)
        facts = (best.match.likeness, best.cosine, best.match.intent)
        return Composed(parts, (citation,), covered, best.score, *facts)

    def give(self, entry: Match) -> Composed | None:
        """The answer of an entry of the FAQ that the customer chose; None where it may not be given."""
        if find_objection(entry.heading, self._hosts):
            return None
        for piece in self._cut(entry.kind, entry.heading, entry.text):
            citation = Citation(entry.source, entry.heading, piece.text)
            return Composed((Part(piece.text, 0),), (citation,), 1.0, 1.0, 1.0, intent=entry.intent)
        return None

    def nearness(self, text: str, evidence: Evidence) -> float | None:
        """Cosine of a text and the question; None where words alone decide."""
        return self._cosines([text], evidence.vector)[0]

    def _cut_anew(self, kind: str, heading: str, text: str) -> tuple[_Piece, ...]:
        """The pieces of a passage that may be quoted."""
        kept = []
        for place, piece in enumerate([text] if kind == "faq" else split_sentences(text)):
            sentences = split_sentences(piece)
            if any(find_objection(sentence, self._hosts) for sentence in (*sentences, piece)):
                continue
            shown = show_plain(" ".join(sentences) if kind == "faq" and piece.isascii() else piece)
            if not shown.endswith((":", "：", "?", "？")):  # what leads to a list and what asks itself tell nothing
                both = f"{heading}\n{shown}"
                terms = content_terms(shown), content_terms(both)
                kept.append(_Piece(place, shown, f"{heading}: {shown}", *terms, tell_audience(both)))
        return tuple(kept)

    def _rate(self, matches: Sequence[Match], evidence: Evidence, audience: str) -> list[_Unit]:
        pieces = [
            (match, piece)
            for match in matches
            for piece in self._cut(match.kind, match.heading, match.text)
            if piece.terms - evidence.terms  # what only repeats the question tells nothing
        ]
        cosines = self._cosines([piece.headed for _, piece in pieces], evidence.vector)
        rated = []
        for (match, piece), cosine in zip(pieces, cosines, strict=True):
            own = evidence.covered_in(piece.terms)
            covered = own + HEADING_WEIGHT * (evidence.covered_in(piece.headed_terms) - own)
            score = covered if cosine is None else (2 * covered + cosine) / 3
            if match.kind == "faq":
                score = max(score, (2 * covered + match.likeness) / 3) + FAQ_HEAD_START
                if match.likeness >= self._same_from:
                    score = 1.0 + match.likeness
            if piece.audience is not None and piece.audience != audience:
                score -= WRONG_AUDIENCE
            rated.append(_Unit(match, piece.place, piece.text, score, cosine))
        return rated

    def _extend(self, best: _Unit, units: Sequence[_Unit], evidence: Evidence) -> list[_Unit]:
        """The best sentence and others of its passage, in the order in which they stand there."""
        chosen = [best]
        others = sorted((u for u in units if u.match is best.match and u is not best), key=lambda u: -u.score)
        while others and len(chosen) < self._most_sentences:
            said = "\n".join(unit.text for unit in chosen)
            before = evidence.covered_by(said)

            def gain(unit: _Unit, said: str = said, before: float = before) -> float:
                return evidence.covered_by(f"{said}\n{unit.text}") - before

            further = max(others, key=lambda unit: (gain(unit), unit.score))
            is_near = any(abs(further.place - unit.place) == 1 for unit in chosen)
            if gain(further) < (NEAR_GAIN if is_near else GAIN):
                further = others[0]
                if further.score < AS_GOOD * best.score:
                    break
            if sum(len(unit.text) for unit in chosen) + len(further.text) > self._most_characters:
                break
            chosen.append(further)
            others.remove(further)
        return sorted(chosen, key=lambda unit: unit.place)

    def _cosines(self, texts: Sequence[str], vector: NDArray[np.float32] | None) -> list[float | None]:
        if vector is None or self._vectors is None or not texts:
            return [None] * len(texts)
        return [float(value) for value in self._vectors.get(texts) @ vector]

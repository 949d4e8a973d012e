"""An answer out of the best sentences of what was found, each with its source; nothing is said without one.

The answer of an FAQ entry was approved as a whole and is given as a whole. Of a page, those sentences
are taken that say most about the question; a neighbour joins when it tells more of what was asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from kits.support.answer.audience import tell_audience
from kits.support.answer.evidence import Embed, Evidence, Match
from kits.support.answer.quote import find_objection, show_plain
from kits.support.answer.sentence import split_sentences
from kits.support.answer.terms import content_terms

MOST_CACHED = 50_000
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
        score: Of the best sentence, 0 to about 1.
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
class _Unit:
    """A sentence of a page, or the whole answer of an entry."""

    match: Match
    place: int
    text: str
    covered: float = 0.0
    score: float = 0.0
    cosine: float | None = None


class Composer:
    """Puts answers together; vectors of sentences are kept, as the same passages are found again and again.

    Args:
        embed: Makes them; None where words alone decide.
        hosts: The company's own web addresses, which may be shown.
        most_sentences: Of one answer.
        most_characters: Of one answer.
    """

    def __init__(
        self, embed: Embed | None, hosts: Collection[str] = (), most_sentences: int = 3, most_characters: int = 600
    ) -> None:
        self._embed, self._hosts = embed, frozenset(hosts)
        self._most_sentences, self._most_characters = most_sentences, most_characters
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

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
        units = self._rate([unit for match in matches for unit in self._cut(evidence, match)], evidence, audience)
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

    def nearness(self, text: str, evidence: Evidence) -> float | None:
        """Cosine of a text and the question; None where words alone decide."""
        return self._cosines([text], evidence.vector)[0]

    def _cut(self, evidence: Evidence, match: Match) -> list[_Unit]:
        """The pieces of a match that may be quoted."""
        pieces = [match.text] if match.kind == "faq" else split_sentences(match.text)
        kept = []
        for place, piece in enumerate(pieces):
            sentences = split_sentences(piece)
            if any(find_objection(sentence, self._hosts) for sentence in (*sentences, piece)):
                continue
            shown = show_plain(" ".join(sentences) if match.kind == "faq" and piece.isascii() else piece)
            # What leads to a list, what asks itself, and what only repeats the question tell nothing.
            if not shown.endswith((":", "：", "?", "？")) and content_terms(shown) - evidence.terms:
                kept.append(_Unit(match, place, shown))
        return kept

    def _rate(self, units: Sequence[_Unit], evidence: Evidence, audience: str) -> list[_Unit]:
        headed = [f"{unit.match.heading}: {unit.text}" for unit in units]
        cosines = self._cosines(headed, evidence.vector)
        rated = []
        for unit, cosine in zip(units, cosines, strict=True):
            own = evidence.covered_by(unit.text)
            covered = own + HEADING_WEIGHT * (evidence.covered_by(f"{unit.match.heading}\n{unit.text}") - own)
            score = covered if cosine is None else (2 * covered + cosine) / 3
            if unit.match.kind == "faq":
                score = max(score, (2 * covered + unit.match.likeness) / 3) + FAQ_HEAD_START
            said = tell_audience(f"{unit.match.heading}\n{unit.text}")
            if said is not None and said != audience:
                score -= WRONG_AUDIENCE
            rated.append(_Unit(unit.match, unit.place, unit.text, covered, score, cosine))
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
        if vector is None or self._embed is None or not texts:
            return [None] * len(texts)
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
            if missing:
                self._vectors.update(zip(missing, self._embed(missing), strict=True))
            found = np.stack([self._vectors[text] for text in texts])
            for text in texts:
                self._vectors.move_to_end(text)
            while len(self._vectors) > MOST_CACHED:
                self._vectors.popitem(last=False)
        return [float(value) for value in found @ vector]

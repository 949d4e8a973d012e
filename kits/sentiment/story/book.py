"""Reprints and rewrites of one report, found as items come in: they count as one story.

    same text ──▶ shared n-grams (MinHash, then exactly) ──▶ like vectors and some shared n-grams (FAISS)

Each item is compared with those before it, one after the other. How items are cut into batches
makes no difference: products of vectors are exact, and whatever is limited is limited by order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.config import StoryConfig
from kits.sentiment.data import join_text
from kits.sentiment.item import Item
from kits.sentiment.story.bucket import Buckets
from kits.sentiment.story.likeness import has_other_figures, has_other_names, is_reordered, read_wording
from kits.sentiment.story.nearby import Near, Nearby, find_within, to_whole
from kits.sentiment.story.shingle import VECTOR_SIZE, Grams, cut_shingles, fold, hash_vectors, is_chinese, sketch_bands

CHUNK_ITEMS = 256
LIMIT_TEXTS = 50_000  # that are compared by their words; the oldest go first
LIMIT_NEAR = 4_096  # that are compared by their vectors
LIMIT_CANDIDATES = 48
LIMIT_CHARACTERS = 600
MIN_SHARED = 0.5  # of the n-grams of the shorter text, where vectors decide
TITLE_OVERLAP, TITLE_SHARED = 0.8, 0.6  # one headline over a longer and a shorter text
OWN_COSINE = 0.7  # near in vectors of n-grams
REWRITTEN_BY, OWN_REWRITTEN_BY = 0.12, 0.25  # so much less is near enough for a text that was turned round
DIGITS = 4

By = Literal["new", "same", "words", "meaning"]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which story an item belongs to.

    Attributes:
        item: Its key.
        story: The story's key, which is that of the item that came first.
        is_new: It is the first one.
        similarity: To the text that decided, from 0 to 1; 0 for a new story.
        by: What decided: the same text, shared words, or the meaning.
    """

    item: str
    story: str
    is_new: bool
    similarity: float
    by: By


@dataclass(frozen=True, slots=True)
class Member:
    """An item whose story is known.

    Attributes:
        item: It.
        story: The story's key.
        vector: As it was given with the item, ``(dimensions,)``; None if there was none.
    """

    item: Item
    story: str
    vector: NDArray[np.floating] | None


@dataclass(slots=True)
class _Text:
    """What is compared of an item.

    Attributes:
        title: Headline, or the beginning of the body if there is none.
        body: Its beginning; empty if there is none below a headline.
        title_grams: Of the headline.
        grams: Of headline and body.
        bands: Keys of the headline's sketch, and of that of both.
        digest: Of headline and body.
        event_at: When it happened; of the same text printed again, the last time.
        story: Once it is known.
    """

    title: str
    body: str
    title_grams: Grams
    grams: Grams
    bands: list[int]
    digest: bytes
    event_at: datetime
    story: str


class StoryBook:
    """The stories of the last hours.

    Args:
        settings: When two items tell one story.
    """

    def __init__(self, settings: StoryConfig) -> None:
        self._settings = settings
        self._span = timedelta(hours=settings.hours)
        self._next = 0
        self._texts: dict[int, _Text] = {}  # by number, in order
        self._same: dict[bytes, int] = {}
        self._buckets = Buckets(LIMIT_TEXTS)
        self._near = Nearby(VECTOR_SIZE, LIMIT_NEAR)
        self._is_own = True

    def assign(self, items: Sequence[Item], vectors: Vectors | None) -> list[Assignment]:
        """Find the story of each item, each being compared with all before it.

        Args:
            items: In the order in which they came.
            vectors: ``(items, dimensions)``, of their meaning; None if the model has none: then
                vectors of n-grams are made here. They are compared with those of the same kind
                that came without others in between.
        """
        assignments: list[Assignment] = []
        for start in range(0, len(items), CHUNK_ITEMS):
            chunk = slice(start, start + CHUNK_ITEMS)
            assignments += self._assign(items[chunk], None if vectors is None else vectors[chunk])
        return assignments

    def restore(self, members: Iterable[Member]) -> None:
        """Take over what another book knew.

        Args:
            members: All items since the time that was last forgotten, in the order in which they came.
        """
        for _, alike in groupby(members, key=lambda member: None if member.vector is None else member.vector.size):
            while chunk := list(islice(alike, CHUNK_ITEMS)):
                given = [member.vector for member in chunk if member.vector is not None]
                texts, whole = self._prepare([member.item for member in chunk], np.stack(given) if given else None)
                numbers: dict[int, int] = {}
                for row, (text, member) in enumerate(zip(texts, chunk, strict=True)):
                    text.story = member.story
                    if not self._print_again(text):
                        self._buckets.add(text.bands, self._next)
                        numbers[row] = self._keep(text)
                self._near.add(whole[list(numbers)], list(numbers.values()))

    def forget(self, clock: datetime) -> int:
        """Drop the texts that happened longer before the clock than a story may last; how many they were."""
        old = [number for number, text in self._texts.items() if text.event_at < clock - self._span]
        for number in old:
            self._drop(number)
        return len(old)

    def _assign(self, items: Sequence[Item], vectors: Vectors | None) -> list[Assignment]:
        texts, whole = self._prepare(items, vectors)
        enough = self._least_cosine()
        near, within = self._near.find(whole, enough), find_within(whole, enough)
        numbers: dict[int, int] = {}
        assignments = []
        for row, (item, text) in enumerate(zip(items, texts, strict=True)):
            if same := self._print_again(text):
                assignments.append(Assignment(item.key, same.story, False, 1.0, "same"))
                continue
            cosines = near[row] + [(numbers[other], cosine) for other, cosine in within[row] if other in numbers]
            found = self._find(text, cosines)
            by, similarity, text.story = found or ("new", 0.0, item.key)
            assignments.append(Assignment(item.key, text.story, found is None, similarity, by))
            numbers[row] = self._keep(text)
        self._near.add(whole[list(numbers)], list(numbers.values()))
        return assignments

    def _prepare(self, items: Sequence[Item], vectors: NDArray[np.floating] | None) -> tuple[list[_Text], Vectors]:
        """What is compared of items, and their vectors as whole numbers."""
        count = len(items)
        titles = [item.title or item.body[:LIMIT_CHARACTERS] for item in items]
        bodies = [item.body[:LIMIT_CHARACTERS] if item.title else "" for item in items]
        joined = [fold(join_text(t, b)[:LIMIT_CHARACTERS]) for t, b in zip(titles, bodies, strict=True)]
        double = [row for row in range(count) if bodies[row]]  # has a headline and more: each is compared
        shingles = cut_shingles(joined + [fold(titles[row]) for row in double])
        bands = sketch_bands(shingles).tolist()
        whole = to_whole(hash_vectors(shingles.first(count)) if vectors is None else vectors)
        if whole.shape[1] != self._near.dimensions or (vectors is None) != self._is_own:
            self._near, self._is_own = Nearby(whole.shape[1], LIMIT_NEAR), vectors is None
        title_rows = dict(zip(double, range(count, count + len(double)), strict=True))
        texts = []
        for row, item in enumerate(items):
            title_row = title_rows.get(row, row)
            keys = bands[title_row] + ([~key for key in bands[row]] if title_row != row else [])
            digest = hashlib.blake2b(joined[row].encode(), digest_size=16).digest()
            grams, title_grams = shingles.of(row), shingles.of(title_row)
            texts.append(_Text(titles[row], bodies[row], title_grams, grams, keys, digest, item.event_at, ""))
        return texts, whole

    def _print_again(self, text: _Text) -> _Text | None:
        """The same text, if it is known; it counts as having happened again."""
        number = self._same.get(text.digest)
        known = None if number is None else self._texts.get(number)
        if known is None or abs(known.event_at - text.event_at) > self._span:
            return None
        known.event_at = max(known.event_at, text.event_at)
        return known

    def _keep(self, text: _Text) -> int:
        number = self._next
        self._next += 1
        self._texts[number] = text
        self._same[text.digest] = number
        if len(self._texts) > LIMIT_TEXTS:
            self._drop(next(iter(self._texts)))
        return number

    def _drop(self, number: int) -> None:
        text = self._texts.pop(number)
        if self._same.get(text.digest) == number:
            del self._same[text.digest]

    def _least_cosine(self) -> float:
        if self._is_own:
            return OWN_COSINE - OWN_REWRITTEN_BY
        return max(0.0, self._settings.min_cosine - REWRITTEN_BY)

    def _find(self, text: _Text, near: Near) -> tuple[By, float, str] | None:
        """The story that tells the same, with what decided and the similarity; what comes later finds this text."""
        cosines = {number: cosine for number, cosine in near if number >= self._next - LIMIT_NEAR}
        worded = sorted(self._buckets.add(text.bands, self._next), reverse=True)
        nearest = sorted(cosines, key=lambda number: (-cosines[number], -number))
        candidates = dict.fromkeys(worded[:LIMIT_CANDIDATES] + nearest[:LIMIT_CANDIDATES])
        if not candidates:
            return None
        grams = frozenset(text.grams.tolist()), frozenset(text.title_grams.tolist())
        best: tuple[bool, float, str] | None = None
        for number in candidates:
            other = self._texts.get(number)
            if other is None or abs(other.event_at - text.event_at) > self._span:
                continue
            likeness = self._compare(text, other, grams, cosines.get(number))
            if likeness is not None:
                rated = (likeness[0] == "words", likeness[1], other.story)
                best = rated if best is None or _is_better(rated, best) else best
        if best is None:
            return None
        return ("words" if best[0] else "meaning"), best[1], best[2]

    def _compare(
        self, text: _Text, other: _Text, grams: tuple[frozenset[int], frozenset[int]], cosine: float | None
    ) -> tuple[By, float] | None:
        """Whether two texts tell one story: what says so, and how alike they are."""
        overlap, shared = _overlap(grams[0], other.grams)
        title_overlap = _overlap(grams[1], other.title_grams)[0] if text.body or other.body else overlap
        if not (text.body and other.body):
            overlap = max(overlap, title_overlap)
        is_worded = overlap >= self._settings.min_overlap or (title_overlap >= TITLE_OVERLAP and shared >= TITLE_SHARED)
        if not is_worded and (cosine is None or shared < MIN_SHARED):
            return None
        one, two = read_wording(text.title, text.body), read_wording(other.title, other.body)
        if has_other_figures(one, two):
            return None
        is_other_name = has_other_names(one, two)
        if is_worded and not is_other_name:
            return "words", round(max(overlap, title_overlap), DIGITS)
        if cosine is None or shared < MIN_SHARED:
            return None
        is_turned = is_reordered(one, two)
        if is_other_name and not (is_turned and is_chinese(text.title)):  # what may be a name there is often none
            return None
        enough = OWN_COSINE if self._is_own else self._settings.min_cosine
        return ("meaning", round(cosine, DIGITS)) if is_turned or cosine >= enough else None


def _overlap(grams: frozenset[int], other: Grams) -> tuple[float, float]:
    """Jaccard similarity of two sets of n-grams, and which share of the smaller one both have."""
    common = len(grams.intersection(other.tolist()))
    return common / (len(grams) + len(other) - common), common / min(len(grams), len(other))


def _is_better(one: tuple[bool, float, str], other: tuple[bool, float, str]) -> bool:
    """By words rather than by meaning, then the more alike; what is still equal is told by the key."""
    return (one[0], one[1]) > (other[0], other[1]) or ((one[0], one[1]) == (other[0], other[1]) and one[2] < other[2])

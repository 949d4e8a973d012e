"""What an index holds at one moment: segments, and which of their rows still hold. A change makes a new view.

A view never changes, so a search that has begun sees one state however much is written meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.index.change import Change
from core.index.column import Filter, match_fields
from core.index.dense import EXACT_ROWS
from core.index.lexical import damp_lengths
from core.index.record import Rows, digest_texts
from core.index.segment import Segment, build_segment, merge_segments

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment and its rows that hold.

    Attributes:
        segment: Never empty.
        alive: Which rows hold ``(rows,)``; None for all.
        documents: How many hold.
        terms: The sum of their lengths in terms.
        name: Of the segment's folder; None while it is only in memory and in the journal.
    """

    segment: Segment
    alive: Mask | None
    documents: int
    terms: int
    name: str | None

    @property
    def dead(self) -> int:
        """How many rows hold no more."""
        return len(self.segment) - self.documents

    def rows(self) -> Rows:
        """The rows that hold, ascending."""
        return np.arange(len(self.segment)) if self.alive is None else np.flatnonzero(self.alive)


@dataclass(frozen=True, eq=False)
class View:
    """All parts, the older ones first; an id holds in one row of one part at most."""

    parts: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return sum(part.documents for part in self.parts)

    @cached_property
    def damping(self) -> list[NDArray[np.float32]]:
        """How much the length of each row of each part weighs, computed for the first search."""
        average_length = sum(part.terms for part in self.parts) / max(1, len(self))
        return [damp_lengths(part.segment.postings, average_length) for part in self.parts]

    def locate(self, ids: Sequence[str]) -> list[Rows]:
        """For each part the row in which each id holds ``(ids,)``; -1 where it does not."""
        keys = digest_texts(ids)
        located = []
        for part in self.parts:
            rows = part.segment.records.find(ids, keys)
            if part.alive is not None:
                rows = np.where((rows >= 0) & part.alive[rows], rows, -1)
            located.append(rows)
        return located

    def select(self, chosen: Filter | None) -> list[Mask | None]:
        """For each part the rows that a filter leaves ``(rows,)``; None for all."""
        if chosen is None:
            return [part.alive for part in self.parts]
        masks = [match_fields(p.segment.columns, chosen.fields, len(p.segment)) for p in self.parts]
        masks = [mask if p.alive is None else mask & p.alive for mask, p in zip(masks, self.parts, strict=True)]
        if chosen.allowed is not None:
            named = self._mark(chosen.allowed)
            masks = [mask & names for mask, names in zip(masks, named, strict=True)]
        if chosen.forbidden:
            named = self._mark(chosen.forbidden)
            masks = [mask & ~names for mask, names in zip(masks, named, strict=True)]
        return list(masks)

    def _mark(self, ids: Collection[str]) -> list[Mask]:
        """For each part the rows of some ids ``(rows,)``."""
        marks = []
        for part, rows in zip(self.parts, self.locate(list(ids)), strict=True):
            mark = np.zeros(len(part.segment), dtype=bool)
            mark[rows[rows >= 0]] = True
            marks.append(mark)
        return marks


def make_part(segment: Segment, alive: Mask | None = None, name: str | None = None) -> Part:
    """A part, its documents and terms counted."""
    lengths = segment.postings.lengths if alive is None else segment.postings.lengths[alive]
    return Part(segment, alive, len(lengths), int(lengths.sum(dtype=np.int64)), name)


def apply_change(view: View, change: Change) -> View:
    """The view after a change."""
    gone = [*change.deleted, *(document.id for document in change.documents)]
    struck = [_strike(part, rows) for part, rows in zip(view.parts, view.locate(gone), strict=True)]
    parts = [part for part in struck if part.documents or part.name]
    if change.documents:
        parts.append(make_part(build_segment(change.documents, change.vectors)))
    while len(parts) > 1 and _should_join(*parts[-2:]):
        parts[-2:] = [merge_parts(parts[-2:])]
    return View(tuple(parts))


def merge_parts(parts: Iterable[Part]) -> Part:
    """One part in memory of what holds in several; there must be a row that does."""
    return make_part(merge_segments([(part.segment, part.rows()) for part in parts if part.documents]))


def _should_join(older: Part, newer: Part) -> bool:
    """Whether two parts in memory should be one, so that there are few and each row is copied only a few times."""
    fits = older.documents + newer.documents <= EXACT_ROWS
    return fits and older.name is None and newer.name is None and older.documents <= 2 * newer.documents


def _strike(part: Part, rows: Rows) -> Part:
    """A part without some rows; -1 stands for none."""
    rows = np.unique(rows[rows >= 0])
    if not len(rows):
        return part
    alive = np.ones(len(part.segment), dtype=bool) if part.alive is None else part.alive.copy()
    alive[rows] = False
    terms = int(part.segment.postings.lengths[rows].sum(dtype=np.int64))
    return replace(part, alive=alive, documents=part.documents - len(rows), terms=part.terms - terms)

"""When segments are merged: often the small ones, which takes a moment, and all of them when asked."""

from __future__ import annotations

from collections.abc import Sequence

from core.index.dense import EXACT_ROWS
from core.index.view import Part, View, merge_parts

JOURNAL_ROWS = 2_000  # so many changed documents are read back in about a second
JOURNAL_BYTES = 32 * 1024**2
LIMIT_DEAD_SHARE = 0.25
LIMIT_PARTS = 12


def is_journal_full(rows: int, size_bytes: int) -> bool:
    """Whether what is in the journal should become a segment."""
    return rows > JOURNAL_ROWS or size_bytes > JOURNAL_BYTES


def fold_parts(view: View) -> list[Part]:
    """The parts of a new generation, of which what was in memory becomes one.

    Parts join when the older is at most twice as large, so that there are few, and each row is
    written only a few times. Parts with many rows that no longer hold are written anew. No part
    grows beyond what is searched without inverted lists: making those is left to ``compact``.
    """
    parts: list[Part] = []
    for part in view.parts:
        if not part.documents:
            continue
        is_worn = part.dead > LIMIT_DEAD_SHARE * len(part.segment) and part.documents <= EXACT_ROWS
        parts.append(merge_parts([part]) if is_worn else part)
        while len(parts) > 1 and _may_join(parts[-2], parts[-1]):
            parts[-2:] = [merge_parts(parts[-2:])]
    return parts


def compact_parts(view: View) -> list[Part]:
    """The parts of a new generation: everything in one, without a row that no longer holds."""
    if len(view.parts) == 1 and not view.parts[0].dead:
        return list(view.parts)
    return [merge_parts(view.parts)] if len(view) else []


def advise_compaction(parts: Sequence[Part]) -> str | None:
    """Why ``compact`` would pay, or None."""
    dead, rows = sum(part.dead for part in parts), sum(len(part.segment) for part in parts)
    if dead > LIMIT_DEAD_SHARE * rows:
        return f"{dead:,} of {rows:,} rows no longer hold"
    small = [part for part in parts if len(part.segment) <= EXACT_ROWS]
    if len(parts) > LIMIT_PARTS or sum(part.documents for part in small) > 2 * EXACT_ROWS:
        return f"{len(parts)} segments, {len(small)} of them small"
    return None


def _may_join(older: Part, newer: Part) -> bool:
    if older.documents + newer.documents > EXACT_ROWS:
        return False
    return older.documents <= 2 * newer.documents or (older.name is None and newer.name is None)

"""What a feed gives: batches of records, with a cursor that says how far it was read.

A feed is polled with the cursor of the last batch that was stored, so that a record is lost at no
crash: it is read again, and known by its key if it was stored after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.errors import KitError


class FeedError(KitError):
    """A source cannot be reached or read now; it is asked again later, and stops no other."""


@dataclass(frozen=True, slots=True)
class Record:
    """What came in, and is not yet an item.

    Attributes:
        values: Its column names, or ours, to what stands there.
        place: Where it stood: ``file:line``, a URL, a message's subject and sequence.
    """

    values: Mapping[str, object]
    place: str


@dataclass(frozen=True, slots=True)
class DeadRecord:
    """What came in, and is not even a record.

    Attributes:
        place: Where it stood.
        reason: What is wrong with it.
        raw: Its beginning, as it came.
    """

    place: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look at a feed gave.

    Attributes:
        records: In their order.
        cursor: How far the feed was read when these are stored; opaque to all but the feed.
        is_last: There is nothing more now. An empty batch that is not the last means that the
            feed is still at work.
        acknowledge: To be called when the batch is stored, and only then.
        remove: Numbers of the inbox to be deleted in the transaction that stores the batch.
    """

    records: tuple[Record | DeadRecord, ...]
    cursor: str | None
    is_last: bool
    acknowledge: Callable[[], None] | None = None
    remove: tuple[int, ...] = ()


class Feed(Protocol):
    """Where items come from.

    Attributes:
        name: Tells it from other feeds; stays the same over restarts.
        address: Where it reads, without a password.
        pause_seconds: How long to leave it alone after a batch that was the last, or an error.
    """

    @property
    def name(self) -> str:
        """Tells it from other feeds."""

    @property
    def address(self) -> str:
        """Where it reads, without a password."""

    @property
    def pause_seconds(self) -> float:
        """How long to leave it alone after a batch that was the last, or an error."""

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """What came after a cursor, waiting for a moment at most.

        Args:
            cursor: That of the last batch which was stored; None: from the beginning.
            limit: Most records of the batch.

        Raises:
            FeedError: The source cannot be reached or read now.
        """

    def close(self) -> None:
        """Let go of files, connections and threads."""

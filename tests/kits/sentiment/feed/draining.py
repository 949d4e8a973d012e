"""What several tests of feeds share: reading one to its end."""

from __future__ import annotations

import json

from kits.sentiment.feed import Batch, Feed, Record


def titles(batch: Batch) -> list[object]:
    """The titles of a batch's records, and the reasons of its dead ones."""
    return [record.values["title"] if isinstance(record, Record) else record.reason for record in batch.records]


def drain(feed: Feed, cursor: str | None = None, limit: int = 3) -> tuple[list[object], str | None]:
    """All that a feed has now, in batches that are acknowledged, and the cursor behind it."""
    found: list[object] = []
    while True:
        batch = feed.poll(cursor, limit)
        assert len(batch.records) <= limit
        found += titles(batch)
        cursor = batch.cursor
        if batch.acknowledge is not None:
            batch.acknowledge()
        if batch.is_last:
            return found, cursor


def jsonl(*names: str) -> str:
    """JSON lines with titles."""
    return "".join(json.dumps({"title": name}) + "\n" for name in names)

"""Which of the last texts share a band of their sketch with a new one, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable

LIMIT_BUCKET = 32  # texts of one bucket that are found: the last ones


class Buckets:
    """Numbers of texts by the bands of their sketches.

    Two generations take turns, so that forgetting costs nothing.

    Args:
        limit: Of the texts that are found at least; at most twice as many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[int, int | list[int]] = {}  # most bands are those of one text only
        self._old: dict[int, int | list[int]] = {}
        self._added = 0

    def add(self, bands: Iterable[int], number: int) -> set[int]:
        """Keep a text's number, which is higher than all before it.

        Returns:
            The texts before it that share a band; some may be older than is asked for.
        """
        if self._added == self._limit:
            self._young, self._old, self._added = {}, self._young, 0
        self._added += 1
        found: set[int] = set()
        young, old = self._young, self._old
        for band in bands:
            bucket = young.get(band)
            if bucket is None:
                young[band] = number
                count = 0
            elif isinstance(bucket, int):
                young[band] = [bucket, number]
                found.add(bucket)
                count = 1
            else:
                found.update(bucket[-LIMIT_BUCKET:])
                count = len(bucket)
                bucket.append(number)
                if count == 2 * LIMIT_BUCKET:
                    del bucket[:LIMIT_BUCKET]
            if count < LIMIT_BUCKET and old and (older := old.get(band)) is not None:
                found.update([older] if isinstance(older, int) else older[count - LIMIT_BUCKET :])
        return found

"""A JSONL, CSV or TSV file as a feed: once, or followed like ``tail -F``.

It may be renamed, replaced, truncated or rewritten at any time, also while nobody looks: a file is
known by its number and by the bytes before the place that was reached, not by its name alone.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import BinaryIO

from core.data.source import TEXT_ENDINGS, check_file
from core.errors import DataError
from kits.sentiment.feed.record import Batch, FeedError
from kits.sentiment.feed.tail import Position, is_same_file, load_position, read_piece

PAUSE_SECONDS = 0.2
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
logger = logging.getLogger("fieldkits")


class FileFeed:
    """The records of one file.

    Args:
        path: The file; in ``follow`` it may come to be later.
        follow: Go on for ever, also over rotation; otherwise read what is there.
    """

    pause_seconds = PAUSE_SECONDS

    def __init__(self, path: Path, *, follow: bool) -> None:
        self.name = self.address = str(path)
        self._path, self._follow = path, follow
        self._file: BinaryIO | None = None

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Read on behind the cursor.

        Raises:
            FeedError: The file is missing, is no text table, or cannot be read.
        """
        try:
            return self._poll(cursor, limit)
        except OSError as error:
            self.close()
            raise FeedError(f"cannot be read ({error.strerror or error})", where=self.address) from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _poll(self, cursor: str | None, limit: int) -> Batch:
        file, position = self._find(cursor)
        successor = self._successor(position) if self._follow else None
        is_final = not self._follow or successor is not None
        piece = read_piece(file, self._path, position, limit, is_final=is_final)
        position, is_last = piece.position, piece.is_end
        if piece.is_end and successor is not None:  # rotated, and this one is read to its end
            self.close()
            position, is_last = Position(successor.stat().st_ino), False
        return Batch(piece.records, position.dump(), is_last)

    def _find(self, cursor: str | None) -> tuple[BinaryIO, Position]:
        """The file in which the cursor stands, open, and the position in it."""
        position = load_position(cursor) if cursor else None
        if self._file is None and position is not None:
            self._file = self._open_number(position.inode)
        if self._file is None:
            self._file = self._open(self._path)
        if position is None or not is_same_file(self._file, position):
            if position is not None and position.offset:
                logger.warning("%s was rewritten or rotated away: read from its beginning", self._path)
                self.close()
                self._file = self._open(self._path)
            position = Position(os.fstat(self._file.fileno()).st_ino)
        return self._file, position

    def _open(self, path: Path) -> BinaryIO:
        try:
            if path.suffix.lower() == self._path.suffix.lower():
                check_file(path)
        except DataError as error:
            raise FeedError(error.what, where=error.where, expected=error.expected, fix=error.fix) from None
        if self._path.suffix.lower() not in TEXT_ENDINGS:
            raise FeedError("is no text table", where=str(path), expected=" ".join(TEXT_ENDINGS))
        return path.open("rb")

    def _open_number(self, inode: int) -> BinaryIO | None:
        """The file with a number: under its own name, or under the one that rotation gave it."""
        for path in (self._path, *self._rotated()):
            try:
                if path.stat().st_ino == inode:
                    return self._open(path)
            except FileNotFoundError:
                continue
        return None

    def _rotated(self) -> list[Path]:
        """Files that the file became on rotation: ``news.jsonl.1``, ``news.jsonl-20250301``."""
        names = (entry for entry in self._path.parent.glob(f"{_quote(self._path.name)}[.-]*") if entry.is_file())
        return [path for path in names if path.suffix.lower() not in PACKED]

    def _successor(self, position: Position) -> Path | None:
        """Where to go on when the file is no longer the one of its name; None if it is, or is empty."""
        try:
            current = self._path.stat()
        except FileNotFoundError:
            return None
        if current.st_ino == position.inode or not current.st_size or self._file is None:
            return None
        changed = os.fstat(self._file.fileno()).st_mtime_ns
        between = [(path.stat().st_mtime_ns, path) for path in self._rotated()]
        between = [(at, path) for at, path in between if changed < at <= current.st_mtime_ns]
        return min(between)[1] if between else self._path


def _quote(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "[?*" else letter for letter in name)

"""A folder as a feed: every JSONL, CSV or TSV file in it, and every one that is put there later.

Files are read in the order in which they came or changed, each from where it was left. One that
cannot be read is one dead record. What lies in folders inside is not read.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from core.data.source import TEXT_ENDINGS, check_file
from core.errors import KitError
from kits.sentiment.feed.record import Batch, DeadRecord, FeedError, Record
from kits.sentiment.feed.tail import Position, is_same_file, read_piece

PAUSE_SECONDS = 1.0
SETTLE_SECONDS = 60.0
LIMIT_FILES = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of a file.

    Attributes:
        changed: Its change time in nanoseconds when it was read: a rename or a write sets another.
        is_done: It was read to its end.
        position: How far it was read.
    """

    changed: int
    is_done: bool
    position: Position


class FolderFeed:
    """The records of the files in a folder.

    Args:
        path: The folder.
        follow: Go on for ever; a file's last line without an end counts once the file has been at
            rest for a minute. Otherwise read what is there.
        now: The time in seconds since 1970.
    """

    pause_seconds = PAUSE_SECONDS

    def __init__(self, path: Path, *, follow: bool, now: Callable[[], float] = time.time) -> None:
        self.name = self.address = str(path)
        self._path, self._follow, self._now = path, follow, now

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Read on in the files that have something new.

        Raises:
            FeedError: The folder cannot be listed.
        """
        until, entries = _load(cursor)
        try:
            files = self._list()
        except OSError as error:
            raise FeedError(f"cannot be listed ({error.strerror or error})", where=self.address) from None
        entries = {name: entry for name, entry in entries.items() if name in files}
        records: list[Record | DeadRecord] = []
        is_last = True
        for name, changed in sorted(files.items(), key=lambda file: (file[1], file[0])):
            known = entries.get(name)
            if (changed <= until) if known is None else (known.is_done and known.changed == changed):
                continue
            if len(records) >= limit:
                is_last = False
                break
            found, entries[name], is_end = self._read(name, changed, known, limit - len(records))
            records += found
            is_last = is_last and is_end
        sure = int((self._now() - SETTLE_SECONDS) * 1e9)  # a file of the same instant may still appear
        unread = (changed for name, changed in files.items() if name not in entries and changed > until)
        return Batch(tuple(records), _dump(until, entries, min([sure, *unread])), is_last)

    def close(self) -> None:
        """Nothing stays open."""

    def _list(self) -> dict[str, int]:
        """The files to be read, with the time of their last change."""
        files: dict[str, int] = {}
        with os.scandir(self._path) as found:
            for entry in found:
                if Path(entry.name).suffix.lower() in TEXT_ENDINGS and not entry.name.startswith("."):
                    files.update(_stat(entry))
        return files

    def _read(
        self, name: str, changed: int, known: _Entry | None, limit: int
    ) -> tuple[tuple[Record | DeadRecord, ...], _Entry, bool]:
        """What is new in a file, what is known of it then, and whether that was all."""
        path = self._path / name
        position = Position(0) if known is None else known.position
        try:
            check_file(path)
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if not is_same_file(file, position):
                    position = Position(status.st_ino)
                is_final = not self._follow or self._now() - changed / 1e9 >= SETTLE_SECONDS
                piece = read_piece(file, path, position, limit, is_final=is_final)
        except FileNotFoundError:  # taken away in between
            return (), _Entry(changed, True, position), True
        except (KitError, OSError) as error:
            reason = error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)
            return (DeadRecord(str(path), reason, ""),), _Entry(changed, True, position), True
        is_done = piece.is_end and (is_final or piece.position.offset >= status.st_size)
        return piece.records, _Entry(changed, is_done, piece.position), piece.is_end


def _stat(entry: os.DirEntry[str]) -> Iterator[tuple[str, int]]:
    try:
        if entry.is_file():
            yield entry.name, entry.stat().st_ctime_ns
    except FileNotFoundError:  # taken away in between
        return


def _load(cursor: str | None) -> tuple[int, dict[str, _Entry]]:
    """The time up to which all files that are not listed were read, and those that are listed."""
    try:
        state = json.loads(cursor or "null") or {"until": 0, "files": {}}
        files = {
            name: _Entry(changed, is_done, Position(**position))
            for name, (changed, is_done, position) in state["files"].items()
        }
        return int(state["until"]), files
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0, {}


def _dump(until: int, entries: dict[str, _Entry], sure: int) -> str:
    """The cursor: the files that changed last one by one, those before ``sure`` by the time of their change."""
    names = sorted(entries, key=lambda name: entries[name].changed)
    for name in names[: max(0, len(names) - LIMIT_FILES)]:
        if entries[name].is_done and entries[name].changed < sure:
            until = max(until, entries.pop(name).changed)
    files = {name: [e.changed, e.is_done, asdict(e.position)] for name, e in entries.items()}
    return json.dumps({"until": until, "files": files}, separators=(",", ":"))

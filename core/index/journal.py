"""Changes since the last generation, appended one by one and each of them safe once it is noted.

A journal begins with its name and two notes of how far it is known to be good; the notes are
written in turn, so that one is whole at any moment. Behind them stand the records: a length, a
sha256 that also covers the sha256 before it, and the change. When a record is broken, the notes tell
which of two things happened: beyond what was noted, a write was cut off by a crash and never
confirmed, and reading ends before it; up to there, a confirmed change was damaged, and that is an
error.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import StoreError
from core.index.change import Change, decode_change, encode_change
from core.index.durable import COPY_AGAIN, replace_file

_DIGEST_BYTES, _NUMBER_BYTES = 32, 8
_TITLE_BYTES = 32
_NOTE_BYTES = 2 * _NUMBER_BYTES + 2 * _DIGEST_BYTES
_BEGIN = _TITLE_BYTES + 2 * _NOTE_BYTES
_HEAD_BYTES = _NUMBER_BYTES + _DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a journal, right behind a record.

    Attributes:
        records: How many stand before it.
        offset: In bytes, from the beginning of the file.
        digest: Of the record before it; of the title at the beginning.
    """

    records: int
    offset: int
    digest: bytes


def create_journal(file: Path, generation: int) -> Mark:
    """Write an empty journal; returns where its first record will stand."""
    title = _title(generation)
    start = Mark(0, _BEGIN, hashlib.sha256(title).digest())
    replace_file(file, title + 2 * _encode_note(start))
    return start


def read_journal(file: Path, generation: int, after: Mark | None = None) -> tuple[list[Change], Mark]:
    """Read the changes behind a mark, and where they end.

    Raises:
        StoreError: The journal is damaged.
        FileNotFoundError: It is not there.
    """
    data = file.read_bytes()
    title = _title(generation)
    notes = [_decode_note(data[_TITLE_BYTES + n * _NOTE_BYTES :][:_NOTE_BYTES]) for n in range(2)]
    known = [note for note in notes if note]
    if file.is_symlink() or data[:_TITLE_BYTES] != title or not known:
        raise _damage(file)
    good = max(known, key=lambda note: note.records)
    mark = after or Mark(0, _BEGIN, hashlib.sha256(title).digest())
    changes = []
    while record := _read_record(data, mark):
        change, mark = record
        changes.append(change)
        if mark.records == good.records and mark != good:
            raise _damage(file)
    if mark.records < good.records:
        raise _damage(file)
    return changes, mark


class JournalWriter:
    """Appends to a journal.

    Args:
        file: The journal.
        end: Behind its last good record; what stands there is an unconfirmed rest and is cut off.
    """

    def __init__(self, file: Path, end: Mark) -> None:
        self._descriptor = os.open(file, os.O_RDWR)
        self.end = end
        os.ftruncate(self._descriptor, end.offset)
        self._note()

    def append(self, change: Change) -> None:
        """Write a change and bring it to the disk. When this returns, it is kept."""
        payload = encode_change(change)
        digest = _digest(self.end, payload)
        record = len(payload).to_bytes(_NUMBER_BYTES, "little") + digest + payload
        _write_all(self._descriptor, record, self.end.offset)
        os.fsync(self._descriptor)
        self.end = Mark(self.end.records + 1, self.end.offset + len(record), digest)
        self._note()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _note(self) -> None:
        """Say how far the journal is good. Not synced: a note that is lost says less, never anything wrong."""
        place = _TITLE_BYTES + self.end.records % 2 * _NOTE_BYTES
        _write_all(self._descriptor, _encode_note(self.end), place)


def _read_record(data: bytes, mark: Mark) -> tuple[Change, Mark] | None:
    """The record behind a mark and where it ends; None when it is not whole."""
    head = data[mark.offset :][:_HEAD_BYTES]
    begin = mark.offset + _HEAD_BYTES
    payload = data[begin : begin + int.from_bytes(head[:_NUMBER_BYTES], "little")]
    digest = _digest(mark, payload)
    if head != len(payload).to_bytes(_NUMBER_BYTES, "little") + digest:
        return None
    return decode_change(payload), Mark(mark.records + 1, begin + len(payload), digest)


def _digest(before: Mark, payload: bytes) -> bytes:
    return hashlib.sha256(before.digest + payload).digest()


def _title(generation: int) -> bytes:
    return f"fieldkits journal {generation:>13}\n".encode()


def _encode_note(mark: Mark) -> bytes:
    numbers = (mark.records, mark.offset)
    content = b"".join(number.to_bytes(_NUMBER_BYTES, "little") for number in numbers) + mark.digest
    return content + hashlib.sha256(content).digest()


def _decode_note(note: bytes) -> Mark | None:
    """The mark of a note; None when it is not whole."""
    content = note[:-_DIGEST_BYTES]
    if len(note) < _NOTE_BYTES or hashlib.sha256(content).digest() != note[-_DIGEST_BYTES:]:
        return None
    records, offset = (int.from_bytes(content[at : at + _NUMBER_BYTES], "little") for at in (0, _NUMBER_BYTES))
    return Mark(records, offset, content[2 * _NUMBER_BYTES :])


def _write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = memoryview(data)[written:], offset + written


def _damage(file: Path) -> StoreError:
    return StoreError("the journal of changes is damaged", where=str(file), fix=COPY_AGAIN)

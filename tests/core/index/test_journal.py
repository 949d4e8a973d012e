from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import StoreError
from core.index.change import Change
from core.index.document import Document
from core.index.journal import JournalWriter, create_journal, read_journal
from tests.core.index.oracle import overwrite

NOTE_BYTES = 80


def change(number: int) -> Change:
    return Change([Document(f"d{number}", "late fee")], np.ones((1, 2), dtype=np.float32))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with three changes."""
    file = tmp_path / "journal"
    writer = JournalWriter(file, create_journal(file, 7))
    for number in range(3):
        writer.append(change(number))
    writer.close()
    return file


def names(changes: list[Change]) -> list[str]:
    return [one.documents[0].id for one in changes]


def test_changes_come_back_in_order_and_can_be_continued(journal: Path) -> None:
    changes, end = read_journal(journal, 7)
    assert names(changes) == ["d0", "d1", "d2"]
    writer = JournalWriter(journal, end)
    writer.append(change(3))
    writer.close()
    assert names(read_journal(journal, 7)[0]) == ["d0", "d1", "d2", "d3"]
    assert names(read_journal(journal, 7, after=end)[0]) == ["d3"]


def test_write_that_was_cut_off_is_dropped_at_every_length(journal: Path) -> None:
    """Everything that a killed process may leave of a fourth record, which nobody was told of."""
    _, end = read_journal(journal, 7)
    confirmed = journal.read_bytes()
    writer = JournalWriter(journal, end)
    writer.append(change(3))
    writer.close()
    whole = journal.read_bytes()
    for size in range(end.offset, len(whole)):
        overwrite(journal, confirmed[: end.offset] + whole[end.offset : size])
        changes, found = read_journal(journal, 7)
        assert (names(changes), found) == (["d0", "d1", "d2"], end)
    overwrite(journal, confirmed[: end.offset] + whole[end.offset :])  # whole, only never confirmed
    assert names(read_journal(journal, 7)[0]) == ["d0", "d1", "d2", "d3"]


def test_rest_of_a_cut_off_write_does_not_harm_the_next(journal: Path) -> None:
    with journal.open("ab") as stream:
        stream.write(b"\x09" * 100)
    changes, end = read_journal(journal, 7)
    writer = JournalWriter(journal, end)
    writer.append(change(3))
    writer.close()
    assert names(read_journal(journal, 7)[0]) == [*names(changes), "d3"]


def test_flipped_bit_anywhere_is_an_error_or_changes_nothing(journal: Path) -> None:
    whole = journal.read_bytes()
    errors = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        overwrite(journal, damaged)
        try:
            changes, _ = read_journal(journal, 7)
        except StoreError:
            errors += 1
        else:
            assert names(changes) == ["d0", "d1", "d2"]
    assert errors > len(whole) - 250  # all but the two notes, of which one is enough


def test_shortened_journal_is_an_error_at_every_length(journal: Path) -> None:
    whole = journal.read_bytes()
    for size in range(len(whole)):
        overwrite(journal, whole[:size])
        with pytest.raises(StoreError, match="damaged"):
            read_journal(journal, 7)


def test_journal_of_another_generation_is_refused(journal: Path) -> None:
    with pytest.raises(StoreError, match="damaged"):
        read_journal(journal, 8)


def test_records_of_another_journal_do_not_fit(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    writer = JournalWriter(other, create_journal(other, 7))
    writer.append(change(9))
    writer.close()
    start = create_journal(tmp_path / "empty", 7).offset
    overwrite(journal, journal.read_bytes()[:start] + other.read_bytes()[start:])
    with pytest.raises(StoreError, match="damaged"):
        read_journal(journal, 7)


def test_records_in_another_order_are_damage(journal: Path, tmp_path: Path) -> None:
    whole, start = journal.read_bytes(), create_journal(tmp_path / "empty", 7).offset
    size = (len(whole) - start) // 3
    records = [whole[start + number * size :][:size] for number in range(3)]
    for order in ((1, 0, 2), (0, 2, 1), (0, 0, 2)):
        overwrite(journal, whole[:start] + b"".join(records[number] for number in order))
        with pytest.raises(StoreError, match="damaged"):
            read_journal(journal, 7)


def test_note_before_the_last_still_guards_when_the_last_was_not_written_whole(journal: Path, tmp_path: Path) -> None:
    whole, start = journal.read_bytes(), create_journal(tmp_path / "empty", 7).offset
    size = (len(whole) - start) // 3
    last_note = slice(start - NOTE_BYTES, start)  # of an odd number of records
    torn = whole[: last_note.start] + bytes(NOTE_BYTES) + whole[last_note.stop :]
    overwrite(journal, torn[: start + 2 * size])
    assert names(read_journal(journal, 7)[0]) == ["d0", "d1"]
    overwrite(journal, torn[: start + size])
    with pytest.raises(StoreError, match="damaged"):
        read_journal(journal, 7)


def test_link_is_not_followed(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(journal)
    with pytest.raises(StoreError):
        read_journal(tmp_path / "link", 7)

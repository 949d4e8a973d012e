from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import StoreError
from core.index import archive, plan, segment
from core.index.archive import load_state
from core.index.document import Document
from core.index.index import Index, open_index
from core.index.writer import Writer, open_writer
from tests.core.index.oracle import make_documents, make_vectors, overwrite

STEPS = 5


class CutShortError(BaseException):
    """Stands for the end of the process."""


def write(writer: Writer, step: int) -> None:
    """One of a few steps of different kinds; each changes what the index holds."""
    numbers = range(step * 3, step * 3 + 5)
    writer.change(make_documents(numbers, step), make_vectors(5, step), [f"id {step} 号", f"id {step + 7} 号"])
    if step == 3:
        writer.compact()


def content(index: Index) -> dict[str, tuple[Document, bytes]]:
    documents = list(index.documents())
    vectors = index.vectors([document.id for document in documents])
    return {d.id: (d, vector.tobytes()) for d, vector in zip(documents, vectors, strict=True)}


@pytest.fixture
def small_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every second change fill the journal."""
    monkeypatch.setattr(plan, "JOURNAL_ROWS", 8)


@pytest.fixture
def folder(tmp_path: Path, small_journal: None) -> Path:
    """An index with two segments, one of them with tombstones, and a change in the journal."""
    with open_writer(tmp_path / "index", dimension=8) as writer:
        writer.put(make_documents(range(100), 1), make_vectors(100, 1))
        writer.put(make_documents(range(98, 108), 2), make_vectors(10, 2))
        writer.put(make_documents(range(4), 3), make_vectors(4, 3))
    state = load_state(tmp_path / "index")
    assert [part.name is None for part in state.view.parts] == [False, False, True]
    assert state.manifest.segments[0].tombstones
    return tmp_path / "index"


def count_calls(patch: pytest.MonkeyPatch, limit: int | None) -> list[str]:
    """Note every step towards the disk; the one after ``limit`` of them is the end of the process."""
    calls: list[str] = []

    def watch(place: object, name: str) -> None:
        original: Callable[..., object] = getattr(place, name)

        def watched(*arguments: object, **options: object) -> object:
            if limit is not None and len(calls) >= limit:
                raise CutShortError
            calls.append(name)
            return original(*arguments, **options)

        patch.setattr(place, name, watched)

    for place, name in (
        (os, "fsync"), (os, "replace"), (os, "pwrite"), (os, "ftruncate"), (np, "save"), (Path, "write_bytes"),
        (Path, "mkdir"), (Path, "unlink"), (segment, "write_vectors"), (shutil, "rmtree"),
    ):  # fmt: skip
        watch(place, name)
    return calls


@pytest.mark.usefixtures("small_journal")
def test_process_that_ends_at_any_step_leaves_the_state_before_or_after_the_change(tmp_path: Path) -> None:
    states: list[dict[str, tuple[Document, bytes]]] = [{}]
    with open_writer(tmp_path / "whole", dimension=8) as writer:
        for step in range(STEPS):
            write(writer, step)
            states.append(content(writer.index))
    before = tmp_path / "before"
    for step in range(STEPS):
        limit, is_done = 0, False
        while not is_done:
            folder = tmp_path / f"{step}-{limit}"
            shutil.copytree(before, folder) if step else None
            with open_writer(folder, dimension=8) as writer, pytest.MonkeyPatch.context() as patch:
                count_calls(patch, limit)
                try:
                    write(writer, step)
                    is_done = True
                except CutShortError:
                    pass
            assert content(open_index(folder)) in states[step : step + 2]
            with open_writer(folder, dimension=8) as writer:  # goes on, and leaves no rest behind
                write(writer, step)
                assert content(writer.index) == states[step + 1]
                assert {path.name for path in folder.iterdir()} == writer.index.state.manifest.names() | {"lock"}
            limit += 1
        assert limit > 3
        with open_writer(before, dimension=8) as writer:
            write(writer, step)


@pytest.mark.usefixtures("small_journal")
def test_process_that_ends_while_it_makes_an_index_leaves_a_folder_that_becomes_one(tmp_path: Path) -> None:
    limit, is_done = 0, False
    while not is_done:
        with pytest.MonkeyPatch.context() as patch:
            count_calls(patch, limit)
            try:
                open_writer(tmp_path / str(limit), dimension=8).close()
                is_done = True
            except CutShortError:
                pass
        with open_writer(tmp_path / str(limit), dimension=8) as writer:
            assert len(writer.index) == 0
        limit += 1


def test_flipped_bit_in_any_file_is_found_when_the_index_is_opened(folder: Path) -> None:
    before = content(open_index(folder))
    random = np.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    assert len(files) > 30
    for file in files:
        whole = file.read_bytes()
        for place in random.integers(len(whole), size=6):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << int(random.integers(8))
            overwrite(file, damaged)
            try:
                found = content(open_index(folder))
            except StoreError:
                continue
            assert file.name.startswith("journal-")  # one of its two notes, of which one is enough
            assert found == before
        overwrite(file, whole)
    assert content(open_index(folder)) == before


def test_shortened_or_missing_file_is_found_when_the_index_is_opened(folder: Path) -> None:
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock"):
        whole = file.read_bytes()
        overwrite(file, whole[: len(whole) // 2])
        with pytest.raises(StoreError):
            open_index(folder)
        file.unlink()
        with pytest.raises(StoreError):
            open_index(folder)
        file.write_bytes(whole)
    open_index(folder)


def test_link_in_the_place_of_a_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    file = next(folder.glob("segment-*/documents.jsonl"))
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="never holds links"):
        open_index(folder)


def test_reader_that_opens_while_a_writer_switches_sees_a_whole_state(folder: Path) -> None:
    """The generation that the reader begins with is removed when it comes to its files."""
    before = content(open_index(folder))
    original, is_first = archive.read_segment, [True]

    def remove_meanwhile(*arguments: object) -> object:
        if is_first.pop() if is_first else False:
            with open_writer(folder, dimension=8) as writer:
                writer.compact()
        return original(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "read_segment", remove_meanwhile)
        assert content(open_index(folder)) == before


def test_refresh_keeps_segments_that_have_not_changed(folder: Path) -> None:
    reader = open_index(folder)
    [first, *_] = reader.state.view.parts
    with open_writer(folder, dimension=8) as writer:
        writer.put(make_documents(range(110, 120), 2), make_vectors(10, 2))
    with pytest.MonkeyPatch.context() as patch:
        read: list[str] = []
        original = archive.read_segment
        patch.setattr(archive, "read_segment", lambda path, files: read.append(path.name) or original(path, files))
        assert reader.refresh()
    assert reader.state.view.parts[0].segment is first.segment
    assert first.name not in read
    assert not reader.refresh()


def test_refresh_of_a_folder_that_was_made_anew_does_not_mix_both(folder: Path, tmp_path: Path) -> None:
    reader = open_index(folder)
    folder.rename(tmp_path / "old")
    with open_writer(folder, dimension=8) as writer:
        writer.put(make_documents(range(100), 5), make_vectors(100, 5))
        writer.put(make_documents(range(98, 108), 6), make_vectors(10, 6))
        expected = content(writer.index)
        names = {part.name for part in writer.index.state.view.parts}
    assert names & {part.name for part in reader.state.view.parts}
    reader.refresh()
    assert content(reader) == expected


def test_refresh_while_a_change_is_being_written_sees_the_state_before_it(folder: Path) -> None:
    reader = open_index(folder)
    journal = folder / reader.state.manifest.journal
    with journal.open("ab") as stream:
        stream.write(b"\x09\x00")
    assert not reader.refresh()
    assert len(open_index(folder)) == len(reader)


def test_refresh_of_a_damaged_index_fails_and_the_reader_goes_on_with_what_it_has(folder: Path) -> None:
    reader = open_index(folder)
    before = content(reader)
    manifest = folder / "manifest.json"
    overwrite(manifest, manifest.read_bytes()[:-9])
    with pytest.raises(StoreError):
        reader.refresh()
    assert content(reader) == before

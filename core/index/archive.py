"""An index in its folder: one generation at a time, and the journal of what came since.

A switch writes new files beside the old ones, then replaces the manifest, and only then removes what
it no longer names. A crash before the switch leaves the former generation, a crash after it the new one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import StoreError
from core.index.change import combine_changes
from core.index.durable import COPY_AGAIN, measure_file, sync_path, verify_file
from core.index.journal import Mark, create_journal, read_journal
from core.index.manifest import Manifest, SegmentEntry, read_manifest, write_manifest
from core.index.segment import map_segment, read_segment, write_segment
from core.index.view import Part, View, apply_change, make_part

LOCK = "lock"
OURS = re.compile(r"(segment|journal|tombstones)-\d{8}.*|manifest\.json\.partial")
ATTEMPTS = 10


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """An index as it was read.

    Attributes:
        manifest: Its generation.
        mark: How far the journal has been read.
        view: What both amount to.
    """

    manifest: Manifest
    mark: Mark
    view: View


def load_state(folder: Path, before: State | None = None) -> State:
    """Read the generation that stands, and the changes since.

    Args:
        folder: The index.
        before: An older state, whose segments need not be read and verified again.

    Raises:
        StoreError: There is no index, a file is missing or damaged.
    """
    for _ in range(ATTEMPTS):
        manifest = read_manifest(folder)
        try:
            return _load(folder, manifest, before)
        except FileNotFoundError as error:  # removed by a writer that has switched meanwhile, or lost
            missing = error.filename
            if read_manifest(folder) == manifest:
                break
    raise StoreError("a file of the index is missing", where=str(missing), fix=COPY_AGAIN)


def advance_state(folder: Path, state: State) -> State:
    """The state as it is now; the same object where nothing has changed.

    Raises:
        StoreError: A file is missing or damaged.
    """
    journal = folder / state.manifest.journal
    with suppress(FileNotFoundError):
        if read_manifest(folder) == state.manifest:
            if journal.stat().st_size == state.mark.offset:
                return state
            changes, mark = read_journal(journal, state.manifest.generation, after=state.mark)
            if not changes:  # what stands behind the mark is not whole yet
                return state
            return State(state.manifest, mark, apply_change(state.view, combine_changes(changes)))
    return load_state(folder, state)


def switch_state(folder: Path, manifest: Manifest, parts: Sequence[Part]) -> State:
    """Write parts as the generation after ``manifest``, and go over to it.

    Args:
        folder: The index.
        manifest: The generation that stands.
        parts: What the new one holds; those without a name are written, the others stay where they are.
    """
    generation = manifest.generation + 1
    entries, written = [], []
    former = {entry.name: entry for entry in manifest.segments}
    for number, part in enumerate(parts):
        if part.name is None:
            entry, part = _write_part(folder, part, f"segment-{generation:08d}-{number}")
        else:
            entry = replace(former[part.name], tombstones=None, tombstones_facts=None)
        if part.alive is not None:
            file = folder / f"tombstones-{generation:08d}-{number}.npy"
            np.save(file, np.packbits(~part.alive), allow_pickle=False)
            sync_path(file)
            entry = replace(entry, tombstones=file.name, tombstones_facts=measure_file(file))
        entries.append(entry)
        written.append(part)
    switched = replace(manifest, generation=generation, segments=tuple(entries))
    mark = create_journal(folder / switched.journal, generation)
    write_manifest(folder, switched)
    sweep_folder(folder, switched)
    return State(switched, mark, View(tuple(written)))


def sweep_folder(folder: Path, manifest: Manifest) -> None:
    """Remove files of other generations and of attempts that were cut short."""
    kept = manifest.names()
    for path in folder.iterdir():
        if path.name not in kept and OURS.fullmatch(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _write_part(folder: Path, part: Part, name: str) -> tuple[SegmentEntry, Part]:
    """Write a part's segment; returns it as it is mapped from its file, which needs no memory."""
    files = write_segment(part.segment, folder / name)
    return SegmentEntry(name, files), replace(part, segment=map_segment(folder / name), name=name)


def _load(folder: Path, manifest: Manifest, before: State | None) -> State:
    former = {entry.name: entry.files for entry in before.manifest.segments} if before else {}
    known = {part.name: part.segment for part in before.view.parts} if before else {}
    parts = []
    for entry in manifest.segments:
        is_known = entry.name in known and former.get(entry.name) == entry.files
        segment = known[entry.name] if is_known else read_segment(folder / entry.name, entry.files)
        parts.append(make_part(segment, _read_alive(folder, entry, len(segment)), entry.name))
    changes, mark = read_journal(folder / manifest.journal, manifest.generation)
    return State(manifest, mark, apply_change(View(tuple(parts)), combine_changes(changes)))


def _read_alive(folder: Path, entry: SegmentEntry, rows: int) -> NDArray[np.bool_] | None:
    if entry.tombstones is None or entry.tombstones_facts is None:
        return None
    verify_file(folder / entry.tombstones, entry.tombstones_facts)
    packed = np.load(folder / entry.tombstones, allow_pickle=False)
    return ~np.unpackbits(packed, count=rows).astype(bool)

"""Writing an index: one writer at a time, and every change is kept when the call returns.

A small change is appended to the journal. When that has grown, or with a large change, a new
generation is written: what was in memory becomes a segment. ``compact`` makes one segment of all.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError, DataError, StoreError
from core.index.archive import LOCK, OURS, State, load_state, sweep_folder, switch_state
from core.index.change import Change
from core.index.dense import Matrix, unit_vectors
from core.index.document import Document, check_documents
from core.index.durable import sync_path
from core.index.index import Index
from core.index.journal import JournalWriter, create_journal
from core.index.manifest import MANIFEST, Manifest, write_manifest
from core.index.plan import advise_compaction, compact_parts, fold_parts, is_journal_full
from core.index.view import Part, apply_change

POLL_SECONDS = 0.05


class Writer:
    """The one that may change an index. Its methods may be called by many threads; searches never wait for them.

    Args:
        folder: Where the index lies.
        lock: Descriptor of the locked file; closed with the writer.
        state: What was read of the index.

    Attributes:
        index: For searching; shows every change as soon as it is kept.
    """

    def __init__(self, folder: Path, lock: int, state: State) -> None:
        self.folder, self.index = folder, Index(folder, state)
        self._lock, self._turn, self._is_usable = lock, threading.RLock(), True
        self._journal = JournalWriter(folder / state.manifest.journal, state.mark)
        self._rows = sum(part.documents for part in state.view.parts if part.name is None)

    def put(self, documents: Sequence[Document], vectors: NDArray[np.floating] | None = None) -> None:
        """Add documents; one with an id that is there takes the place of the old one."""
        self.change(documents, vectors)

    def delete(self, ids: Sequence[str]) -> int:
        """Take documents out; returns how many of the ids there were.

        They are found no more; from the disk they go with the next compaction.
        """
        return self.change(deleted=ids)

    def change(
        self,
        documents: Sequence[Document] = (),
        vectors: NDArray[np.floating] | None = None,
        deleted: Sequence[str] = (),
    ) -> int:
        """Delete ids and put documents in one step: after a crash both are done or neither is.

        Args:
            documents: What comes; one with an id that is there takes the place of the old one.
            vectors: Theirs ``(documents, dimension)``; made to length 1. None in an index without.
            deleted: What goes; ids that are not there are passed over.

        Returns:
            How many of the deleted ids there were.

        Raises:
            DataError: A document or vector cannot be kept; nothing was changed.
            StoreError: It could not be written; whether it was kept after all is seen when the index is opened again.
        """
        check_documents(documents)
        change = Change(documents, self._check_vectors(documents, vectors), tuple(dict.fromkeys(deleted)))
        with self._writing():
            view = self.index.state.view
            known = np.max([rows >= 0 for rows in view.locate(change.deleted)], axis=0, initial=False)
            removed = int(np.count_nonzero(known))
            if not documents and not removed:
                return 0
            changed = apply_change(view, change)
            self._rows += len(documents) + removed
            if is_journal_full(self._rows, self._journal.end.offset):
                self._switch(fold_parts(changed))
            else:
                self._journal.append(change)
                self.index.state = State(self.index.state.manifest, self._journal.end, changed)
            return removed

    def compact(self) -> bool:
        """Make one segment of everything, without the rows that no longer hold.

        Changes wait for it; searches do not. False where nothing was to be done.
        """
        with self._writing():
            view = self.index.state.view
            parts = compact_parts(view)
            if list(view.parts) == parts and self._journal.end.records == 0:
                return False
            self._switch(parts)
            return True

    def maintain(self) -> str | None:
        """Compact if that pays; returns why it did, else None. For a task that runs now and then."""
        advice = advise_compaction(self.index.state.view.parts)
        return advice if advice and self.compact() else None

    def close(self) -> None:
        """Let the next writer in. Nothing has to be saved: every change has been."""
        with self._turn:
            if self._lock >= 0:
                self._journal.close()
                os.close(self._lock)
            self._lock, self._is_usable = -1, False

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_vectors(self, documents: Sequence[Document], vectors: NDArray[np.floating] | None) -> Matrix:
        dimension = self.index.dimension
        if (vectors is not None) != bool(dimension) and len(documents):
            expected = f"vectors of {dimension} dimensions" if dimension else "documents without vectors"
            raise DataError("documents and vectors do not belong together", expected=expected)
        if vectors is None or not dimension:
            return np.zeros((len(documents), 0), dtype=np.float32)
        if len(vectors) != len(documents):
            raise DataError("not one vector for each document", got=len(vectors), expected=str(len(documents)))
        return unit_vectors(vectors, dimension)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One thread at a time; what fails half-way leaves a writer that refuses to go on."""
        with self._turn:
            if not self._is_usable:
                fix = "open a new writer"
                raise StoreError("the writer was closed, or could not write", where=str(self.folder), fix=fix)
            self._is_usable = False
            try:
                yield
            except OSError as error:
                what = f"the change could not be written: {error.strerror}"
                raise StoreError(what, where=str(self.folder), fix="open a new writer when there is room") from error
            self._is_usable = True

    def _switch(self, parts: Sequence[Part]) -> None:
        state = switch_state(self.folder, self.index.state.manifest, parts)
        journal = JournalWriter(self.folder / state.manifest.journal, state.mark)
        self._journal.close()
        self._journal, self._rows, self.index.state = journal, 0, state


def open_writer(folder: Path, *, dimension: int, encoder: str = "", wait_seconds: float = 0.0) -> Writer:
    """Open an index for writing; an empty or absent folder becomes one.

    Args:
        folder: Where the index lies.
        dimension: Of the vectors; 0 for an index of texts only.
        encoder: What makes the vectors, for example the version of a model: vectors of two encoders
            must never meet in one index.
        wait_seconds: How long to wait for another writer to finish.

    Raises:
        ConfigError: The folder holds something else, or an index of another dimension or encoder.
        StoreError: Another process writes, or the index is damaged.
    """
    _check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(folder / LOCK, wait_seconds)
    try:
        if not (folder / MANIFEST).exists():
            _create(folder, Manifest(1, dimension, encoder))
        state = load_state(folder)
        kept = state.manifest
        if (kept.dimension, kept.encoder) != (dimension, encoder):
            raise ConfigError(
                "the index was made for other vectors",
                where=str(folder),
                got=f"{dimension} dimensions of {encoder!r}",
                expected=f"{kept.dimension} of {kept.encoder!r}",
                fix="index anew into another folder",
            )
        sweep_folder(folder, kept)
        return Writer(folder, lock, state)
    except BaseException:
        os.close(lock)
        raise


def _create(folder: Path, manifest: Manifest) -> None:
    create_journal(folder / manifest.journal, manifest.generation)
    write_manifest(folder, manifest)
    sync_path(folder.parent)


def _check_folder(folder: Path) -> None:
    """Refuse a folder with anything in it that is not of an index."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError("not a folder", where=str(folder), fix="name a new folder")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    strange = sorted(name for name in names - {MANIFEST, LOCK} if not OURS.fullmatch(name))
    if strange and MANIFEST not in names:
        raise ConfigError("is in use by something else", where=str(folder), got=strange[0], fix="name a new folder")


def _take_lock(file: Path, wait_seconds: float) -> int:
    """Lock a file until its descriptor is closed, which the system does for a process that dies."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                fix = "wait until it is done, or write through it"
                raise StoreError("another process writes this index", where=str(file.parent), fix=fix) from None
            time.sleep(POLL_SECONDS)



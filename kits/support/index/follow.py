"""Keeps an index equal to the database: every change once, and after a crash on from where it stood.

The number of the last change that the index has followed is written in the same step as the documents,
as a document of its own that no search finds. One process writes; others read what it wrote, and one of
them goes on where it ends.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from core.console import progress
from core.errors import StoreError
from core.index.document import Document
from core.index.index import Index, open_index
from core.index.manifest import MANIFEST
from core.index.writer import Writer, open_writer
from kits.support.answer.evidence import KINDS, Embed, split_text
from kits.support.store.shelf import Shelf, digest_document

MARK = "#followed"
DOCUMENTS_AT_ONCE = 1_000
WAIT_SECONDS, MAKE_SECONDS, LOOK_SECONDS = 600.0, 2.0, 0.2


class Follower:
    """The index of one language.

    Args:
        shelf: What it follows.
        folder: Where the index lies.
        embed: Makes the vectors; None for an index of words only.
        dimension: Of the vectors; 0 without.
        encoder: What makes them: vectors of two encoders never meet in one index.
        may_write: Whether to follow; else the index is only read.
    """

    def __init__(
        self, shelf: Shelf, folder: Path, embed: Embed | None, dimension: int, encoder: str, may_write: bool = True
    ) -> None:
        self.shelf, self.folder = shelf, folder
        self._embed, self._dimension, self._encoder = embed, dimension, encoder
        self._turn = Lock()
        self._may_write = may_write
        self._reader: Index | None = None
        self._writer = self._try_to_write()
        if self._writer is None:
            self._reader = self._read()

    @property
    def index(self) -> Index:
        """For searching."""
        return self._writer.index if self._writer is not None else self._reader  # type: ignore[return-value]

    @property
    def is_writer(self) -> bool:
        """Whether this process brings the index up to date; else another one does."""
        return self._writer is not None

    @property
    def followed(self) -> int:
        """The number of the last change that the index has."""
        mark = self.index.get([MARK])[0]
        return int(mark.metadata["change"] or 0) if mark is not None else 0

    def follow(self) -> int:
        """Do what has changed in the database; returns how many documents that concerned.

        Raises:
            StoreError: The index cannot be written or read.
        """
        with self._turn:
            if self._writer is None:  # who wrote may have ended
                self._writer = self._try_to_write()
            if self._writer is None:
                return int(self.index.refresh())
            begun = self.followed
            if self.shelf.last() == begun:
                return 0
            news = self.shelf.since(begun)
            total = len(news.put) + len(news.deleted)
            with progress("Indexing", len(news.put)) as tick:
                for begin in range(0, max(1, len(news.put)), DOCUMENTS_AT_ONCE):
                    some = news.put[begin : begin + DOCUMENTS_AT_ONCE]
                    is_last = begin + DOCUMENTS_AT_ONCE >= len(news.put)
                    self._write(some, news.deleted if is_last else (), news.last if is_last else None)
                    tick(len(some))
            self._writer.maintain()
            return total

    def catch_up(self) -> int:
        """Follow to where the database stands now: if another process writes, wait for it.

        Returns:
            How many documents that concerned here.

        Raises:
            StoreError: The index cannot be written or read, or the other process does not get there.
        """
        goal, end = self.shelf.last(), time.monotonic() + WAIT_SECONDS
        count = self.follow()
        while self.followed < goal:
            if time.monotonic() > end:
                what = "another process has the index and does not bring it up to date"
                raise StoreError(what, where=str(self.folder), got=self.followed, expected=str(goal))
            time.sleep(LOOK_SECONDS)
            count += self.follow()
        return count

    def compare(self) -> list[str]:
        """What differs between database and index; nothing where they agree and the index is sound."""
        wanted = {
            entry.document.id: digest_document(entry.document) for entry in self.shelf.list() if not entry.is_withheld
        }
        had = {document.id: digest_document(document) for document in self.index.documents() if document.id != MARK}
        faults = [f"{id} is missing from the index" for id in sorted(wanted.keys() - had.keys())]
        faults += [f"{id} is in the index, but not in the database" for id in sorted(had.keys() - wanted.keys())]
        faults += [f"{id} differs" for id in sorted(wanted.keys() & had.keys()) if wanted[id] != had[id]]
        return faults + self.index.check(sample_rows=None)

    def close(self) -> None:
        """Let another process write."""
        self._may_write = False
        if self._writer is not None:
            self._writer.close()

    def _write(self, put: Sequence[Document], deleted: Sequence[str], last: int | None) -> None:
        documents = list(put)
        if last is not None:
            documents.append(Document(MARK, "", {"kind": "mark", "change": last}))
        if self._writer is not None:
            self._writer.change(documents, self._vectors(documents), deleted)

    def _vectors(self, documents: Sequence[Document]) -> NDArray[np.float32] | None:
        """Of an entry, its question's: that is what customers' questions are like. Of a passage, all of it."""
        if self._embed is None:
            return None
        texts = [read_aloud(document) for document in documents if document.id != MARK]
        vectors = self._embed(texts) if texts else np.zeros((0, self._dimension), dtype=np.float32)
        if len(vectors) < len(documents):  # the mark, which must have a vector and is found by none
            vectors = np.vstack([vectors, np.eye(1, self._dimension, dtype=np.float32)])
        return vectors

    def _try_to_write(self) -> Writer | None:
        """The writer; None where another process is it already, or this one may not be it."""
        if not self._may_write:
            return None
        try:
            return open_writer(self.folder, dimension=self._dimension, encoder=self._encoder)
        except StoreError:
            if self._is_made():
                return None
            raise

    def _is_made(self) -> bool:
        """Whether there is an index; one that another process is about to make is waited for."""
        end = time.monotonic() + MAKE_SECONDS
        while not (self.folder / MANIFEST).exists():
            if time.monotonic() > end:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _read(self) -> Index:
        index = open_index(self.folder)
        if (index.dimension, index.encoder) != (self._dimension, self._encoder):
            raise StoreError("the index was made by another model", where=str(self.folder), fix="run the verb index")
        return index


def name_folder(encoder: str) -> str:
    """The folder of an index: another one for every encoder."""
    return f"index-{hashlib.sha256(encoder.encode()).hexdigest()[:8]}"


def read_aloud(document: Document) -> str:
    """What the vector of a document is made of: of an entry its question, of a passage all of it."""
    heading, body = split_text(document)
    if document.metadata.get("kind") == KINDS[0]:
        return heading
    return f"{heading}\n{body}" if heading else body

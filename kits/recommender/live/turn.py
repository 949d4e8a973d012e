"""Lets many read at once and one write alone: lists are made side by side, and none sees half a change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """A readers-writer lock; who waits to write goes before those who come later to read.

    Otherwise lists that are asked for without a pause would keep events out for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = self._waiting = 0
        self._is_writing = False

    @property
    def is_wanted(self) -> bool:
        """Whether someone waits to write."""
        return self._waiting > 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Beside others that read; must not be entered twice by one thread."""
        with self._changed:
            while self._is_writing or self._waiting:
                self._changed.wait()
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                if not self._readers:
                    self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone."""
        with self._changed:
            self._waiting += 1
            try:
                while self._is_writing or self._readers:
                    self._changed.wait()
            finally:
                self._waiting -= 1
            self._is_writing = True
        try:
            yield
        finally:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()

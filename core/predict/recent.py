"""Remembers the vectors of what was read last, so that who asks for the same again does not wait for it again.

A conversation asks several things of the same words: what they want, what they lie near to, what is found
for them. Each asks when it needs to know; an encoder reads once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)
Vectors = NDArray[np.float32]


class Recent(Generic[Key]):
    """Vectors by what they were made of; may be used by many threads.

    Args:
        compute: From keys, each there once, to ``(keys, dimension)`` float32. Called without a lock: two
            threads may compute the same at the same time, and none waits for what another one asked for.
        most: So many are kept; the one that nobody has asked for the longest goes.
        most_at_once: A larger request is neither looked up nor kept: it would drive out all others.
    """

    def __init__(self, compute: Callable[[Sequence[Key]], Vectors], most: int, most_at_once: int) -> None:
        self._compute, self._most, self._most_at_once = compute, most, most_at_once
        self._vectors: OrderedDict[Key, Vectors] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, keys: Sequence[Key]) -> Vectors:
        """``(keys, dimension)`` float32, in the order of ``keys``; the same key may be there several times."""
        if not 0 < len(keys) <= self._most_at_once:
            return self._compute(keys)
        with self._lock:
            found = {key: self._vectors[key] for key in keys if key in self._vectors}
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing:
            # Copies: a row of the request's own array would keep the whole array in memory.
            found |= {key: row.copy() for key, row in zip(missing, self._compute(missing), strict=True)}
        with self._lock:
            for key in found:
                self._vectors[key] = found[key]
                self._vectors.move_to_end(key)
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)
        return np.stack([found[key] for key in keys])

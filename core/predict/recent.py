"""Remembers the states of the texts that were read last, so that who asks for one again does not read it again.

A conversation asks several things of the same words: what they want, what they lie near to, what is found
for them. Each asks when it needs to know; the encoder reads once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from core.data.example import Text

MOST_AT_ONCE = 128
Compute = Callable[[Sequence[Text]], NDArray[np.float32]]


class RecentStates:
    """The states of one encoder; may be used by many threads.

    Args:
        most_texts: So many are kept; the one that nobody has asked for the longest goes.
        most_at_once: A larger batch is neither looked up nor kept: it would drive out all others.
    """

    def __init__(self, most_texts: int, most_at_once: int = MOST_AT_ONCE) -> None:
        self.most_texts, self.most_at_once = most_texts, most_at_once
        self._states: OrderedDict[Text, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, texts: Sequence[Text], compute: Compute) -> NDArray[np.float32]:
        """States ``(texts, hidden)`` float32, in the order of ``texts``.

        Args:
            texts: What is read; the same one may be there several times.
            compute: Reads those that are not known, each once; called without a lock, so that two
                threads may read the same text at the same time, and nobody waits for another's.
        """
        if not 0 < len(texts) <= self.most_at_once:
            return compute(texts)
        with self._lock:
            found = {text: self._states[text] for text in texts if text in self._states}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            # Copies: a row of the batch's own array would keep the whole batch in memory.
            found |= {text: row.copy() for text, row in zip(missing, compute(missing), strict=True)}
        with self._lock:
            for text in texts:
                self._states[text] = found[text]
                self._states.move_to_end(text)
            while len(self._states) > self.most_texts:
                self._states.popitem(last=False)
        return np.stack([found[text] for text in texts])

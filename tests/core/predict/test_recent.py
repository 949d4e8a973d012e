"""What was read last is remembered: in bounds, in order, and each thing read once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from core.predict.recent import Recent


class Lengths:
    """The length of each text as its vector, and a list of what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text)] for text in texts], dtype=np.float32).reshape(-1, 1)


def test_each_text_is_computed_once_and_comes_back_in_order() -> None:
    lengths = Lengths()
    recent = Recent[str](lengths, 10, 10)
    assert recent.get(["aa", "b", "aa"]).tolist() == [[2], [1], [2]]
    assert recent.get(["ccc", "b"]).tolist() == [[3], [1]]
    assert lengths.asked == ["aa", "b", "ccc"]


def test_text_that_was_not_asked_for_the_longest_goes() -> None:
    lengths = Lengths()
    recent = Recent[str](lengths, 2, 10)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        recent.get([text])
    assert len(recent) == 2
    assert lengths.asked == ["a", "bb", "ccc", "bb"]


def test_large_request_is_answered_and_drives_nothing_out() -> None:
    lengths = Lengths()
    recent = Recent[str](lengths, 4, 2)
    recent.get(["a"])
    assert recent.get(["bb", "ccc", "dddd"]).tolist() == [[2], [3], [4]]
    recent.get(["a"])
    assert (len(recent), lengths.asked.count("a")) == (1, 1)


def test_request_for_more_than_is_kept_is_answered_whole() -> None:
    assert Recent[str](Lengths(), 1, 10).get(["a", "bb", "ccc"]).tolist() == [[1], [2], [3]]


def test_threads_get_what_they_ask_for() -> None:
    recent = Recent[str](Lengths(), 3, 10)
    texts = ["x" * (n % 7) for n in range(400)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: recent.get([text])[0, 0], texts))
    assert found == [len(text) for text in texts]

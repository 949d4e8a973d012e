"""Batches side by side give what they give one after the other, and leave torch's threads as they were."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread, current_thread

import pytest
import torch

from core.predict.parallel import map_batches


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def note(batch: int) -> tuple[int, str, int]:
    return batch, current_thread().name, torch.get_num_threads()


def test_many_batches_have_a_thread_each() -> None:
    found = list(map_batches(note, range(20)))
    assert [number for number, _, _ in found] == list(range(20))
    assert {threads for _, _, threads in found} == {1}
    assert all(name.startswith("batch") for _, name, _ in found)


@pytest.mark.parametrize(("threads", "batches"), [(2, 1), (1, 20)])
def test_few_batches_or_one_thread_stay_where_they_are(threads: int, batches: int) -> None:
    torch.set_num_threads(threads)
    assert {found[1:] for found in map_batches(note, range(batches))} == {(current_thread().name, threads)}


def test_other_threads_keep_their_number() -> None:
    list(map_batches(note, range(4)))
    assert torch.get_num_threads() == 2
    later: list[int] = []
    thread = Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_callers_side_by_side_get_their_own_results() -> None:
    found: dict[int, list[int]] = {}

    def call(number: int) -> None:
        found[number] = list(map_batches(lambda batch: batch * number, range(50)))

    callers = [Thread(target=call, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == {number: [batch * number for batch in range(50)] for number in range(8)}


def test_an_error_reaches_the_caller() -> None:
    def fail(batch: int) -> None:
        raise ValueError(f"batch {batch}")

    with pytest.raises(ValueError, match="batch 0"):
        list(map_batches(fail, range(4)))
    assert len(list(map_batches(note, range(4)))) == 4  # the threads live on

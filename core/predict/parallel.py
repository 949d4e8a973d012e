"""Batches side by side on a CPU, each on a thread of its own.

The matrices of a small encoder are too small for several threads to share: they wait for each
other at the end of every operation. Whole batches need not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier, Lock
from typing import Any, TypeVar

import torch

Batch = TypeVar("Batch")
Result = TypeVar("Result")
First = TypeVar("First")
Second = TypeVar("Second")
_OPENING = Lock()


def map_batches(work: Callable[[Batch], Result], batches: Sequence[Batch]) -> Iterator[Result]:
    """Results in the order of the batches: side by side if there is one for each of torch's threads.

    Args:
        work: Whatever it needs of torch's state that belongs to a thread, it sets itself.
        batches: Few of them are done one after the other, with all threads on each.
    """
    threads = torch.get_num_threads()
    if threads == 1 or len(batches) < threads:
        return map(work, batches)
    with _OPENING:
        pool = _open_pool(threads)
    return pool.map(work, batches)


def do_both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """What two models say, side by side with one thread each; one after the other where there is but one thread.

    Args:
        first: Whatever it needs of torch's state that belongs to a thread, it sets itself.
        second: Likewise; it waits for nothing that the first does.
    """
    works: Sequence[Callable[[], Any]] = (first, second)
    one, other = map_batches(lambda work: work(), works)
    return one, other


@cache
def _open_pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay, since torch's kernels are slow to begin with on a new one."""
    started = Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # a thread takes over the number of all when it first needs one: not later than now
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="batch", initializer=start)
    for _ in range(threads):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(threads)  # a thread sets its own number, and that of all threads to come
    return pool

"""Batches of what several callers ask for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest

from core.serve.batcher import Batcher, Overloaded


class Work:
    """Squares numbers, on its thread, when it is let; refuses negative ones."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()

    def __call__(self, rows: Sequence[int]) -> list[int]:
        self.batches.append(list(rows))
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.go.wait(10)
        if any(row < 0 for row in rows):
            raise ValueError("negative")
        return [row * row for row in rows]


def run(work: Work, body: Callable[[Batcher[int, int]], Awaitable[None]], most_waiting: int = 100) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            async with Batcher(work, max_rows=4, max_waiting_rows=most_waiting) as batcher:
                await body(batcher)

    asyncio.run(main())


async def begun(work: Work) -> None:
    assert await asyncio.to_thread(work.begun.wait, 10)


def test_each_caller_gets_its_own_results_in_order() -> None:
    work = Work()
    work.go.set()

    async def body(batcher: Batcher[int, int]) -> None:
        asked = [batcher.submit(range(start, start + size)) for start, size in ((0, 3), (3, 1), (4, 9), (20, 0))]
        assert await asyncio.gather(*asked) == [
            [0, 1, 4], [9], [n * n for n in range(4, 13)], []
        ]  # fmt: skip

    run(work, body)
    assert len(work.threads) == 1
    assert threading.get_ident() not in work.threads


def test_what_is_asked_for_meanwhile_makes_the_next_batch() -> None:
    work = Work()

    async def body(batcher: Batcher[int, int]) -> None:
        asked = [asyncio.create_task(batcher.submit([1]))]
        await begun(work)
        asked += [asyncio.create_task(batcher.submit([n])) for n in (2, 3)]
        asked.append(asyncio.create_task(batcher.submit([4, 5, 6])))
        await asyncio.sleep(0)
        work.go.set()
        assert await asyncio.gather(*asked) == [[1], [4], [9], [16, 25, 36]]

    run(work, body)
    assert work.batches == [[1], [2, 3], [4, 5, 6]]


def test_callers_who_come_back_together_are_let_in_together() -> None:
    """Begun with the first of them, a batch of one would make the others wait for it."""
    work = Work()

    async def body(batcher: Batcher[int, int]) -> None:
        first = asyncio.create_task(batcher.submit([0]))
        await begun(work)
        asked = [asyncio.create_task(batcher.submit([n])) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.4, work.go.set)
        await asyncio.gather(first, *asked)
        again = []
        for n in (4, 5, 6):
            again.append(asyncio.create_task(batcher.submit([n])))
            await asyncio.sleep(0)  # the batcher is told of the first before there is a second
        assert await asyncio.gather(*again) == [[16], [25], [36]]
        assert await batcher.submit([7]) == [49]  # nobody else comes: it does not wait for two more

    run(work, body)
    assert work.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]


def test_callers_who_come_back_at_once_join_those_who_waited() -> None:
    """Else two halves would take turns, and each would wait for the other."""
    work = Work()

    async def body(batcher: Batcher[int, int]) -> None:
        async def ask_twice(first: int, second: int) -> list[int]:
            return await batcher.submit([first]) + await batcher.submit([second])

        early = asyncio.create_task(ask_twice(1, 4))
        await begun(work)
        late = [asyncio.create_task(batcher.submit([n])) for n in (2, 3)]
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.4, work.go.set)
        assert await asyncio.gather(early, *late) == [[1, 16], [4], [9]]

    run(work, body)
    assert work.batches == [[1], [2, 3, 4]]


def test_full_queue_says_when_to_come_again_and_goes_on() -> None:
    work = Work()

    async def body(batcher: Batcher[int, int]) -> None:
        asked = [asyncio.create_task(batcher.submit([1]))]
        await begun(work)
        asked.append(asyncio.create_task(batcher.submit([2, 3])))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await batcher.submit([4, 5])
        assert refused.value.retry_seconds > 0
        work.go.set()
        assert await asyncio.gather(*asked) == [[1], [4, 9]]
        assert await batcher.submit([4, 5]) == [16, 25]

    run(work, body, most_waiting=3)


def test_one_caller_s_bad_row_fails_no_other() -> None:
    work = Work()

    async def body(batcher: Batcher[int, int]) -> None:
        asked = [asyncio.create_task(batcher.submit([1]))]
        await begun(work)
        asked += [asyncio.create_task(batcher.submit([n])) for n in (2, -1, 3)]
        await asyncio.sleep(0)
        work.go.set()
        first, second, bad, third = await asyncio.gather(*asked, return_exceptions=True)
        assert (first, second, third) == ([1], [4], [9])
        assert isinstance(bad, ValueError)

    run(work, body)


def test_nothing_is_done_for_a_caller_who_has_gone() -> None:
    work = Work()

    async def body(batcher: Batcher[int, int]) -> None:
        first = asyncio.create_task(batcher.submit([1]))
        await begun(work)
        gone, second = asyncio.create_task(batcher.submit([7])), asyncio.create_task(batcher.submit([2]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        work.go.set()
        assert await asyncio.gather(first, second) == [[1], [4]]

    run(work, body)
    assert work.batches == [[1], [2]]


def test_end_finishes_what_was_asked_for_and_takes_no_more() -> None:
    work = Work()

    async def main() -> None:
        batcher = Batcher(work, max_rows=4, max_waiting_rows=100)
        async with batcher:
            asked = [asyncio.create_task(batcher.submit([n])) for n in (1, 2)]
            await begun(work)
            work.go.set()
        assert await asyncio.gather(*asked) == [[1], [4]]
        with pytest.raises(Overloaded):
            await batcher.submit([3])

    asyncio.run(main())

"""Scores what several callers ask for at once in one batch, on a thread of its own, with a bounded queue.

A lone request is answered at once. While one batch is worked on, the next one gathers; and callers who
were answered and come back at once are let in, too: begun without them, the next batch would make them wait
for it, and two half batches take longer than one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from core.errors import ServeError

Row = TypeVar("Row")
Result = TypeVar("Result")
_SMOOTHING = 0.2
MOST_GATHERING, GATHER_SECONDS = 0.25, 0.002  # of the time of the batch before; and between two looks


class Overloaded(ServeError):
    """The queue is full.

    Attributes:
        retry_seconds: When there may be room.
    """

    def __init__(self, waiting_rows: int, retry_seconds: float) -> None:
        super().__init__("too much to score at once", got=f"{waiting_rows} rows waiting", fix="come again later")
        self.retry_seconds = retry_seconds


@dataclass(slots=True)
class _Request(Generic[Row, Result]):
    rows: Sequence[Row]
    answer: asyncio.Future[list[Result]]


class Batcher(Generic[Row, Result]):
    """Runs ``work`` on batches of whole requests; used as an async context.

    Args:
        work: From rows to as many results, in their order; called on one thread only.
        max_rows: Of a batch, unless a single request has more.
        max_waiting_rows: Beyond them a request is refused.
    """

    def __init__(
        self, work: Callable[[Sequence[Row]], Sequence[Result]], *, max_rows: int, max_waiting_rows: int
    ) -> None:
        self._work, self._max_rows, self._max_waiting_rows = work, max_rows, max_waiting_rows
        self._queue: deque[_Request[Row, Result]] = deque()
        self._waiting_rows = 0
        self._rows_per_second = 100.0
        self._expected, self._took = 0, 0.0  # who was answered or waiting when the batch before ended; its seconds
        self._filled = asyncio.Event()
        self._is_closing = False

    async def __aenter__(self) -> Self:
        """Start the thread."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was asked for, then stop."""
        self._is_closing = True
        self._filled.set()
        await self._task
        self._thread.shutdown()

    async def submit(self, rows: Sequence[Row]) -> list[Result]:
        """The results of some rows, in their order.

        Raises:
            Overloaded: Too much is waiting already.
        """
        if not rows:
            return []
        if self._is_closing or (self._queue and self._waiting_rows + len(rows) > self._max_waiting_rows):
            raise Overloaded(self._waiting_rows, self._waiting_rows / self._rows_per_second)
        request: _Request[Row, Result] = _Request(rows, asyncio.get_running_loop().create_future())
        self._queue.append(request)
        self._waiting_rows += len(rows)
        self._filled.set()
        return await request.answer

    async def _run(self) -> None:
        while self._queue or not self._is_closing:
            if not self._queue:
                self._filled.clear()
                await self._filled.wait()
                continue
            await self._gather()
            requests = self._take()
            started = time.perf_counter()
            await self._answer(requests)
            self._expected, self._took = len(requests) + len(self._queue), time.perf_counter() - started

    async def _gather(self) -> None:
        """Let more come as long as they keep coming, until all are there who were answered, or waited meanwhile."""
        end = time.perf_counter() + MOST_GATHERING * self._took
        seen = 0
        while seen < len(self._queue) < self._expected and time.perf_counter() < end and not self._is_closing:
            seen = len(self._queue)
            await asyncio.sleep(GATHER_SECONDS)

    def _take(self) -> list[_Request[Row, Result]]:
        taken: list[_Request[Row, Result]] = []
        count = 0
        while self._queue and (not taken or count + len(self._queue[0].rows) <= self._max_rows):
            request = self._queue.popleft()
            self._waiting_rows -= len(request.rows)
            if not request.answer.done():  # else its caller has gone
                taken.append(request)
                count += len(request.rows)
        return taken

    async def _answer(self, requests: list[_Request[Row, Result]]) -> None:
        rows = [row for request in requests for row in request.rows]
        if not rows:
            return
        started = time.perf_counter()
        try:
            results = list(await asyncio.get_running_loop().run_in_executor(self._thread, self._work, rows))
        except Exception as error:
            if len(requests) > 1:  # one caller's row must not fail the others
                for request in requests:
                    await self._answer([request])
            elif not requests[0].answer.done():
                requests[0].answer.set_exception(error)
            return
        pace = len(rows) / max(1e-6, time.perf_counter() - started)
        self._rows_per_second += _SMOOTHING * (pace - self._rows_per_second)
        position = 0
        for request in requests:
            end = position + len(request.rows)
            if not request.answer.done():
                request.answer.set_result(results[position:end])
            position = end

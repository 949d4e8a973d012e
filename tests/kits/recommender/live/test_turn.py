from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from kits.recommender.live.turn import Turn

SECONDS = 10.0


def test_two_read_at_once() -> None:
    turn, both = Turn(), threading.Barrier(2, timeout=SECONDS)

    def read() -> int:
        with turn.reading():
            return both.wait()

    with ThreadPoolExecutor(2) as threads:
        found = [threads.submit(read) for _ in range(2)]
        assert sorted(one.result(SECONDS) for one in found) == [0, 1]


def test_nobody_reads_half_a_change() -> None:
    turn, pair = Turn(), [0, 0]
    torn: list[tuple[int, ...]] = []

    def write() -> None:
        for _ in range(200):
            with turn.writing():
                pair[0] += 1
                pair[1] += 1

    def read() -> None:
        for _ in range(200):
            with turn.reading():
                if pair[0] != pair[1]:
                    torn.append(tuple(pair))

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(work) for work in (write, read, write, read, write, read)]:
            done.result(SECONDS)
    assert pair == [600, 600]
    assert not torn


def test_writer_that_waits_goes_before_readers_that_come_later() -> None:
    turn = Turn()
    order: list[str] = []
    is_inside, may_leave = threading.Event(), threading.Event()

    def read_long() -> None:
        with turn.reading():
            is_inside.set()
            may_leave.wait(SECONDS)

    def write() -> None:
        with turn.writing():
            order.append("write")

    def read() -> None:
        with turn.reading():
            order.append("read")

    with ThreadPoolExecutor(3) as threads:
        long = threads.submit(read_long)
        assert is_inside.wait(SECONDS)
        writer = threads.submit(write)
        while not turn.is_wanted:
            threading.Event().wait(0.001)
        reader = threads.submit(read)
        may_leave.set()
        for done in (long, writer, reader):
            done.result(SECONDS)
    assert order == ["write", "read"]


def test_turn_is_given_back_when_the_work_fails() -> None:
    turn = Turn()
    for lock in (turn.reading, turn.writing):
        try:
            with lock():
                raise ValueError("work")
        except ValueError:
            pass
    with turn.writing():
        assert not turn.is_wanted

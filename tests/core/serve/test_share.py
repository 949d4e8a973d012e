"""Processes on one address: whoever holds the fewest connections takes the next one."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.serve import share
from core.serve.share import Shares, take


def open_both(folder: Path) -> tuple[Shares, Shares]:
    Shares.create(folder / "shares", 2)
    return Shares(folder / "shares", 0), Shares(folder / "shares", 1)


def test_each_sees_what_the_other_holds(tmp_path: Path) -> None:
    one, other = open_both(tmp_path)
    one.hold(3)
    assert not one.is_another_free()  # the other is not there yet
    other.hold(3)
    assert not one.is_another_free()
    other.hold(2)
    assert one.is_another_free()
    assert not other.is_another_free()
    other.leave()
    assert not one.is_another_free()


def test_connections_are_dealt_out_evenly(tmp_path: Path) -> None:
    async def deal() -> list[int]:
        both, held = open_both(tmp_path), [0, 0]

        async def work(place: int) -> None:
            both[place].hold(0)
            async for connection in take(listeners[place], both[place]):
                kept.callback(connection.close)
                held[place] += 1
                both[place].hold(held[place])

        tasks = [asyncio.create_task(work(place)) for place in (0, 1)]
        for _ in range(20):
            kept.enter_context(socket.create_connection(listener.getsockname()))
        async with asyncio.timeout(20):
            while sum(held) < 20:
                await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        return held

    with ExitStack() as kept:
        listener = kept.enter_context(socket.create_server(("127.0.0.1", 0)))
        listeners = listener, kept.enter_context(listener.dup())
        assert asyncio.run(deal()) == [10, 10]


def test_one_that_hangs_keeps_nobody_waiting_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "LOOK_SECONDS", 0.001)

    async def accept() -> object:
        both = open_both(tmp_path)
        both[0].hold(9)
        both[1].hold(0)
        async with asyncio.timeout(20):
            with await anext(take(listener, both[0])) as connection:
                return connection.getpeername()

    with ExitStack() as kept:
        listener = kept.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = kept.enter_context(socket.create_connection(listener.getsockname()))
        assert asyncio.run(accept()) == client.getsockname()

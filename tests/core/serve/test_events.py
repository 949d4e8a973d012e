"""Streams of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.serve.events import Event, Pulse, event_response


class Source:
    """A version that tests change, and a count of the looks at it."""

    def __init__(self) -> None:
        self.version, self.looks, self.is_away = 0, 0, False

    def __call__(self) -> int:
        self.looks += 1
        if self.is_away:
            raise OSError("away")
        return self.version


async def settle(stream: AsyncIterator[bool]) -> None:
    """Go past the beginning, at which a stream is told that there is something to see."""
    while await anext(stream):
        pass


def test_change_is_told_to_everyone_and_quiet_is_a_sign_of_life() -> None:
    async def main() -> None:
        source = Source()
        pulse = Pulse(source, seconds=0.01)
        first, second = pulse.changes(0.05), pulse.changes(0.05)
        await settle(first)
        await settle(second)
        source.version = 1
        assert [await anext(first), await anext(second)] == [True, True]
        assert [await anext(first), await anext(second)] == [False, False]

    asyncio.run(main())


def test_change_between_two_looks_of_a_slow_reader_is_not_lost() -> None:
    async def main() -> None:
        source = Source()
        pulse = Pulse(source, seconds=0.01)
        stream = pulse.changes(0.05)
        await settle(stream)
        before, source.version = source.looks, 1
        while source.looks < before + 3:
            await asyncio.sleep(0.01)
        assert await anext(stream)

    asyncio.run(main())


def test_nobody_looks_while_nobody_watches() -> None:
    async def main() -> None:
        source = Source()
        pulse = Pulse(source, seconds=0.01)
        stream = pulse.changes(0.05)
        await settle(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        looks = source.looks
        await settle(pulse.changes(0.05))
        assert source.looks > looks

    asyncio.run(main())


def test_stop_ends_every_stream() -> None:
    async def main() -> None:
        pulse = Pulse(Source(), seconds=0.01)
        streams = [pulse.changes(60), pulse.changes(60)]
        for stream in streams:
            assert await anext(stream)
        waiting = [asyncio.create_task(drain(stream)) for stream in streams]
        await asyncio.sleep(0)
        await pulse.stop()
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)

    asyncio.run(main())


def test_database_that_is_away_is_told_once_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        source = Source()
        pulse = Pulse(source, seconds=0.01)
        stream = pulse.changes(0.05)
        await settle(stream)
        source.is_away, source.version = True, 1
        looks = source.looks
        while source.looks < looks + 5:
            assert not await anext(stream)
        source.is_away = False
        while not await anext(stream):
            pass

    asyncio.run(main())
    assert len([record for record in caplog.records if record.getMessage() == "cannot look for changes"]) == 1


def test_event_cannot_be_broken_out_of() -> None:
    lines = Event("alert", {"title": "a\n\nevent: fake\ndata: {}\r\u2028"}, "7").encode().decode().split("\n")
    assert lines[:2] == ["event: alert", "id: 7"]
    assert lines[2].startswith('data: {"title": "a\\n\\nevent')
    assert lines[3:] == ["", ""]


def test_answer_is_a_stream_that_no_one_keeps() -> None:
    async def tell() -> AsyncIterator[Event | None]:
        yield Event("a", {})
        yield None

    async def main() -> bytes:
        response = event_response(tell())
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        return b"".join([part if isinstance(part, bytes) else b"" async for part in response.body_iterator])

    assert asyncio.run(main()) == b"retry: 2000\n\nevent: a\ndata: {}\n\n: alive\n\n"


async def drain(stream: AsyncIterator[bool]) -> None:
    async for _ in stream:
        pass

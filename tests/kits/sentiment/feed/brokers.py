"""Real message brokers for tests: a stream or queue of its own, which is gone afterwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

KINDS = ("nats", "redis", "amqp")
SERVERS = {
    "nats": os.environ.get("FIELDKITS_TEST_NATS", "nats://127.0.0.1:4222"),
    "redis": os.environ.get("FIELDKITS_TEST_REDIS", "redis://127.0.0.1:6379/0"),
    "amqp": os.environ.get("FIELDKITS_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/"),
}


class Broker:
    """A stream or queue, seen from outside."""

    def __init__(self, kind: str) -> None:
        self.kind, self.server, self.name = kind, SERVERS[kind], f"fieldkits-{uuid4().hex[:12]}"
        self.url = {
            "nats": f"{self.server}/{self.name}.items?stream={self.name}",
            "redis": f"{self.server}?stream={self.name}",
            "amqp": f"{self.server}?queue={self.name}",
        }[kind]

    def make(self) -> None:
        asyncio.run(self._run("make"))

    def delete(self) -> None:
        asyncio.run(self._run("delete"))

    def publish(self, *bodies: bytes) -> None:
        asyncio.run(self._run("publish", bodies))

    def count_open(self) -> int:
        """Messages that are neither acknowledged nor gone."""
        return int(asyncio.run(self._run("count")))

    async def _run(self, what: str, bodies: Sequence[bytes] = ()) -> Any:
        work = {"nats": self._run_nats, "redis": self._run_redis, "amqp": self._run_amqp}[self.kind]
        return await asyncio.wait_for(work(what, bodies), 10)

    async def _run_nats(self, what: str, bodies: Sequence[bytes]) -> Any:
        import nats

        client = await nats.connect(self.server, allow_reconnect=False, connect_timeout=2)
        stream = client.jetstream()
        try:
            if what == "make":
                await stream.add_stream(name=self.name, subjects=[f"{self.name}.items"])
            elif what == "delete":
                await stream.delete_stream(self.name)
            elif what == "count":
                return sum(info.num_pending + info.num_ack_pending for info in await stream.consumers_info(self.name))
            for body in bodies:
                await stream.publish(f"{self.name}.items", body)
        finally:
            await client.close()

    async def _run_redis(self, what: str, bodies: Sequence[bytes]) -> Any:
        from redis.asyncio import Redis

        client = Redis.from_url(self.server, socket_connect_timeout=2)
        try:
            if what == "make":
                await client.xadd(self.name, {"title": "none"}, id="1-1")
                await client.xdel(self.name, "1-1")
            elif what == "delete":
                await client.delete(self.name)
            elif what == "count":
                group = (await client.xinfo_groups(self.name))[0]
                return group["pending"] + (group["lag"] or 0)
            for body in bodies:
                await client.xadd(self.name, {"data": body})
        finally:
            await client.aclose()

    async def _run_amqp(self, what: str, bodies: Sequence[bytes]) -> Any:
        import aio_pika

        connection = await aio_pika.connect(self.server, timeout=2)
        try:
            channel = await connection.channel()
            if what == "make":
                await channel.declare_queue(self.name, durable=True)
            elif what == "delete":
                await channel.queue_delete(self.name)
            elif what == "count":
                queue = await channel.declare_queue(self.name, passive=True)
                return queue.declaration_result.message_count
            for body in bodies:
                await channel.default_exchange.publish(aio_pika.Message(body), routing_key=self.name)
        finally:
            await connection.close()


@contextmanager
def own_broker(kind: str) -> Iterator[Broker]:
    """A stream or queue that is gone afterwards; without a server the test is skipped, or fails if it must not be."""
    broker = Broker(kind)
    try:
        broker.make()
    except Exception as error:
        if os.environ.get("FIELDKITS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no {kind} server answers: {type(error).__name__}")
    try:
        yield broker
    finally:
        broker.delete()

"""Real message brokers as feeds: nothing is lost, and nothing is acknowledged before it is kept."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ConfigError
from kits.sentiment.feed import DeadRecord, FeedError, Record
from kits.sentiment.feed import broker as module
from kits.sentiment.feed.broker import BrokerFeed
from kits.sentiment.feed.subscribe import EXAMPLES, PREFETCH, parse_broker, subscribe
from tests.kits.sentiment.feed.brokers import KINDS, SERVERS, Broker, own_broker
from tests.kits.sentiment.feed.draining import drain, titles


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with own_broker(request.param) as opened:
        yield opened


def body(title: str) -> bytes:
    return json.dumps({"title": title}).encode()


def poll_until(feed: BrokerFeed, count: int, seconds: float = 20.0) -> list[object]:
    """Titles as they come, acknowledged, until there are so many."""
    found: list[object] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        batch = feed.poll(None, 100)
        found += titles(batch)
        if batch.acknowledge is not None:
            batch.acknowledge()
    return found


def wait_for_open(broker: Broker, count: int) -> int:
    """How many messages are open, once they are so many or ten seconds have passed."""
    deadline = time.monotonic() + 10
    while (found := broker.count_open()) != count and time.monotonic() < deadline:
        pass
    return found


def test_messages_are_read_once_in_order_as_far_as_they_are_there_and_acknowledged(broker: Broker) -> None:
    broker.publish(*(body(f"标题 {number}") for number in range(20)))
    feed = BrokerFeed(broker.url, follow=False)
    found, cursor = drain(feed, limit=7)
    wanted = [f"标题 {number}" for number in range(20)]
    assert sorted(found, key=wanted.index) == wanted
    if broker.kind != "amqp":  # its messages are handed over side by side: only a batch is in order
        assert found == wanted
    assert cursor is None
    feed.close()
    assert wait_for_open(broker, 0) == 0


def test_what_was_not_acknowledged_comes_again_after_a_restart(broker: Broker) -> None:
    broker.publish(*(body(str(number)) for number in range(10)))
    first = BrokerFeed(broker.url, follow=True)
    kept: list[object] = []
    while not kept:
        batch = first.poll(None, 4)
        kept = titles(batch)
    assert batch.acknowledge is not None
    batch.acknowledge()
    first.poll(None, 4)  # taken, and never kept
    first.close()
    second = BrokerFeed(broker.url, follow=True)
    again = poll_until(second, 10 - len(kept))
    second.close()
    assert sorted([*kept, *again], key=str) == [str(number) for number in range(10)]
    assert wait_for_open(broker, 0) == 0


def test_closing_while_more_wait_than_are_taken_at_once_gives_all_back_at_once(broker: Broker) -> None:
    count = 2 * PREFETCH + 100
    broker.publish(*(body(str(number)) for number in range(count)))
    first = BrokerFeed(broker.url, follow=True)
    while sum(len(first.poll(None, 1).records) for _ in range(100)) < 50:
        pass
    started = time.monotonic()
    first.close()
    second = BrokerFeed(broker.url, follow=True)
    again = poll_until(second, count)
    second.close()
    assert time.monotonic() - started < 10
    assert set(again) == {str(number) for number in range(count)}


def test_message_that_is_no_object_is_a_dead_record_and_stops_nothing(broker: Broker) -> None:
    bad = [b"not json", b"\xff\xfe", b"[1]", b'{"a": 1, "a": 2}', b"", b'{"title": "\\ud800"}']
    broker.publish(*bad, body("good"))
    feed = BrokerFeed(broker.url, follow=True)
    records: list[Record | DeadRecord] = []
    deadline = time.monotonic() + 20
    while len(records) < 7 and time.monotonic() < deadline:
        batch = feed.poll(None, 100)
        records += batch.records
        if batch.acknowledge is not None:
            batch.acknowledge()
    feed.close()
    assert [type(record) for record in records].count(DeadRecord) == 6
    assert [record.values["title"] for record in records if isinstance(record, Record)] == ["good"]
    assert all(record.place.startswith(broker.name) for record in records)
    assert wait_for_open(broker, 0) == 0


def test_message_arrives_at_once(broker: Broker) -> None:
    feed = BrokerFeed(broker.url, follow=True)
    assert feed.poll(None, 5).records == ()
    publisher = threading.Thread(target=broker.publish, args=(body("now"),))
    publisher.start()
    started = time.monotonic()
    assert poll_until(feed, 1) == ["now"]
    assert time.monotonic() - started < 5
    publisher.join()
    feed.close()


def test_stream_or_queue_that_is_not_there_is_an_error_that_can_pass(broker: Broker) -> None:
    feed = BrokerFeed(broker.url.replace(broker.name, "fieldkits-absent"), follow=True)
    for _ in range(2):
        with pytest.raises(FeedError, match="does not answer"):
            feed.poll(None, 5)
    feed.close()


def test_entry_that_another_program_wrote_field_by_field_is_read() -> None:
    with own_broker("redis") as broker:

        async def add() -> None:
            from redis.asyncio import Redis

            client = Redis.from_url(broker.server)
            await client.xadd(broker.name, {"title": "利润", "id": "7"})
            await client.xadd(broker.name, {b"title": b"\xff!"})
            await client.aclose()

        asyncio.run(add())
        feed = BrokerFeed(broker.url, follow=False)
        assert drain(feed)[0] == ["利润", "\\xff!"]
        feed.close()


def test_broker_that_is_away_is_an_error_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 1.0)
    for url in ("nats://ann:hunter2@127.0.0.1:9/x?stream=A", "redis://:hunter2@127.0.0.1:9/0?stream=A"):
        feed = BrokerFeed(url, follow=True)
        with pytest.raises(FeedError) as caught:
            feed.poll(None, 5)
        assert "hunter2" not in str(caught.value) + feed.name + feed.address
        feed.close()


def test_wrong_login_is_an_error_without_its_password() -> None:
    with own_broker("amqp") as broker:
        server = SERVERS["amqp"].replace("guest:guest", "guest:hunter2")
        feed = BrokerFeed(f"{server}?queue={broker.name}", follow=True)
        with pytest.raises(FeedError) as caught:
            feed.poll(None, 5)
        assert "hunter2" not in str(caught.value)
        feed.close()


def test_kafka_is_committed_only_as_far_as_was_kept() -> None:
    """No Kafka server is at hand: FastStream reads ahead, so what is committed must be said."""
    committed: list[dict[Any, int]] = []

    async def commit(offsets: dict[Any, int]) -> None:
        committed.append(offsets)

    consumer = SimpleNamespace(commit=commit)

    def message(partition: int, offset: int) -> SimpleNamespace:
        record = SimpleNamespace(topic="news", partition=partition, offset=offset)
        return SimpleNamespace(raw_message=record, consumer=Hashable(consumer), body=b"{}")

    async def run() -> None:
        line = await subscribe(parse_broker("kafka://127.0.0.1:9092/news"), lambda message: asyncio.sleep(0))
        assert line.name_place(message(1, 7)) == "news[1]:7"
        await line.acknowledge([message(0, 4), message(1, 7), message(0, 5)])

    class Hashable:
        def __init__(self, consumer: SimpleNamespace) -> None:
            self.commit = consumer.commit

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            return True

    asyncio.run(run())
    assert [{(part.topic, part.partition): offset for part, offset in one.items()} for one in committed] == [
        {("news", 0): 6, ("news", 1): 8}
    ]


@pytest.mark.parametrize("url", EXAMPLES.values())
def test_examples_are_understood(url: str) -> None:
    wanted = parse_broker(url)
    assert wanted.group == "fieldkits"
    assert "?" not in wanted.url


@pytest.mark.parametrize(
    "url",
    [
        "nats://127.0.0.1:4222/?stream=A", "nats://127.0.0.1:4222/x", "kafka://127.0.0.1:9092/", "redis://127.0.0.1/0",
        "amqp://127.0.0.1/", "amqp://127.0.0.1/?queue=", "nats:///x?stream=A", "redis://127.0.0.1/0?stream=a&durable=b",
        "kafka://ann:hunter2@127.0.0.1/x?stream=a",
    ],
)  # fmt: skip
def test_incomplete_or_unknown_options_are_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_broker(url)
    assert "hunter2" not in str(caught.value)


def test_without_faststream_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"fieldkits\[broker\]"):
        BrokerFeed(EXAMPLES["nats"], follow=True)

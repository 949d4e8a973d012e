"""How each kind of message broker is subscribed to, and how its messages are acknowledged.

    nats://host:4222/SUBJECT?stream=NAME         a durable pull consumer of JetStream
    kafka://host:9092/TOPIC                      a consumer group (kafkas:// for TLS)
    redis://host:6379/DATABASE?stream=NAME       a consumer group of a stream
    amqp://host:5672/VHOST?queue=NAME            a queue of RabbitMQ

``group=NAME`` names the durable consumer or group; monitors with the same share the messages.
Subjects, topics, streams and queues have to exist; none is made or changed here, but for the
group.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from core.errors import ConfigError, hide_secrets

PREFETCH = 512
REDELIVERY_SECONDS = 60
FETCH_SECONDS = 0.25  # NATS: so long a fetch waits to be full, and so long closing waits for it
SETTLE_SECONDS = 0.05
GROUP = "fieldkits"
EXAMPLES = {
    "nats": "nats://127.0.0.1:4222/news.items?stream=NEWS",
    "kafka": "kafka://127.0.0.1:9092/news",
    "redis": "redis://127.0.0.1:6379/0?stream=news",
    "amqp": "amqp://guest@127.0.0.1:5672/?queue=news",
}
KINDS = {"nats": "nats", "tls": "nats", "kafka": "kafka", "kafkas": "kafka", "redis": "redis", "rediss": "redis"}
KINDS |= {"amqp": "amqp", "amqps": "amqp"}
OPTION = {"nats": "stream", "redis": "stream", "amqp": "queue"}
CONSUMER = "monitor"
FIELD = b"__data__"  # where FastStream keeps a message in an entry of a Redis stream

Take = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be subscribed to.

    Attributes:
        kind: ``nats``, ``kafka``, ``redis`` or ``amqp``.
        url: Of the server, with credentials.
        subject: Subject of NATS or topic of Kafka; else empty.
        place: Stream of NATS or Redis, queue of RabbitMQ; else empty.
        group: Durable consumer or group.
    """

    kind: str
    url: str
    subject: str
    place: str
    group: str


@dataclass(frozen=True, slots=True)
class Line:
    """An open subscription.

    Attributes:
        broker: FastStream's.
        name_place: Where a message stood.
        number: Its place in the order in which messages came; several are taken at the same time.
        acknowledge: Tells the broker that messages are kept.
        end: Takes no more messages; those that were fetched are still handed over.
        is_alive: Whether messages are taken.
    """

    broker: Any
    name_place: Callable[[Any], str]
    number: Callable[[Any], int]
    acknowledge: Callable[[Sequence[Any]], Coroutine[Any, Any, None]]
    end: Callable[[], Coroutine[Any, Any, None]]
    is_alive: Callable[[], bool]


def parse_broker(url: str) -> Wanted:
    """What a broker's URL asks for.

    Raises:
        ConfigError: It is incomplete, or has an option that there is not.
    """
    shown = hide_secrets(url)
    parts = urlsplit(url)
    kind = KINDS[parts.scheme.lower()]
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    known = {"group", OPTION.get(kind, "group")}
    if unknown := sorted(set(options) - known):
        expected = " and ".join(sorted(known))
        raise ConfigError("no such option of a broker", where=shown, got=unknown[0], expected=expected)
    place = options.get(OPTION.get(kind, ""), "")
    has_subject = kind in ("nats", "kafka")
    subject = unquote(parts.path.strip("/")) if has_subject else ""
    if (has_subject and not subject) or (kind in OPTION and not place) or not parts.netloc:
        raise ConfigError("does not say what to subscribe to", where=shown, fix=f"as in {EXAMPLES[kind]}")
    server = parts._replace(query="", path="" if has_subject else parts.path).geturl()
    return Wanted(kind, server, subject, place, options.get("group", GROUP))


async def subscribe(wanted: Wanted, take: Take) -> Line:
    """Open a subscription whose messages are handed to ``take``; its broker still has to be started.

    Raises:
        ImportError: FastStream or the broker's client is not installed.
    """
    return await OPEN[wanted.kind](wanted, take)


async def _open_nats(wanted: Wanted, take: Take) -> Line:
    """Pull by hand: FastStream's own loop drops what it is fetching when it stops, for a minute each time.

    What is given back while a request for messages is still open is sent to whoever made it, who
    is gone, and some servers then lose count of it. So the last request ends before that.
    """
    from faststream.nats import NatsBroker, NatsMessage
    from nats.errors import TimeoutError as NothingCame
    from nats.js.api import ConsumerConfig

    broker = NatsBroker(wanted.url, logger=None)
    client = await broker.connect()
    config = ConsumerConfig(ack_wait=REDELIVERY_SECONDS, max_ack_pending=4 * PREFETCH)
    try:
        pull = await client.jetstream().pull_subscribe(
            wanted.subject, durable=wanted.group, stream=wanted.place, config=config
        )
    except BaseException:  # there is no such stream, say
        await broker.stop()
        raise
    ending = asyncio.Event()

    async def pull_on() -> None:
        while not ending.is_set():
            with suppress(NothingCame):
                for message in await pull.fetch(PREFETCH, FETCH_SECONDS):
                    await take(NatsMessage(raw_message=message, body=message.data))

    pulling = asyncio.create_task(pull_on())

    async def end() -> None:
        ending.set()
        with suppress(Exception):  # whatever ended it before
            await pulling
        await pull.unsubscribe()
        await asyncio.sleep(SETTLE_SECONDS)

    def name_place(message: Any) -> str:
        return f"{wanted.place}:{message.raw_message.subject}:{number(message)}"

    def number(message: Any) -> int:
        return int(message.raw_message.metadata.sequence.stream)

    return Line(broker, name_place, number, _acknowledge_each, end, lambda: not pulling.done())


async def _open_kafka(wanted: Wanted, take: Take) -> Line:
    from faststream import AckPolicy
    from faststream.kafka import KafkaBroker
    from faststream.security import BaseSecurity, SASLPlaintext

    parts = urlsplit(wanted.url)
    is_safe = parts.scheme == "kafkas"
    security: Any = BaseSecurity(use_ssl=True) if is_safe else None
    if parts.username:
        security = SASLPlaintext(unquote(parts.username), unquote(parts.password or ""), use_ssl=is_safe)
    servers = parts.netloc.rpartition("@")[2].split(",")
    broker = KafkaBroker(servers, security=security, logger=None)
    subscriber = broker.subscriber(
        wanted.subject,
        group_id=wanted.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        decoder=_keep_body,
    )
    subscriber(_make_handler(take))

    def name_place(message: Any) -> str:
        record = message.raw_message
        return f"{record.topic}[{record.partition}]:{record.offset}"

    return _line(broker, name_place, _as_they_came, _commit_offsets)


async def _open_redis(wanted: Wanted, take: Take) -> Line:
    from faststream import AckPolicy
    from faststream.redis import RedisBroker, StreamSub
    from redis.asyncio import Redis
    from redis.exceptions import ResponseError

    client = Redis.from_url(wanted.url)
    try:
        try:  # FastStream's own way to make a group would leave out what came before it
            await client.xgroup_create(wanted.place, wanted.group, id="0")
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        await _release_pending(client, wanted)
    finally:
        await client.aclose()
    quiet: Any = None  # no logger
    broker = RedisBroker(wanted.url, logger=quiet)
    one: dict[str, Any] = {"group": wanted.group, "consumer": CONSUMER, "max_records": PREFETCH}
    for stream in (  # new entries, and those that somebody took and never acknowledged
        StreamSub(wanted.place, **one),
        StreamSub(wanted.place, **one, min_idle_time=1000 * REDELIVERY_SECONDS, polling_interval=1000),
    ):
        subscriber = broker.subscriber(
            stream=stream, ack_policy=AckPolicy.MANUAL, parser=_pack_fields, decoder=_keep_body
        )
        subscriber(_make_handler(take))

    def name_place(message: Any) -> str:
        return f"{wanted.place}:{message.raw_message['message_ids'][0].decode()}"

    return _line(broker, name_place, _as_they_came)


async def _open_amqp(wanted: Wanted, take: Take) -> Line:
    from faststream import AckPolicy
    from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

    broker = RabbitBroker(wanted.url, logger=None, default_channel=Channel(prefetch_count=PREFETCH))
    subscriber = broker.subscriber(
        RabbitQueue(wanted.place, declare=False), ack_policy=AckPolicy.MANUAL, decoder=_keep_body
    )
    subscriber(_make_handler(take))

    def name_place(message: Any) -> str:
        return f"{wanted.place}:{message.raw_message.message_id or number(message)}"

    def number(message: Any) -> int:
        return int(message.raw_message.delivery_tag)

    return _line(broker, name_place, number)


OPEN = {"nats": _open_nats, "kafka": _open_kafka, "redis": _open_redis, "amqp": _open_amqp}


def _make_handler(take: Take) -> Callable[..., Awaitable[None]]:
    """A function that FastStream calls with each message; it neither converts nor checks anything."""
    from faststream import Context

    current: Any = Context("message")

    async def handle(message: Any = current) -> None:
        await take(message)

    return handle


def _line(
    broker: Any,
    name_place: Callable[[Any], str],
    number: Callable[[Any], int],
    acknowledge: Callable[[Sequence[Any]], Coroutine[Any, Any, None]] | None = None,
) -> Line:
    """A line of subscribers that FastStream runs."""

    async def end() -> None:
        for subscriber in list(broker.subscribers):
            await subscriber.stop()

    def is_alive() -> bool:
        return all(subscriber.running for subscriber in broker.subscribers)

    return Line(broker, name_place, number, acknowledge or _acknowledge_each, end, is_alive)


def _as_they_came(message: Any) -> int:
    return 0


async def _keep_body(message: Any) -> bytes:
    """Leave the body as it came: what is wrong with it is for us to say."""
    return bytes(message.body)


async def _pack_fields(entry: Any, parse: Callable[[Any], Awaitable[Any]]) -> Any:
    """Make one JSON object of the fields of a Redis entry that another program wrote."""
    fields = entry["data"]
    if FIELD not in fields:
        texts = {_to_text(name): _to_text(value) for name, value in fields.items()}
        entry = entry | {"data": {FIELD: json.dumps(texts).encode()}}
    return await parse(entry)


def _to_text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


async def _release_pending(client: Any, wanted: Wanted) -> None:
    """Let entries that an earlier run took and did not acknowledge count as abandoned at once."""
    page, start = 1_000, "-"
    while pending := await client.xpending_range(wanted.place, wanted.group, start, "+", page, CONSUMER):
        ids = [entry["message_id"] for entry in pending]
        idle = 1000 * REDELIVERY_SECONDS
        await client.xclaim(wanted.place, wanted.group, CONSUMER, 0, ids, idle=idle, justid=True)
        start = "(" + ids[-1].decode()


async def _acknowledge_each(messages: Sequence[Any]) -> None:
    for message in messages:
        await message.ack()


async def _commit_offsets(messages: Sequence[Any]) -> None:
    """Commit as far as these messages reach, and not as far as was read ahead."""
    from aiokafka import TopicPartition  # type: ignore[import-untyped]

    reached: dict[Any, dict[TopicPartition, int]] = {}
    for message in messages:
        record = message.raw_message
        offsets = reached.setdefault(message.consumer, {})
        partition = TopicPartition(record.topic, record.partition)
        offsets[partition] = max(offsets.get(partition, 0), record.offset + 1)
    for consumer, offsets in reached.items():
        await consumer.commit(offsets)

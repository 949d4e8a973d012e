"""The outbox is emptied: each message once, in spite of receivers, databases and processes that fail."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from core.deliver import deliverer as notify
from core.deliver.deliverer import Deliverer, choose_pause
from core.deliver.outbox import Outbox
from core.errors import ConfigError
from core.store.database import reading, transaction
from kits.sentiment.config import Channel, NotifyConfig
from kits.sentiment.notify.deliver import open_deliverer, open_outbox
from kits.sentiment.notify.message import Message
from kits.sentiment.notify.outbox import enqueue
from kits.sentiment.store.schema import outbox
from tests.kits.sentiment.mailbox import make_messages, open_engine, store_alerts
from tests.receiver import Receiver, answer, open_receiver

QUICK = NotifyConfig(
    allow_private=True, first_retry_seconds=0.01, max_retry_seconds=0.02, send_seconds=1, max_attempts=4
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with open_engine(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LOOK_SECONDS", 0.02)


@pytest.fixture
def run() -> Iterator[Callable[..., Deliverer]]:
    """Start deliverers, and end them with the test."""
    running: list[Deliverer] = []

    def start(engine: Engine, *channels: Channel, settings: NotifyConfig = QUICK, **values: Any) -> Deliverer:
        running.append(open_deliverer(engine, channels, settings, **values))
        running[-1].start()
        return running[-1]

    yield start
    for deliverer in running:
        deliverer.stop()


def to(receiver: Receiver, name: str = "desk") -> Channel:
    return Channel(name=name, url=f"http://127.0.0.1:{receiver.port}/{name}", secret="key")


def put(engine: Engine, *channels: Channel, count: int = 1) -> list[Message]:
    messages = make_messages(count)
    store_alerts(engine, *messages)
    with transaction(engine) as connection:
        for message in messages:
            enqueue(connection, message, channels)
    return messages


def rows(engine: Engine, channel: str = "desk") -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(outbox).where(outbox.c.channel == channel).order_by(outbox.c.number)))


def wait_until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    waiting = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        waiting.wait(0.02)


def is_settled(engine: Engine, channel: str = "desk") -> bool:
    return all(row.delivered_at or row.given_up_at for row in rows(engine, channel))


def test_messages_arrive_once_and_in_order(engine: Engine, receiver: Receiver, run: Any) -> None:
    messages = put(engine, to(receiver), count=5)
    deliverer = run(engine, to(receiver))
    assert deliverer.drain(15)
    assert [json.loads(post.body)["key"] for post in receiver.posts] == [message.key for message in messages]
    assert [post.headers["Idempotency-Key"] for post in receiver.posts] == [row.key for row in rows(engine)]
    assert all(row.delivered_at and row.attempts == 1 for row in rows(engine))


def test_message_put_out_later_is_sent_when_woken(engine: Engine, receiver: Receiver, run: Any) -> None:
    deliverer = run(engine, to(receiver))
    assert deliverer.drain(15)
    put(engine, to(receiver))
    deliverer.wake()
    receiver.wait_for(1)


def test_failing_receiver_is_tried_until_it_works_with_the_same_key(
    engine: Engine, receiver: Receiver, run: Any
) -> None:
    receiver.answers = [answer(500), lambda handler, post: None, answer(200)]
    put(engine, to(receiver))
    run(engine, to(receiver))
    wait_until(lambda: is_settled(engine))
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == 1
    (row,) = rows(engine)
    assert (row.attempts, row.given_up_at, row.last_error) == (3, None, None)


def test_message_is_given_up_after_the_attempts_with_the_reason(engine: Engine, receiver: Receiver, run: Any) -> None:
    receiver.answers = [answer(404)]
    put(engine, to(receiver))
    run(engine, to(receiver))
    wait_until(lambda: is_settled(engine))
    (row,) = rows(engine)
    assert (row.attempts, row.delivered_at, row.last_error) == (4, None, "it answered 404")
    assert len(receiver.posts) == 4


def test_one_message_that_fails_does_not_hold_up_the_next(engine: Engine, receiver: Receiver, run: Any) -> None:
    bad = put(engine, to(receiver), count=3)[0].key

    def choose(handler: Any, post: Any) -> None:
        answer(500 if json.loads(post.body)["key"] == bad else 200)(handler, post)

    receiver.answers = [choose]
    run(engine, to(receiver), settings=QUICK.model_copy(update={"first_retry_seconds": 900, "max_retry_seconds": 900}))
    wait_until(lambda: [bool(row.delivered_at) for row in rows(engine)] == [False, True, True])
    assert rows(engine)[0].attempts == 1


@pytest.mark.parametrize("way", ["hang", "refuse"])
def test_channel_that_fails_delays_no_other(engine: Engine, receiver: Receiver, run: Any, way: str) -> None:
    with open_receiver() as stuck, socket.socket() as free:
        stuck.answers = [stuck.hang]
        free.bind(("127.0.0.1", 0))
        port = stuck.port if way == "hang" else free.getsockname()[1]
        other = Channel(name="stuck", url=f"http://127.0.0.1:{port}/")
        put(engine, other, to(receiver), count=6)
        begun = time.monotonic()
        run(engine, other, to(receiver), settings=QUICK.model_copy(update={"send_seconds": 30}))
        wait_until(lambda: is_settled(engine))
        assert time.monotonic() - begun < 10
        assert not any(row.delivered_at for row in rows(engine, "stuck"))
        stuck.released.set()


def test_several_processes_send_each_message_once(engine: Engine, receiver: Receiver, run: Any) -> None:
    put(engine, to(receiver), count=20)
    for _ in range(3):
        run(engine, to(receiver))
    wait_until(lambda: is_settled(engine))
    assert len(receiver.posts) == 20
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == 20


def test_message_of_a_sender_that_died_is_sent_by_the_next_under_the_same_key(
    engine: Engine, receiver: Receiver, run: Any
) -> None:
    put(engine, to(receiver))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert open_outbox(engine).claim("desk", timedelta(seconds=5), datetime.now(UTC) + timedelta(seconds=1))  # and dies
    run(engine, to(receiver), now=lambda: later)
    wait_until(lambda: is_settled(engine))
    assert [post.headers["Idempotency-Key"] for post in receiver.posts] == [rows(engine)[0].key]
    assert rows(engine)[0].attempts == 2


def test_message_whose_senders_always_die_is_given_up(engine: Engine, receiver: Receiver, run: Any) -> None:
    put(engine, to(receiver))
    at = datetime.now(UTC) + timedelta(seconds=1)
    for number in range(QUICK.max_attempts):
        assert open_outbox(engine).claim("desk", timedelta(seconds=1), at + timedelta(seconds=2 * number))
    run(engine, to(receiver), now=lambda: at + timedelta(hours=1))
    wait_until(lambda: is_settled(engine))
    assert rows(engine)[0].last_error == "the last attempt was interrupted"
    assert receiver.posts == []


def test_receiver_that_asks_for_time_gets_it(engine: Engine, receiver: Receiver, run: Any) -> None:
    receiver.answers = [answer(429, {"Retry-After": "120"})]
    put(engine, to(receiver))
    at = datetime.now(UTC) + timedelta(seconds=1)
    run(engine, to(receiver), settings=QUICK.model_copy(update={"max_retry_seconds": 3600}), now=lambda: at)
    wait_until(lambda: rows(engine)[0].last_error is not None)
    assert rows(engine)[0].next_at == at + timedelta(seconds=120)


def test_stop_lets_the_delivery_under_way_end(engine: Engine, receiver: Receiver, run: Any) -> None:
    def slow(handler: Any, post: Any) -> None:
        receiver.released.wait(20)
        answer(200)(handler, post)

    receiver.answers = [slow]
    put(engine, to(receiver), count=2)
    deliverer = run(engine, to(receiver), settings=QUICK.model_copy(update={"send_seconds": 20}))
    receiver.wait_for(1)
    ending = threading.Thread(target=deliverer.stop)
    ending.start()
    receiver.released.set()
    ending.join(15)
    assert [bool(row.delivered_at) for row in rows(engine)] == [True, False]


def test_drain_waits_for_what_is_due_and_not_for_what_waits(engine: Engine, receiver: Receiver, run: Any) -> None:
    receiver.answers = [answer(500)]
    put(engine, to(receiver), count=3)
    settings = QUICK.model_copy(update={"first_retry_seconds": 900, "max_retry_seconds": 900})
    deliverer = run(engine, to(receiver), settings=settings)
    assert deliverer.drain(15)
    assert [row.attempts for row in rows(engine)] == [1, 1, 1]


def test_drain_ends_in_time_if_a_channel_hangs(engine: Engine, receiver: Receiver, run: Any) -> None:
    receiver.answers = [receiver.hang]
    put(engine, to(receiver))
    deliverer = run(engine, to(receiver), settings=QUICK.model_copy(update={"send_seconds": 30}))
    assert not deliverer.drain(0.2)
    receiver.released.set()


def test_database_that_fails_for_a_while_loses_and_doubles_nothing(
    tmp_path: Path, receiver: Receiver, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = {"claim": 2, "note_delivered": 2}

    def flaky(name: str, work: Any) -> Any:
        def tried(*values: Any) -> Any:
            if failures[name]:
                failures[name] -= 1
                raise OperationalError("stopped", None, Exception())
            return work(*values)

        return tried

    for name in failures:
        monkeypatch.setattr(Outbox, name, flaky(name, getattr(Outbox, name)))
    monkeypatch.setattr(notify, "FIRST_DATABASE_PAUSE_SECONDS", 0.01)
    with open_engine("sqlite", tmp_path) as engine:
        put(engine, to(receiver), count=2)
        deliverer = run(engine, to(receiver))
        wait_until(lambda: is_settled(engine))
        deliverer.stop()
    assert len(receiver.posts) == 2


def test_message_that_cannot_be_worded_does_not_end_the_channel(tmp_path: Path, receiver: Receiver, run: Any) -> None:
    with open_engine("sqlite", tmp_path) as engine:
        put(engine, to(receiver), count=2)
        with transaction(engine) as connection:
            first = rows(engine)[0]
            connection.execute(outbox.update().where(outbox.c.number == first.number).values(payload={"what": "?"}))
        deliverer = run(engine, to(receiver))
        wait_until(lambda: is_settled(engine))
        deliverer.stop()
        assert [bool(row.delivered_at) for row in rows(engine)] == [False, True]
        assert rows(engine)[0].last_error == "it could not be sent: KeyError"


def test_secrets_are_nowhere_in_the_database(tmp_path: Path, run: Any) -> None:
    with open_engine("sqlite", tmp_path) as engine:
        channel = Channel(name="desk", url="http://127.0.0.1:9/hunter2?t=hunter3", secret="hunter4")
        put(engine, channel)
        deliverer = run(engine, channel)
        wait_until(lambda: is_settled(engine))
        deliverer.stop()
        assert "hunter" not in str([tuple(row) for row in rows(engine)])


def test_wrong_channel_is_refused_before_anything_is_sent(tmp_path: Path, receiver: Receiver) -> None:
    with open_engine("sqlite", tmp_path) as engine, pytest.raises(ConfigError):
        open_deliverer(engine, [to(receiver), Channel(name="x", url="nonsense")], QUICK)


@given(st.integers(1, 10_000), st.integers(0, 2**32), st.none() | st.floats(0, 1e9))
def test_pause_is_within_its_bounds(attempts: int, seed: int, asked: float | None) -> None:
    settings = NotifyConfig()
    pause = choose_pause(attempts, settings, Random(seed), asked)
    assert 0 <= pause <= settings.max_retry_seconds
    assert pause <= 5.0 * 2 ** min(attempts - 1, 60) or (asked is not None and pause == min(asked, 3600.0))
    assert asked is None or pause >= min(asked, settings.max_retry_seconds)

"""Who is told, what is due, and that nothing is lost or claimed twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from core.deliver.outbox import Due
from core.store.database import reading, transaction
from kits.sentiment.config import Channel
from kits.sentiment.notify.deliver import open_outbox
from kits.sentiment.notify.message import Message, make_message
from kits.sentiment.notify.outbox import enqueue, from_payload, is_told, to_payload
from kits.sentiment.store.schema import outbox
from tests.kits.sentiment.mailbox import NOON, make_alert, make_messages, open_engine, store_alerts

LEASE = timedelta(seconds=60)
DESK = Channel(name="desk", url="json://x")
ALL, NIGHT = ("*",), Channel(name="night", url="json://x", escalation=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with open_engine(request.param, tmp_path) as opened:
        yield opened


def put(engine: Engine, *messages: Message, channels: tuple[Channel, ...] = (DESK,)) -> list[int]:
    with transaction(engine) as connection:
        return [enqueue(connection, message, channels) for message in messages]


def rows(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.number)))


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


def claim(engine: Engine, at: datetime, channel: str = "desk") -> Due | None:
    return open_outbox(engine).claim(channel, LEASE, at)


def test_message_comes_out_as_it_went_in(engine: Engine) -> None:
    message = make_message("opened", NOON, [make_alert(titles=("Bank “hacked” 😱", "央行"))])
    store_alerts(engine, message)
    assert put(engine, message) == [1]
    due = claim(engine, soon())
    assert due is not None
    assert (from_payload(due.payload), due.attempts) == (message, 1)


def test_same_message_is_put_out_once(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)
    put(engine, message, message)
    put(engine, message)
    assert len(rows(engine)) == 1


def test_nothing_is_put_out_if_the_transaction_fails(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)

    def fail() -> None:
        with transaction(engine) as connection:
            enqueue(connection, message, [DESK])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert rows(engine) == []


def test_channel_is_told_only_of_its_alerts(engine: Engine) -> None:
    credit = Channel(name="credit", url="json://x", series=("topic:credit", "company:A*"))
    boss = Channel(name="boss", url="json://x", min_severity="critical")
    alerts = [make_alert("topic:credit"), make_alert("topic:legal", "critical"), make_alert("company:ACME")]
    message = make_message("opened", NOON, alerts)
    store_alerts(engine, message)
    assert put(engine, message, channels=(DESK, credit, boss, NIGHT)) == [3]
    told = {row.channel: {alert["series"] for alert in row.payload["alerts"]} for row in rows(engine)}
    everything = {"topic:credit", "topic:legal", "company:ACME"}
    assert told == {"desk": everything, "credit": {"topic:credit", "company:ACME"}, "boss": {"topic:legal"}}
    assert len({row.key for row in rows(engine)}) == 3


@pytest.mark.parametrize(
    ("what", "is_escalated", "desk", "night"),
    [
        ("opened", False, True, False), ("worsened", False, True, False), ("worsened", True, True, False),
        ("escalated", True, False, True), ("resolved", False, True, False), ("resolved", True, True, True),
        ("withdrawn", True, True, True),
    ],
)  # fmt: skip
def test_escalation_channel_hears_of_what_was_escalated(what: Any, is_escalated: bool, desk: bool, night: bool) -> None:
    alert = make_alert(is_escalated=is_escalated)
    assert (is_told(DESK, what, alert), is_told(NIGHT, what, alert)) == (desk, night)


def test_claimed_message_is_nobody_elses_until_its_lease_ends(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)
    put(engine, message)
    at = soon()
    assert claim(engine, at) is not None
    assert claim(engine, at + LEASE - timedelta(seconds=1)) is None
    again = claim(engine, at + LEASE)
    assert again is not None
    assert again.attempts == 2


def test_delivered_message_is_not_claimed_again(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)
    put(engine, message)
    at = soon()
    due = claim(engine, at)
    assert due is not None
    open_outbox(engine).note_delivered(due, at)
    assert claim(engine, at + timedelta(days=9)) is None
    assert (rows(engine)[0].delivered_at, rows(engine)[0].last_error) == (at, None)


def test_failed_message_waits_for_its_time_with_its_reason(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)
    put(engine, message)
    at = soon()
    due = claim(engine, at)
    assert due is not None
    open_outbox(engine).note_failed(due, "it answered 500", at + timedelta(minutes=5), at)
    assert claim(engine, at + timedelta(minutes=4)) is None
    assert rows(engine)[0].last_error == "it answered 500"
    assert claim(engine, at + timedelta(minutes=5)) is not None


def test_given_up_message_is_kept_with_its_reason(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)
    put(engine, message)
    at = soon()
    due = claim(engine, at)
    assert due is not None
    open_outbox(engine).note_failed(due, "x" * 5000, None, at)
    assert claim(engine, at + timedelta(days=9)) is None
    assert rows(engine)[0].given_up_at == at
    assert len(rows(engine)[0].last_error) == 300


def test_sender_that_lost_its_lease_does_not_undo_what_the_next_one_does(engine: Engine) -> None:
    (message,) = make_messages(1)
    store_alerts(engine, message)
    put(engine, message)
    at = soon()
    slow = claim(engine, at)
    fast = claim(engine, at + LEASE)
    assert slow is not None
    assert fast is not None
    open_outbox(engine).note_failed(slow, "late", None, at + LEASE)
    assert rows(engine)[0].given_up_at is None
    open_outbox(engine).note_delivered(fast, at + LEASE)
    open_outbox(engine).note_failed(fast, "late", None, at + LEASE)
    assert (rows(engine)[0].given_up_at, rows(engine)[0].last_error) == (None, None)


def test_end_of_an_alert_is_not_told_before_its_beginning(engine: Engine) -> None:
    opened = make_message("opened", NOON, [make_alert("topic:credit")])
    resolved = make_message("resolved", NOON, [make_alert("topic:credit", state="resolved")])
    other = make_message("opened", NOON, [make_alert("topic:legal")])
    store_alerts(engine, opened, other)
    put(engine, opened, resolved, other)
    at = soon()
    first, second = claim(engine, at), claim(engine, at)
    assert first is not None
    assert second is not None
    assert (from_payload(first.payload), from_payload(second.payload)) == (opened, other)
    assert claim(engine, at) is None
    open_outbox(engine).note_delivered(first, at)
    third = claim(engine, at)
    assert third is not None
    assert from_payload(third.payload) == resolved


def test_many_senders_claim_each_message_once(engine: Engine) -> None:
    messages = make_messages(24)
    store_alerts(engine, *messages)
    put(engine, *messages)
    at, claimed, together = soon(), [], threading.Barrier(6)

    def work() -> None:
        together.wait(10)
        while due := claim(engine, at):
            claimed.append(due.number)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(claimed) == len(set(claimed))
    while due := claim(engine, at):  # what a sender skipped because another held it
        claimed.append(due.number)
    assert sorted(claimed) == [row.number for row in rows(engine)]


def test_messages_for_channels_that_are_gone_are_counted(engine: Engine) -> None:
    messages = make_messages(3)
    store_alerts(engine, *messages)
    put(engine, *messages, channels=(DESK, Channel(name="old", url="json://x")))
    assert open_outbox(engine).count_stranded(["desk"]) == {"old": 3}
    assert open_outbox(engine).count_stranded(["desk", "old"]) == {}


@given(st.text(), st.none() | st.text(), st.floats(0, 1), st.integers(1, 10**9))
def test_any_message_survives_the_way_through_json(title: str, url: str | None, negative: float, reach: int) -> None:
    import json

    from kits.sentiment.notify.message import ToldStory

    story = ToldStory("s", "i", title, url, title, NOON, negative, reach)
    message = make_message("resolved", NOON, [make_alert(stories=(story,))])
    assert from_payload(json.loads(json.dumps(to_payload(message)))) == message

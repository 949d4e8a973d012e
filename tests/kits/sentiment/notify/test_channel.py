"""Channels as configured: opened or refused without showing what is secret, and sent to."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.deliver.post import Failure
from core.errors import ConfigError
from kits.sentiment.config import Channel, NotifyConfig, read_config
from kits.sentiment.notify.channel import open_channel, parse_channel
from kits.sentiment.notify.message import make_message
from tests.kits.sentiment.command import SAMPLE, succeed
from tests.kits.sentiment.mailbox import NOON, make_alert
from tests.receiver import Receiver, answer, open_receiver

LOCAL = NotifyConfig(allow_private=True, send_seconds=5)
MESSAGE = make_message("opened", NOON, [make_alert(titles=("Bank hit by @channel <attack>",))])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as running:
        yield running


def make(url: str, **values: Any) -> Channel:
    return Channel(name="desk", url=url, **values)


def test_webhook_gets_words_and_numbers(receiver: Receiver) -> None:
    channel = make(f"http://127.0.0.1:{receiver.port}/", language="zh", secret="key")
    assert open_channel(channel, LOCAL).send(MESSAGE, "k1") is None
    body = json.loads(receiver.posts[0].body)
    assert (body["id"], body["what"], body["title"]) == ("k1", "opened", "警告：security 负面新闻激增")
    assert body["alerts"][0]["evidence"]["count"] == 12
    assert body["alerts"][0]["stories"][0]["title"] == "Bank hit by @channel <attack>"


def test_every_attempt_has_the_same_body(receiver: Receiver) -> None:
    sender = open_channel(make(f"http://127.0.0.1:{receiver.port}/"), LOCAL)
    sender.send(MESSAGE, "k1")
    sender.send(MESSAGE, "k1")
    assert receiver.posts[0].body == receiver.posts[1].body


def test_service_gets_title_and_words(receiver: Receiver) -> None:
    assert open_channel(make(f"json://127.0.0.1:{receiver.port}/in"), LOCAL).send(MESSAGE, "k1") is None
    body = json.loads(receiver.posts[0].body)
    assert body["title"] == "Warning: surge of negative news on security"
    assert "- Bank hit by ＠channel ＜attack＞ (Harbour Wire, 12:00)" in body["message"]
    assert body["type"] == "warning"


def test_service_that_refuses_is_a_failure_with_its_status(receiver: Receiver) -> None:
    receiver.answers = [answer(503)]
    failure = open_channel(make(f"json://127.0.0.1:{receiver.port}/in"), LOCAL).send(MESSAGE, "k1")
    assert failure == Failure("the service answered 503")


def test_service_is_not_followed_elsewhere(receiver: Receiver) -> None:
    receiver.answers = [answer(307, {"Location": f"http://127.0.0.1:{receiver.port}/other"}), answer(200)]
    failure = open_channel(make(f"json://127.0.0.1:{receiver.port}/in"), LOCAL).send(MESSAGE, "k1")
    assert failure is not None
    assert len(receiver.posts) == 1


def test_service_that_does_not_end_is_left_and_not_begun_again(receiver: Receiver) -> None:
    receiver.answers = [receiver.trickle]
    sender = open_channel(make(f"json://127.0.0.1:{receiver.port}/in"), NotifyConfig(send_seconds=0.4))
    begun = time.monotonic()
    assert sender.send(MESSAGE, "k1") == Failure("no answer within 0.4 s")
    assert sender.send(MESSAGE, "k1") == Failure("the delivery before has still not ended")
    assert time.monotonic() - begun < 3
    assert len(receiver.posts) == 1


def test_secrets_come_from_the_environment(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_URL", f"http://127.0.0.1:{receiver.port}/")
    monkeypatch.setenv("DESK_KEY", "hunter2")
    assert open_channel(make("env:DESK_URL", secret="env:DESK_KEY"), LOCAL).send(MESSAGE, "k1") is None
    assert "X-Fieldkits-Signature" in receiver.posts[0].headers


@pytest.mark.parametrize("field", ["url", "secret"])
def test_environment_variable_that_is_not_set_is_named(field: str) -> None:
    values = {"url": "https://a.example/", "secret": "s"} | {field: "env:FIELDKITS_NOT_SET"}
    with pytest.raises(ConfigError) as caught:
        open_channel(Channel(name="desk", **values), LOCAL)  # type: ignore[arg-type]
    assert f"notify.channels.desk.{field}" in str(caught.value)
    assert "FIELDKITS_NOT_SET" in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense://hunter2@x", "hunter2", "slack://hunter2"])
def test_unknown_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_channel(make(url), LOCAL)
    assert "hunter2" not in str(caught.value)


def test_webhook_without_a_secret_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("fieldkits")
    logger.addHandler(caplog.handler)
    open_channel(make("https://a.example/"), LOCAL)
    logger.removeHandler(caplog.handler)
    assert "not signed" in caplog.text


def test_channel_shows_neither_address_nor_secret() -> None:
    shown = repr(NotifyConfig(channels=(make("slack://hunter2/x", secret="hunter3"),)))
    assert "hunter" not in shown


def test_failure_of_a_service_shows_no_token(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.answers = [lambda handler, post: None]
    caplog.set_level(logging.DEBUG)
    failure = open_channel(make(f"json://me:hunter2@127.0.0.1:{receiver.port}/hunter3"), LOCAL).send(MESSAGE, "k1")
    assert failure == Failure("the connection to the service failed")
    assert "hunter" not in caplog.text


def test_channels_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="different names"):
        NotifyConfig(channels=(make("json://a"), make("json://b")))


def test_option_becomes_a_channel_named_after_its_url_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIELDKITS_WEBHOOK_SECRET", raising=False)
    channel = parse_channel("https://a.example/hunter2")
    assert (channel.url, channel.secret, channel.series) == ("https://a.example/hunter2", None, ("*",))
    assert channel == parse_channel("https://a.example/hunter2")
    assert channel.name.startswith("https-")
    assert "hunter" not in channel.name
    assert channel.name != parse_channel("https://a.example/hunter3").name
    monkeypatch.setenv("FIELDKITS_WEBHOOK_SECRET", "hunter2")
    assert parse_channel("https://a.example/").secret == "env:FIELDKITS_WEBHOOK_SECRET"


def test_channels_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[[notify.channels]]\nname = "desk"\nurl = "env:X"\nseries = ["topic:*"]\n'
        '[[notify.channels]]\nname = "boss"\nurl = "env:Y"\nmin_severity = "critical"\nlanguage = "zh"\n'
    )
    assert [channel.name for channel in read_config(config=file).notify.channels] == ["desk", "boss"]


def test_model_folder_holds_no_address_of_a_channel_or_database(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'store.url = "postgresql+psycopg://me:hunter2@db/news"\n'
        '[[notify.channels]]\nname = "desk"\nurl = "slack://hunter3"\nsecret = "hunter4"\n'
    )
    model = tmp_path / "model"
    quick = ("--set", "train.rungs=tfidf", "--set", "evaluate.bootstrap_samples=50")
    succeed("train", "--config", file, "--data", SAMPLE / "test_zh.csv", "--out", model, *quick)
    found = [path.name for path in model.rglob("*") if path.is_file() and b"hunter" in path.read_bytes()]
    assert found == []

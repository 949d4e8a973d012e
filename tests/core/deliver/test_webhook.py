"""One POST: signed, bounded, not led astray."""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core.deliver.post import Failure, Limits, read_retry
from core.deliver.signature import is_signed, sign
from core.deliver.webhook import Webhook, open_webhook
from core.errors import ConfigError
from tests.receiver import Receiver, answer, open_receiver

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
BODY = '{"text": "标题"}'.encode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as running:
        yield running


def hook(port: int, seconds: float = 5.0, allow_private: bool = True, secret: str | None = "key") -> Webhook:
    limits = Limits(seconds, allow_private, "notify.allow_private")
    return open_webhook(f"http://127.0.0.1:{port}/in?x=1", secret, limits, "here")


def test_post_arrives_as_it_was_signed_with_its_key(receiver: Receiver) -> None:
    assert hook(receiver.port).post(BODY, "abc") is None
    (post,) = receiver.posts
    assert (post.path, post.body, post.headers["Idempotency-Key"]) == ("/in?x=1", BODY, "abc")
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", post.headers["X-Fieldkits-Signature"])
    assert found
    assert hmac.new(b"key", f"{found[1]}.".encode() + post.body, hashlib.sha256).hexdigest() == found[2]
    assert abs(int(found[1]) - time.time()) < 60


def test_signature_changes_with_key_time_and_body() -> None:
    made = {sign(b"a", b"1", 1), sign(b"b", b"1", 1), sign(b"a", b"2", 1), sign(b"a", b"1", 2)}
    assert len(made) == 4


def test_signature_holds_for_its_body_its_key_and_five_minutes() -> None:
    made = sign(b"a", BODY, 1_000)
    assert is_signed(b"a", BODY, made, 700)
    assert is_signed(b"a", BODY, made, 1_300)
    assert not is_signed(b"a", BODY, made, 699)
    assert not is_signed(b"a", BODY, made, 1_301)
    assert not is_signed(b"b", BODY, made, 1_000)
    assert not is_signed(b"a", BODY + b" ", made, 1_000)


ZEROS = "0" * 64


@pytest.mark.parametrize("value", ["", "t=1000", "v1=00", "t=1000,v1=é", f"t=-1,v1={ZEROS}", f"t=²,v1={ZEROS}", "\0"])
def test_what_is_no_signature_is_none(value: str) -> None:
    assert not is_signed(b"a", BODY, value, 1_000)


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    assert hook(receiver.port, secret=None).post(BODY, "abc") is None
    assert "X-Fieldkits-Signature" not in receiver.posts[0].headers


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_a_status_from_200_to_299(receiver: Receiver, status: int) -> None:
    receiver.answers = [answer(status)]
    assert hook(receiver.port).post(BODY, "abc") is None


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_other_status_is_a_failure_that_names_it(receiver: Receiver, status: int) -> None:
    receiver.answers = [answer(status, {"Retry-After": "17"})]
    assert hook(receiver.port).post(BODY, "abc") == Failure(f"it answered {status}", 17.0)


def test_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [answer(302, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}), answer(200)]
    failure = hook(receiver.port).post(BODY, "abc")
    assert failure is not None
    assert "302" in failure.reason
    assert [post.path for post in receiver.posts] == ["/in?x=1"]


@pytest.mark.parametrize("way", ["hang", "trickle"])
def test_receiver_that_does_not_end_is_given_up_in_time(receiver: Receiver, way: str) -> None:
    receiver.answers = [getattr(receiver, way)]
    begun = time.monotonic()
    failure = hook(receiver.port, seconds=0.4).post(BODY, "abc")
    assert failure is not None
    assert "0.4 s" in failure.reason
    assert time.monotonic() - begun < 3


def test_huge_answer_is_not_read(receiver: Receiver) -> None:
    def flood(handler, post) -> None:  # type: ignore[no-untyped-def]
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        try:
            for _ in range(2000):
                handler.wfile.write(b"x" * 1_000_000)
        except OSError:
            return

    receiver.answers = [flood]
    begun = time.monotonic()
    assert hook(receiver.port).post(BODY, "abc") is None
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff\xfe garbage\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_garbage_is_a_failure(receiver: Receiver, garbage: bytes) -> None:
    receiver.answers = [lambda handler, post: handler.wfile.write(garbage)]  # type: ignore[list-item, return-value]
    failure = hook(receiver.port).post(BODY, "abc")
    assert failure is not None
    assert failure.reason.startswith("the connection failed")


def test_endless_header_is_a_failure(receiver: Receiver) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(5000)) + b"\r\n"
    receiver.answers = [lambda handler, post: handler.wfile.write(head)]  # type: ignore[list-item, return-value]
    failure = hook(receiver.port).post(BODY, "abc")
    assert failure is not None


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    failure = hook(port).post(BODY, "abc")
    assert failure == Failure("the connection failed: Connection refused")


def test_plain_server_behind_https_is_a_failure(receiver: Receiver) -> None:
    made = open_webhook(f"https://127.0.0.1:{receiver.port}/", "key", Limits(5, True, ""), "here")
    failure = made.post(BODY, "abc")
    assert failure is not None
    assert receiver.posts == []


PRIVATE = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.7", "169.254.169.254")


@pytest.mark.parametrize("host", PRIVATE)
def test_private_address_is_refused_unless_allowed(receiver: Receiver, host: str) -> None:
    made = open_webhook(f"http://{host}:{receiver.port}/", "key", Limits(2, False, "notify.allow_private"), "here")
    assert made.post(BODY, "abc") == Failure("its address is private: notify.allow_private")
    assert receiver.posts == []


@pytest.mark.parametrize(
    "url", ["https://", "http:///path", "https://a b/", "https://host:99999/", "https://host:x/", "http://2130706433/"]
)
def test_incomplete_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_webhook(url, None, Limits(1, False, ""), "notify.channels.x.url")
    assert caught.value.where == "notify.channels.x.url"


def test_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        open_webhook("https://me:hunter2@host/", None, Limits(1, False, ""), "here")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1" * 50, "\x00"])
def test_retry_after_that_says_nothing_is_ignored(value: str | None) -> None:
    assert read_retry(value, NOON) is None


def test_retry_after_in_the_past_is_now() -> None:
    assert read_retry("Thu, 15 Jan 2026 11:00:00 GMT", NOON) == 0.0

"""Sends one signed HTTP POST: no redirects, bounded in time and size, to no address that is not allowed.

The receiver computes the signature itself and compares, and drops what is too old or has been seen:

    t, v1 = values of the header X-Fieldkits-Signature: t=…,v1=…
    hmac_sha256(key, t + "." + body) == v1      and |now - t| < 5 minutes
    Idempotency-Key was not seen before
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Timer

from core.errors import ConfigError
from kits.sentiment.feed.guard import Target, find_addresses, parse_target, resolve
from kits.sentiment.feed.record import FeedError


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery did not happen.

    Attributes:
        reason: For people; holds no address and no secret.
        retry_seconds: How long the receiver asks to be left alone; None if it does not say.
    """

    reason: str
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post to, and how.

    Attributes:
        target: The address in its parts.
        secret: Key of the signature; None: not signed.
        seconds: For everything together, from the connection to the head of the answer.
        allow_private: Whether the address may be one that is not public.
    """

    target: Target
    secret: bytes | None
    seconds: float
    allow_private: bool

    def post(self, body: bytes, key: str) -> Failure | None:
        """Post JSON.

        Args:
            body: What is sent, and signed.
            key: The Idempotency-Key.

        Returns:
            None if the receiver answered with a status of 200 to 299. The text of its answer is not
            read: whatever it holds, and however long it is, it changes nothing.
        """
        deadline = time.monotonic() + self.seconds
        try:
            return self._post(body, key)
        except FeedError as error:
            is_refused = error.got is not None
            return Failure("its address is private: notify.allow_private" if is_refused else error.what)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() >= deadline or isinstance(error, TimeoutError):
                return Failure(f"no answer within {self.seconds:g} s")
            return Failure(f"the connection failed: {_explain(error)}")

    def _post(self, body: bytes, key: str) -> Failure | None:
        target = self.target
        wires = [_connect(target, self.seconds, self.allow_private)]
        # A limit for each read alone would let a receiver that sends byte by byte go on for ever.
        watch = Timer(self.seconds, _cut, (wires,))
        watch.daemon = True
        watch.start()
        try:
            if target.scheme == "https":
                context = ssl.create_default_context()
                secure = context.wrap_socket(wires[0], server_hostname=target.host, do_handshake_on_connect=False)
                wires.append(secure)
                secure.do_handshake()
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = wires[-1]
            connection.request("POST", target.path, body, self._headers(body, key))
            return _judge(connection.getresponse())
        finally:
            watch.cancel()
            wires[-1].close()

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        headers = {
            "Host": self.target.netloc,
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "fieldkits",
            "Idempotency-Key": key,
            "Connection": "close",
        }
        if self.secret is not None:
            headers["X-Fieldkits-Signature"] = sign(self.secret, body, int(time.time()))
        return headers


def open_webhook(url: str, secret: str | None, seconds: float, allow_private: bool, where: str) -> Webhook:
    """Check a webhook's address.

    Raises:
        ConfigError: It is incomplete, or holds a name and password, which belong into no address.
    """
    try:
        target = parse_target(url)
    except FeedError as error:
        raise ConfigError(error.what, where=where, expected="https://HOST/PATH") from None
    if target.login:
        raise ConfigError("holds a name or password", where=where, fix="the webhook is signed instead: give a secret")
    return Webhook(target, secret.encode() if secret else None, seconds, allow_private)


def sign(secret: bytes, body: bytes, at: int) -> str:
    """The value of ``X-Fieldkits-Signature``.

    Args:
        secret: The key that both sides know.
        body: As it is sent, byte by byte.
        at: Seconds since 1970.

    >>> sign(b"key", b"{}", 1767571200)[:32]
    't=1767571200,v1=33e5d1584da9c1aa'
    """
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _connect(target: Target, seconds: float, allow_private: bool) -> socket.socket:
    """Connect to the very address that was looked at, so that no second look-up can lead elsewhere."""
    deadline = time.monotonic() + seconds
    last: OSError = OSError("no address")
    for address in find_addresses(target, resolve, may_be_private=allow_private):
        try:
            return socket.create_connection((str(address), target.port), max(0.01, deadline - time.monotonic()))
        except OSError as error:
            last = error
    raise last


def _cut(wires: list[socket.socket]) -> None:
    """End a connection under whoever waits for it."""
    try:
        socket.socket.shutdown(wires[-1], socket.SHUT_RDWR)  # not SSLSocket's, which would take the reader's state away
    except OSError:
        return  # it has ended by itself


def _judge(answer: http.client.HTTPResponse) -> Failure | None:
    if 200 <= answer.status < 300:
        return None
    if 300 <= answer.status < 400:
        return Failure(f"it answered {answer.status}: redirects are not followed")
    return Failure(f"it answered {answer.status}", read_retry(answer.headers.get("Retry-After"), datetime.now(UTC)))


def read_retry(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None if it cannot be read.

    >>> read_retry("120", datetime(2026, 1, 5, tzinfo=UTC))
    120.0
    >>> read_retry("Mon, 05 Jan 2026 00:01:30 GMT", datetime(2026, 1, 5, tzinfo=UTC))
    90.0
    """
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _explain(error: Exception) -> str:
    """What went wrong, without what the error says itself: that may hold the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not valid"
    if isinstance(error, http.client.HTTPException):
        return "the answer is no HTTP"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

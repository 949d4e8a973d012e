"""Sends one HTTP POST: no redirects, bounded in time and size, to no address that is not allowed."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Timer

from core.deliver.address import AddressError, Target, find_addresses, parse_target, resolve
from core.errors import ConfigError


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
class Limits:
    """What a request may take, and where it may go.

    Attributes:
        seconds: For everything together, from the connection to the end of what is read of the answer.
        allow_private: Whether the address may be one that is not public.
        setting: What allows that, for the reason of a failure.
    """

    seconds: float
    allow_private: bool
    setting: str


def open_target(url: str, where: str) -> Target:
    """Check the address that is to be posted to.

    Args:
        url: http or https.
        where: The setting that holds it.

    Raises:
        ConfigError: It is incomplete, or holds a name and password, which belong into no address.
    """
    try:
        target = parse_target(url)
    except AddressError as error:
        raise ConfigError(error.what, where=where, expected="https://HOST/PATH") from None
    if target.login:
        raise ConfigError("holds a name or password", where=where, fix="give them as a secret of their own")
    return target


def post(
    target: Target, body: bytes, headers: Mapping[str, str], limits: Limits, most_bytes: int = 0
) -> bytes | Failure:
    """Post JSON.

    Args:
        target: Where to.
        body: What is sent.
        headers: Beside those that every request has.
        limits: Time, and whether to a private address.
        most_bytes: How much of the answer is read; with 0 it changes nothing, whatever it holds.

    Returns:
        What was read, if the receiver answered with a status of 200 to 299.
    """
    deadline = time.monotonic() + limits.seconds
    try:
        return _post(target, body, headers, limits, most_bytes)
    except AddressError as error:
        is_refused = error.got is not None
        return Failure(f"its address is private: {limits.setting}" if is_refused else error.what)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline or isinstance(error, TimeoutError):
            return Failure(f"no answer within {limits.seconds:g} s")
        return Failure(f"the connection failed: {_explain(error)}")


def _post(
    target: Target, body: bytes, headers: Mapping[str, str], limits: Limits, most_bytes: int
) -> bytes | Failure:
    wires = [_connect(target, limits)]
    # A limit for each read alone would let a receiver that sends byte by byte go on for ever.
    watch = Timer(limits.seconds, _cut, (wires,))
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
        connection.request("POST", target.path, body, _always(target) | dict(headers))
        answer = connection.getresponse()
        return _judge(answer) or answer.read(most_bytes)
    finally:
        watch.cancel()
        wires[-1].close()


def _always(target: Target) -> dict[str, str]:
    return {
        "Host": target.netloc,
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "fieldkits",
        "Connection": "close",
    }


def _connect(target: Target, limits: Limits) -> socket.socket:
    """Connect to the very address that was looked at, so that no second look-up can lead elsewhere."""
    deadline = time.monotonic() + limits.seconds
    last: OSError = OSError("no address")
    for address in find_addresses(target, resolve, may_be_private=limits.allow_private):
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

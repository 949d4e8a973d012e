"""Fetches a document over HTTP within limits of time and size, from where the guard allows.

A name is resolved once, and exactly one of the addresses that were judged is connected to. Proxies
of the environment are not used: they would resolve the name again.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.deliver.address import Address, Resolve, Target, is_private, resolve
from kits.sentiment.feed.guard import find_addresses, follow, parse_target
from kits.sentiment.feed.record import FeedError

LIMIT_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fetch may take.

    Attributes:
        seconds: From the first byte that is sent to the last one that is received.
        max_bytes: Of the document, also when it is unpacked.
        allow_private: Also from private addresses and from this machine, unless a public one
            leads there.
    """

    seconds: float
    max_bytes: int
    allow_private: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 200, 304, 404, …
        headers: By their names in small letters.
        body: Unpacked; empty unless the status is 200.
        url: Where it came from in the end, without credentials.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def fetch(url: str, headers: Mapping[str, str], limits: Limits, resolve: Resolve = resolve) -> Answer:
    """Fetch a document.

    Args:
        url: http or https; a name and password in it are sent to that very host only.
        headers: To be sent.
        limits: Time, size, and from where.
        resolve: Gives the addresses of a host.

    Raises:
        FeedError: It may not or cannot be fetched. No message holds a password.
    """
    deadline = time.monotonic() + limits.seconds
    first = target = parse_target(url)
    may_be_private = limits.allow_private
    for _ in range(LIMIT_REDIRECTS + 1):
        addresses = find_addresses(target, resolve, may_be_private=may_be_private)
        may_be_private = may_be_private and any(is_private(address) for address in addresses)
        sent = dict(headers) | ({"Authorization": first.login} if first.login and target.origin == first.origin else {})
        try:
            answer = _ask(target, addresses, sent, limits.max_bytes, deadline)
        except TimeoutError:
            what = f"took longer than {limits.seconds:g} s"
            raise FeedError(what, where=first.shown, fix="raise feed.fetch_seconds if that is usual there") from None
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            raise FeedError(f"cannot be fetched ({_explain(error)})", where=target.shown) from None
        if answer.status not in REDIRECTS or "location" not in answer.headers:
            return answer
        target = follow(target, answer.headers["location"], first)
    raise FeedError(f"more than {LIMIT_REDIRECTS} redirects", where=first.shown)


def _ask(
    target: Target, addresses: list[Address], headers: Mapping[str, str], max_bytes: int, deadline: float
) -> Answer:
    """One request, to the first of the addresses that can be connected to."""
    with _connect(target, addresses, deadline) as wire:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = _TimedSocket(wire, deadline)
        sent = dict(headers) | {"Host": target.netloc, "Accept-Encoding": "gzip", "Connection": "close"}
        connection.request("GET", target.path, headers=sent)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        body = _read_body(response, names.get("content-encoding", ""), max_bytes) if response.status == 200 else b""
        response.close()
        return Answer(response.status, names, body, target.url)


def _connect(target: Target, addresses: list[Address], deadline: float) -> socket.socket:
    for position, address in enumerate(addresses, start=1):
        wire = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            wire.settimeout(_left(deadline))
            wire.connect((str(address), target.port))
            if target.scheme == "http":
                return wire
            wire.settimeout(_left(deadline))
            return ssl.create_default_context().wrap_socket(wire, server_hostname=target.host)
        except OSError as error:
            wire.close()
            if isinstance(error, TimeoutError) or position == len(addresses):
                raise
    raise OSError("no address")


def _read_body(response: http.client.HTTPResponse, packing: str, max_bytes: int) -> bytes:
    """The document, unpacked as it comes in, so that a small one cannot become a huge one."""
    if packing.lower() not in ("", "identity", "gzip", "x-gzip"):
        raise ValueError(f"packed as {packing[:20]!r}, which was not asked for")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if "gzip" in packing.lower() else None
    parts, received, size = [], 0, 0
    while chunk := response.read(CHUNK_BYTES):
        received += len(chunk)
        part = chunk if unpacker is None else unpacker.decompress(chunk, max_bytes - size + 1)
        size += len(part)
        if max(size, received) > max_bytes:
            raise ValueError(f"larger than {max_bytes:,} bytes; feed.fetch_max_bytes allows more")
        parts.append(part)
    if response.length or (unpacker is not None and (not unpacker.eof or unpacker.unused_data)):
        raise ValueError("its end is not where it should be")
    return b"".join(parts)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _TimedSocket:
    """A connected socket that gives up at the deadline, however slowly its bytes drip in."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire, self._deadline = wire, deadline

    def sendall(self, data: bytes) -> None:
        self._wire.settimeout(_left(self._deadline))
        self._wire.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._wire, self._deadline))

    def close(self) -> None:
        """The answer is still to be read: who opened the socket closes it."""


class _TimedReader(io.RawIOBase):
    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire, self._deadline = wire, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.settimeout(_left(self._deadline))
        return self._wire.recv_into(buffer)


def _explain(error: Exception) -> str:
    """What went wrong, in few words and without what the other side wrote."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) if type(error) is ValueError else f"not HTTP as it should be: {type(error).__name__}"

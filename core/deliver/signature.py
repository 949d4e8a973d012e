"""Signs a body with a time, and checks what others have signed so: the one scheme of all our webhooks.

X-Fieldkits-Signature: t=SECONDS,v1=HEX        HEX = HMAC-SHA256(secret, SECONDS + "." + body)
"""

from __future__ import annotations

import hashlib
import hmac
import re

HEADER = "X-Fieldkits-Signature"
WINDOW_SECONDS = 300
_PARTS = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def sign(secret: bytes, body: bytes, at: int) -> str:
    """The value of ``X-Fieldkits-Signature``.

    Args:
        secret: The key that both sides know.
        body: As it is sent, byte by byte.
        at: Seconds since 1970.

    >>> sign(b"key", b"{}", 1767571200)[:32]
    't=1767571200,v1=33e5d1584da9c1aa'
    """
    return f"t={at},v1={digest(secret, f'{at}.'.encode() + body)}"


def is_signed(secret: bytes, body: bytes, value: str, now: float) -> bool:
    """Whether a body was signed with the secret, at most five minutes ago by our clock or its sender's.

    Args:
        secret: The key that both sides know.
        body: As it came, byte by byte.
        value: Of the header.
        now: Seconds since 1970.

    >>> signed = sign(b"key", b"{}", 1000)
    >>> is_signed(b"key", b"{}", signed, 1300), is_signed(b"key", b"{}", signed, 1301)
    (True, False)
    """
    found = _PARTS.fullmatch(value)
    if found is None or not is_recent(found[1], now):
        return False
    return is_same(digest(secret, f"{found[1]}.".encode() + body), found[2])


def is_recent(at: str, now: float) -> bool:
    """Whether a time, as digits, is close enough to now that nobody can use a request again later."""
    return at.isascii() and at.isdecimal() and len(at) <= 12 and abs(now - int(at)) <= WINDOW_SECONDS


def digest(secret: bytes, signed: bytes) -> str:
    """HMAC-SHA256 as hexadecimal digits."""
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Whether two digests are equal; the time this takes says nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())

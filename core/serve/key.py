"""API keys and sign-ins: who may ask, and for what. What is kept of either is its SHA-256.

A key is 256 random bits, shown once, so a fast hash keeps it safe. A sign-in is a key of its own
that was made from another: random, short-lived, void as soon as the other one is. Both are rows
of one table, so they hold across restarts and in every process on the database.

All functions take the caller's connection, and any table with the columns of ``COLUMNS``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, delete, insert, not_, select, update

from core.errors import ConfigError

COLUMNS = ("name", "digest", "scopes", "created_at", "expires_at", "revoked_at")
SCOPES = ("read", "write", "admin")
KEY_PREFIX, SIGN_IN_PREFIX = "fk_", "fs_"
_NAME = re.compile(r"[\w.@-]{1,64}")
_TOKEN = re.compile(r"f[ks]_[A-Za-z0-9_-]{43}")
_MARK = "#"  # stands in no key's name, so it tells a sign-in from a key


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; not the key itself.

    Attributes:
        name: Whose it is.
        scopes: What it may do: ``read``, ``write``, ``admin``; the last includes the others.
        created_at: When it was made.
        expires_at: From when it is void; None: never.
        revoked_at: Since when it is void; None: it is not.
    """

    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: Of the key, or of the key that was signed in with.
        scopes: What they may do.
        is_person: Signed in to the page, so a browser sends the proof by itself.
        until: When the sign-in or the key ends; None: never.
    """

    name: str
    scopes: tuple[str, ...]
    is_person: bool
    until: datetime | None

    def may(self, scope: str) -> bool:
        """Whether the scope, or all of them, was given.

        >>> Caller("ann", ("admin",), True, None).may("write")
        True
        """
        return scope in self.scopes or "admin" in self.scopes


# Whoever sits at this machine and came by the link that serve printed. No key has a space in its name.
LOCAL = Caller("local user", SCOPES, True, None)


def make_key(
    connection: Connection,
    table: Table,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and keep its digest.

    Returns:
        The key. It cannot be shown again.

    Raises:
        ConfigError: The name is taken or none, or a scope is unknown.
    """
    given = tuple(dict.fromkeys(scopes))
    if not _NAME.fullmatch(name):
        raise ConfigError("no name for a key", where="--name", got=name, expected="up to 64 letters, digits, . @ _ -")
    if not given or not set(given) <= set(SCOPES):
        expected = f"some of {','.join(SCOPES)}"
        raise ConfigError("unknown scope", where="--scopes", got=",".join(given), expected=expected)
    if expires_at is not None and expires_at <= now:
        raise ConfigError("a key that is void at once", where="--expires", expected="a time to come")
    if connection.execute(select(table.c.name).where(table.c.name == name)).first():
        raise ConfigError("there is a key of this name", where="--name", got=name, fix="choose another")
    return _add(connection, table, KEY_PREFIX, Key(name, given, now, expires_at, None))


def list_keys(connection: Connection, table: Table) -> list[Key]:
    """All keys ever made, revoked and expired ones too, by name; without sign-ins."""
    rows = connection.execute(_columns(table).where(not_(table.c.name.contains(_MARK))).order_by(table.c.name))
    return [_read(row) for row in rows]


def revoke_key(connection: Connection, table: Table, name: str, now: datetime) -> bool:
    """Make a key void, and every sign-in with it; False if there is no such key that is not void already."""
    return bool(
        connection.execute(
            update(table).where(table.c.name == name, table.c.revoked_at.is_(None)).values(revoked_at=now)
        ).rowcount
    )


def find_caller(connection: Connection, table: Table, token: str, now: datetime) -> Caller | None:
    """Whose key or sign-in a token is; None if it is void.

    The digest is looked up, not the token, so the time it takes tells nothing about any key.
    """
    if not _TOKEN.fullmatch(token):
        return None
    digest = _digest(token)
    row = connection.execute(_columns(table).add_columns(table.c.digest).where(table.c.digest == digest)).first()
    if row is None or not hmac.compare_digest(row.digest, digest):
        return None
    key = _read(row)
    owner, mark, _ = key.name.partition(_MARK)
    if not key.is_valid(now) or bool(mark) != token.startswith(SIGN_IN_PREFIX):
        return None
    if mark and owner:
        behind = connection.execute(_columns(table).where(table.c.name == owner)).first()
        if behind is None or not _read(behind).is_valid(now):
            return None
    return Caller(owner or LOCAL.name, key.scopes, bool(mark), key.expires_at)


def open_sign_in(connection: Connection, table: Table, caller: Caller, now: datetime, hours: float) -> str:
    """Sign a caller in, and forget sign-ins that are over.

    Args:
        connection: In a transaction.
        table: Of the keys.
        caller: Who showed a key, or ``LOCAL`` for whoever sits at this machine.
        now: The time.
        hours: How long it lasts, though never longer than the key.

    Returns:
        The secret for the browser's cookie.
    """
    over = table.c.name.contains(_MARK) & (table.c.expires_at <= now)
    connection.execute(delete(table).where(over))
    until = now + timedelta(hours=hours)
    if caller.until is not None:
        until = min(until, caller.until)
    owner = "" if caller is LOCAL else caller.name
    name = f"{owner}{_MARK}{secrets.token_urlsafe(16)}"
    return _add(connection, table, SIGN_IN_PREFIX, Key(name, caller.scopes, now, until, None))


def close_sign_in(connection: Connection, table: Table, token: str) -> None:
    """Sign out; the cookie is worth nothing from now on, wherever a copy of it is."""
    connection.execute(delete(table).where(table.c.digest == _digest(token), table.c.name.contains(_MARK)))


def _add(connection: Connection, table: Table, prefix: str, key: Key) -> str:
    token = prefix + secrets.token_urlsafe(32)
    row = {
        "name": key.name,
        "digest": _digest(token),
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }
    connection.execute(insert(table).values(row))
    return token


def _columns(table: Table) -> Select[Any]:
    return select(table.c.name, table.c.scopes, table.c.created_at, table.c.expires_at, table.c.revoked_at)


def _read(row: Row[Any]) -> Key:
    return Key(row.name, tuple(row.scopes), row.created_at, row.expires_at, row.revoked_at)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()



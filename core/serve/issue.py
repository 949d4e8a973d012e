"""What the verb ``key`` of every kit does: makes an API key, revokes one, or lists all."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table

from core.config import parse_duration
from core.console import say, show_table
from core.errors import ConfigError
from core.serve.key import list_keys, make_key, revoke_key
from core.store.database import reading, transaction


def manage_keys(
    engine: Engine,
    keys: Table,
    *,
    name: str | None = None,
    scopes: str = "read",
    expires: str | None = None,
    revoke: bool = False,
    as_json: bool = False,
) -> dict[str, Any]:
    """With a name make a key, with ``revoke`` too make it void, without either list all.

    Args:
        engine: Of the database.
        keys: The table of API keys.
        name: Whose key it is.
        scopes: What it may do, joined by commas.
        expires: After how long it is void: ``12h``, ``90d``.
        revoke: Make the key of this name void.
        as_json: Print nothing on standard output.

    Raises:
        ConfigError: The name is taken or unknown, a scope is unknown, or the time is none.
    """
    now = datetime.now(UTC)
    if revoke:
        with transaction(engine) as connection:
            if name is None or not revoke_key(connection, keys, name, now):
                raise ConfigError("no key of this name that is still valid", where="--name", got=name)
        say(f"Revoked: {name}")
        return {"name": name, "revoked": True}
    if name is None:
        return {"keys": _list(engine, keys, now, as_json)}
    until = None if expires is None else now + timedelta(seconds=_seconds(expires))
    given = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with transaction(engine) as connection:
        key = make_key(connection, keys, name, given, now, until)
    if not as_json:
        say("Keep it safe: it is not stored here and cannot be shown again.")
        print(key)
    return {"name": name, "scopes": given, "expires_at": until and until.isoformat(), "key": key}


def _list(engine: Engine, table: Table, now: datetime, as_json: bool) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        keys = list_keys(connection, table)
    if not as_json:
        cells = [
            (key.name, ",".join(key.scopes), key.created_at.date(), key.expires_at and key.expires_at.date(),
             "valid" if key.is_valid(now) else "void")
            for key in keys
        ]  # fmt: skip
        show_table("API keys", ("name", "scopes", "made", "expires", "state"), cells)
    return [asdict(key) | {"is_valid": key.is_valid(now)} for key in keys]


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(str(error), where="--expires", got=text) from error

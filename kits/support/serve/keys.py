"""``key``: makes, lists and revokes API keys."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from core.config import parse_duration
from core.console import say, show_table
from core.errors import ConfigError
from core.serve.key import list_keys, make_key, revoke_key
from core.store.database import reading, transaction
from kits.support.assistant.voices import open_assistant_store, read_settings
from kits.support.store.schema import api_keys


def run(
    *,
    assistant: Path,
    store: str | None = None,
    name: str | None = None,
    scopes: str = "read",
    expires: str | None = None,
    revoke: bool = False,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: with ``--name`` make a key, with ``--revoke`` too make it void, without either list all.

    Raises:
        ConfigError: The name is taken or unknown, a scope is unknown, or the time is none.
    """
    given = [*(set or ()), *([f"store.url={store}"] if store else [])]
    settings = read_settings(assistant, config=config, set=given, seed=seed)
    engine = open_assistant_store(assistant, settings).engine
    now = datetime.now(UTC)
    if revoke:
        with transaction(engine) as connection:
            if name is None or not revoke_key(connection, api_keys, name, now):
                raise ConfigError("no key of this name that is still valid", where="--name", got=name)
        say(f"Revoked: {name}")
        return {"name": name, "revoked": True}
    if name is None:
        return {"keys": _list(engine, now, as_json)}
    until = None if expires is None else now + timedelta(seconds=_seconds(expires))
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with transaction(engine) as connection:
        key = make_key(connection, api_keys, name, wanted, now, until)
    if not as_json:
        say("Keep it safe: it is not stored here and cannot be shown again.")
        print(key)
    return {"name": name, "scopes": wanted, "expires_at": until and until.isoformat(), "key": key}


def _list(engine: Engine, now: datetime, as_json: bool) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        keys = list_keys(connection, api_keys)
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

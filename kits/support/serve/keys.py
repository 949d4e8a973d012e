"""``key``: makes, lists and revokes API keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.serve.issue import manage_keys
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
    settings = read_settings(assistant, config=config, set=set, store=store, seed=seed)
    engine = open_assistant_store(assistant, settings).engine
    return manage_keys(
        engine, api_keys, name=name, scopes=scopes, expires=expires, revoke=revoke, as_json=as_json
    )

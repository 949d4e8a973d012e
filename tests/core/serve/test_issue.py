"""The verb ``key`` of every kit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.errors import ConfigError
from core.serve.issue import manage_keys
from core.serve.key import find_caller
from core.store.database import reading
from tests.core.serve.site import keys, open_tables


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_tables(tmp_path)


def test_key_is_printed_once_and_only_its_fingerprint_is_kept(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    made = manage_keys(engine, keys, name="ann", scopes="read, write", expires="12h")
    assert capsys.readouterr().out == made["key"] + "\n"
    now = datetime.now(UTC)
    with reading(engine) as connection:
        caller = find_caller(connection, keys, made["key"], now)
        assert find_caller(connection, keys, made["key"], now + timedelta(hours=13)) is None
    assert caller is not None
    assert (caller.name, caller.scopes, caller.is_person) == ("ann", ("read", "write"), False)
    (listed,) = manage_keys(engine, keys, as_json=True)["keys"]
    assert (listed["name"], listed["is_valid"]) == ("ann", True)
    assert made["key"] not in str(listed)


def test_as_json_prints_nothing_of_its_own(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    manage_keys(engine, keys, name="ann", as_json=True)
    manage_keys(engine, keys, as_json=True)
    assert capsys.readouterr().out == ""


def test_revoked_key_is_listed_as_void(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    key = manage_keys(engine, keys, name="ann")["key"]
    assert manage_keys(engine, keys, name="ann", revoke=True) == {"name": "ann", "revoked": True}
    with reading(engine) as connection:
        assert find_caller(connection, keys, key, datetime.now(UTC)) is None
    capsys.readouterr()
    manage_keys(engine, keys)
    assert "void" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"revoke": True}, "--name"),
        ({"revoke": True, "name": "nobody"}, "--name"),
        ({"name": "ann", "expires": "soon"}, "--expires"),
        ({"name": "ann", "scopes": "everything"}, "--scopes"),
        ({"name": "an n"}, "--name"),
    ],
)
def test_wrong_option_is_named(engine: Engine, options: dict[str, object], where: str) -> None:
    with pytest.raises(ConfigError, match=where):
        manage_keys(engine, keys, **options)  # type: ignore[arg-type]

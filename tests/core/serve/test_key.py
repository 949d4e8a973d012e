"""API keys and sign-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from core.errors import ConfigError
from core.serve.key import (
    LOCAL,
    Caller,
    close_sign_in,
    find_caller,
    list_keys,
    make_key,
    open_sign_in,
    revoke_key,
)
from core.store.database import transaction
from tests.core.serve.site import keys, open_tables

NOW = datetime(2025, 6, 12, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with transaction(open_tables(tmp_path)) as connection:
        yield connection


def sign_in(connection: Connection, caller: Caller, hours: float = 12) -> str:
    return open_sign_in(connection, keys, caller, NOW, hours)


def test_key_opens_what_its_scopes_say_and_nothing_else(connection: Connection) -> None:
    token = make_key(connection, keys, "ann", ["read"], NOW)
    caller = find_caller(connection, keys, token, NOW)
    assert caller == Caller("ann", ("read",), False, None)
    assert caller.may("read")
    assert not caller.may("write")


def test_key_itself_stands_nowhere_in_the_table(connection: Connection) -> None:
    token = make_key(connection, keys, "ann", ["read"], NOW)
    assert token.startswith("fk_")
    assert all(token not in str(value) for row in connection.execute(select(keys)) for value in row)


def test_two_keys_differ_and_a_changed_one_opens_nothing(connection: Connection) -> None:
    first = make_key(connection, keys, "ann", ["read"], NOW)
    assert make_key(connection, keys, "bob", ["read"], NOW) != first
    for wrong in (first[:-1] + ("A" if first[-1] != "A" else "B"), first + "A", "", "fk_", "x" * 5000, "fk_\0"):
        assert find_caller(connection, keys, wrong, NOW) is None


@pytest.mark.parametrize(("later", "is_known"), [(timedelta(hours=23), True), (DAY, False), (2 * DAY, False)])
def test_key_is_void_from_its_expiry_on(connection: Connection, later: timedelta, is_known: bool) -> None:
    token = make_key(connection, keys, "ann", ["read"], NOW, NOW + DAY)
    assert (find_caller(connection, keys, token, NOW + later) is not None) is is_known


def test_revoked_key_is_void_and_so_are_sign_ins_with_it(connection: Connection) -> None:
    token = make_key(connection, keys, "ann", ["read"], NOW)
    caller = find_caller(connection, keys, token, NOW)
    assert caller
    cookie = sign_in(connection, caller)
    assert revoke_key(connection, keys, "ann", NOW)
    assert find_caller(connection, keys, token, NOW) is None
    assert find_caller(connection, keys, cookie, NOW) is None
    assert not revoke_key(connection, keys, "ann", NOW)
    assert not revoke_key(connection, keys, "nobody", NOW)


def test_sign_in_has_the_key_s_name_and_scopes_and_ends_in_time(connection: Connection) -> None:
    token = make_key(connection, keys, "ann", ["write"], NOW)
    caller = find_caller(connection, keys, token, NOW)
    assert caller
    cookie = sign_in(connection, caller, hours=12)
    assert find_caller(connection, keys, cookie, NOW) == Caller("ann", ("write",), True, NOW + DAY / 2)
    assert find_caller(connection, keys, cookie, NOW + DAY / 2) is None


def test_sign_in_never_outlives_its_key(connection: Connection) -> None:
    token = make_key(connection, keys, "ann", ["read"], NOW, NOW + timedelta(hours=1))
    caller = find_caller(connection, keys, token, NOW)
    assert caller
    found = find_caller(connection, keys, sign_in(connection, caller), NOW)
    assert found
    assert found.until == NOW + timedelta(hours=1)


def test_signing_out_ends_this_sign_in_and_no_other(connection: Connection) -> None:
    first, second = sign_in(connection, LOCAL), sign_in(connection, LOCAL)
    close_sign_in(connection, keys, first)
    assert find_caller(connection, keys, first, NOW) is None
    assert find_caller(connection, keys, second, NOW) == Caller("local user", LOCAL.scopes, True, NOW + DAY / 2)


def test_signing_out_with_a_key_leaves_the_key(connection: Connection) -> None:
    token = make_key(connection, keys, "ann", ["read"], NOW)
    close_sign_in(connection, keys, token)
    assert find_caller(connection, keys, token, NOW)


def test_sign_ins_are_no_keys_in_the_list_and_old_ones_are_forgotten(connection: Connection) -> None:
    make_key(connection, keys, "ann", ["read"], NOW)
    sign_in(connection, LOCAL, hours=1)
    open_sign_in(connection, keys, LOCAL, NOW + DAY, 1)
    assert [key.name for key in list_keys(connection, keys)] == ["ann"]
    assert len(connection.execute(select(keys)).all()) == 2


@pytest.mark.parametrize(
    ("name", "scopes", "until", "fault"),
    [
        ("", ["read"], None, "no name"),
        ("a#b", ["read"], None, "no name"),
        ("local user", ["read"], None, "no name"),
        ("x" * 65, ["read"], None, "no name"),
        ("bob", [], None, "unknown scope"),
        ("bob", ["read", "fly"], None, "unknown scope"),
        ("bob", ["read"], NOW, "void at once"),
        ("ann", ["read"], None, "a key of this name"),
    ],
)
def test_key_that_makes_no_sense_is_refused(
    connection: Connection, name: str, scopes: list[str], until: datetime | None, fault: str
) -> None:
    make_key(connection, keys, "ann", ["read"], NOW)
    with pytest.raises(ConfigError, match=fault):
        make_key(connection, keys, name, scopes, NOW, until)

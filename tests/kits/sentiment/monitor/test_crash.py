"""A small part of ``tests/benchmarks/monitor_crash.py``: kills, a database that goes away, a full disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.monitor_crash import Ground, is_bad, open_ground
from tests.cluster import find_programs
from tests.databases import KINDS

ITEMS = 450


@pytest.fixture(params=KINDS)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    if request.param == "postgresql" and find_programs() is None:
        if os.environ.get("FIELDKITS_REQUIRE_SERVICES") == "1":
            pytest.fail("initdb and pg_ctl are not installed")
        pytest.skip("initdb and pg_ctl are not installed")
    with open_ground(request.param, tmp_path, lease_seconds=0.5) as opened:
        yield opened


def test_after_kills_at_any_moment_all_is_as_if_there_had_been_none(ground: Ground) -> None:
    result = ground.kill(ITEMS, 10)
    assert not is_bad(result), result
    assert result["while_it_took_in"] >= 1
    assert result["alerts"] > 0
    assert result["posts"] >= result["messages"] > 0


def test_database_that_goes_away_is_waited_for_and_nothing_is_lost(ground: Ground) -> None:
    result = ground.take_away(ITEMS, 1.0)
    assert not is_bad(result), result
    assert result["waited_alive"]


def test_full_disk_is_waited_for_and_nothing_is_lost(tmp_path: Path) -> None:
    with open_ground("sqlite", tmp_path, lease_seconds=0.5) as ground:
        result = ground.fill_disk(ITEMS, 1.0, may_mount=False)
    assert not is_bad(result), result
    assert result["waited_alive"]
    assert result["full_at"] < ITEMS

"""What watchers are told as it happens, and that none of it is lost or told twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from core.config import ServeConfig
from core.serve.key import revoke_key
from core.store.database import transaction
from kits.sentiment.serve import live
from kits.sentiment.serve.live import MOST_MISSING, Position
from kits.sentiment.store.schema import alert_events, alerts, api_keys
from tests.core.serve.site import running
from tests.kits.sentiment.serve.conftest import Site, Teller, open_site


@pytest.fixture
def live_site(database: str) -> Iterator[tuple[Site, str]]:
    """A server on a real socket, and its address."""
    app, store, key = open_site(database, 1)
    with running(app, ServeConfig(port=0), app.state.desk.pulse) as (address, _):
        yield Site(None, store, key), address  # type: ignore[arg-type]
    store.engine.dispose()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Site, str]]:
    """The same, on SQLite only."""
    app, store, key = open_site(f"sqlite:///{tmp_path / 'monitor.db'}", 1)
    with running(app, ServeConfig(port=0), app.state.desk.pulse) as (address, _):
        yield Site(None, store, key), address  # type: ignore[arg-type]
    store.engine.dispose()


def happen(site: Site, *whats: str) -> list[int]:
    """Add events to the first alert; returns their numbers."""
    alert = site.rows(alerts)[0].id
    with transaction(site.store.engine) as connection:
        rows = [{"alert": alert, "what": what, "at": datetime.now(UTC), "by": "monitor"} for what in whats]
        keys = [connection.execute(insert(alert_events).values(row)).inserted_primary_key for row in rows]
    return [int(key[0]) for key in keys if key]


def test_event_of_an_alert_is_told_and_who_comes_back_gets_what_was_missed(live_site: tuple[Site, str]) -> None:
    site, address = live_site
    with Teller(address, site.key) as first:
        start, numbers = first.until("change")
        assert numbers == {"open": 1}
        (number,) = happen(site, "worsened")
        last, told = first.until("alert")
    assert (last, told["what"], told["number"]) == (str(number), "worsened", number)
    assert told["series"] == site.rows(alerts)[0].series
    missed = happen(site, "escalated", "resolved")
    with Teller(address, site.key, last) as second:
        assert [second.until("alert")[1]["number"] for _ in missed] == missed
    with Teller(address, site.key, start) as third:
        assert [third.until("alert")[1]["what"] for _ in range(3)] == ["worsened", "escalated", "resolved"]


def test_numbers_are_told_when_they_change(live_site: tuple[Site, str]) -> None:
    site, address = live_site
    with Teller(address, site.key) as teller:
        teller.until("change")
        with transaction(site.store.engine) as connection:
            connection.execute(update(alerts).values(state="resolved"))
        happen(site, "resolved")
        last, _ = teller.until("alert")
        assert teller.next() == ("change", last, {"open": 0})


def test_strange_position_is_none_and_one_from_the_future_asks_to_load_anew(served: tuple[Site, str]) -> None:
    site, address = served
    for last in ("1000000", "7~6,5,x", "-1", "9" * 30, "1; DROP TABLE alerts"):
        with Teller(address, site.key, last) as teller:
            assert teller.next()[0] == ("reset" if last == "1000000" else "change")


def test_revoked_key_ends_its_stream_at_the_next_sign_of_life(
    served: tuple[Site, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    site, address = served
    with Teller(address, site.key) as teller:
        teller.until("change")
        with transaction(site.store.engine) as connection:
            revoke_key(connection, api_keys, "ann", datetime.now(UTC))
        teller.until("")


@settings(max_examples=50)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_numbers_that_become_visible_out_of_order_are_each_told_once(delays: list[int], chance: object) -> None:
    """On PostgreSQL a transaction that began earlier may end later."""
    visible_at = [number + delay for number, delay in enumerate(delays, 1)]
    position, told = Position(0), []
    for now in range(len(delays) + 10):
        seen = [number for number, at in enumerate(visible_at, 1) if at <= now]
        wanted = [number for number in seen if number > position.last or number in position.missing]
        for number in wanted:
            position = position.after([number])
        told += wanted
        position = Position.parse(str(position)) or position  # as a browser that comes back says it
    assert sorted(told) == list(range(1, len(delays) + 1))


def test_position_never_grows_beyond_bounds() -> None:
    position = Position(0).after([10_000])
    assert len(position.missing) <= MOST_MISSING
    assert Position.parse(str(position)) == position

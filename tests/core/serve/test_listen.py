"""Addresses: which may be listened on, and by whom."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from core.config import ServeConfig
from core.errors import ConfigError, ServeError
from core.serve.listen import bind, check_address, show_url
from core.serve.signin import Link
from core.serve.start import serve
from tests.core.serve.site import add_key, keys, make_app, open_tables


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "monitor.example", "127.0.0.1.example"])
def test_address_that_others_can_reach_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match="no API key yet"):
        check_address(host, has_keys=False)
    check_address(host, has_keys=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_s_own_address_needs_none(host: str) -> None:
    check_address(host, has_keys=False)


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    """asyncio switches Nagle's algorithm off only where the listener names its protocol."""
    with bind(ServeConfig(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_address_in_use_is_said_in_one_line_with_the_fix() -> None:
    with bind(ServeConfig(port=0)) as first:
        port = first.getsockname()[1]
        assert show_url(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(ServeError, match=rf"127.0.0.1:{port}: cannot listen.*serve.port"):
            bind(ServeConfig(port=port))


def test_who_comes_before_it_is_served_is_not_turned_away() -> None:
    """A browser that opens the link the moment it is shown."""
    with bind(ServeConfig(port=0)) as listener, socket.create_connection(listener.getsockname()[:2], timeout=10):
        listener.settimeout(10)
        listener.accept()[0].close()


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ServeError):
        bind(ServeConfig(host="192.0.2.1", port=0))


@pytest.mark.parametrize("has_key", [False, True])
def test_start_says_how_to_get_in_and_ends_when_it_may_not_go_on(
    has_key: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("core.serve.start.say", said.append)
    monkeypatch.setattr("core.serve.start.set_up_journal", lambda: None)  # the log of the other tests
    asked: list[Link | None] = []

    def build(link: Link | None) -> tuple[FastAPI, Callable[[], Awaitable[None]]]:
        asked.append(link)
        app, _, _ = make_app(tmp_path, settings, link)
        return app, app.state.pulse.stop

    settings = ServeConfig(port=0)
    engine = open_tables(tmp_path)
    if has_key:
        add_key(engine)
    serve(engine, keys, settings, build, lambda: False)
    (link,) = asked
    assert (link is None) == has_key
    assert "http://127.0.0.1:" in said[-1]
    assert (link.code in said[-1]) if link else "sign in with an API key" in said[-1]


def test_start_refuses_an_address_that_others_can_reach_before_anything_is_built(tmp_path: Path) -> None:
    def build(link: Link | None) -> tuple[FastAPI, Callable[[], Awaitable[None]]]:
        raise AssertionError("built")

    with pytest.raises(ConfigError, match="no API key yet"):
        serve(open_tables(tmp_path), keys, ServeConfig(host="0.0.0.0", port=0), build)

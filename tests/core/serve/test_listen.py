"""Addresses: which may be listened on, and by whom."""

from __future__ import annotations

import pytest

from core.config import ServeConfig
from core.errors import ServeError
from core.serve.listen import bind, check_address, show_url


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "monitor.example", "127.0.0.1.example"])
def test_address_that_others_can_reach_needs_a_key(host: str) -> None:
    with pytest.raises(ServeError, match="no API key yet"):
        check_address(host, has_keys=False)
    check_address(host, has_keys=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_s_own_address_needs_none(host: str) -> None:
    check_address(host, has_keys=False)


def test_address_in_use_is_said_in_one_line_with_the_fix() -> None:
    with bind(ServeConfig(port=0)) as first:
        first.listen()
        port = first.getsockname()[1]
        assert show_url(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(ServeError, match=rf"127.0.0.1:{port}: cannot listen.*serve.port"):
            bind(ServeConfig(port=port))


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ServeError):
        bind(ServeConfig(host="192.0.2.1", port=0))

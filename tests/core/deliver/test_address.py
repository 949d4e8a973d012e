"""What may be connected to: hosts of the internet under their names, and nothing in disguise."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deliver.address import AddressError, find_addresses, is_private, is_public, parse_target


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://1/",
        "http://127.0.0.01/", "http://10.0.0.1.5/", "http://0x7F.0.0.1/", "http://017700000001/", "http://127.0.0.1./",
        "http://[fe80::1%25eth0]/", "http://[::1/", "http://[1.2.3.4]/", "http://exa mple.com/", "http://-a-/x",
        "http://", "http:///x", "https://?x", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "javascript:alert(1)", "http://a\\@b/", "http://example.com:port/", "http://a..b/", "http://\u2100.com/",
    ],
)  # fmt: skip
def test_host_in_disguise_and_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(AddressError):
        find_addresses(parse_target(url), lambda host, port: ["127.0.0.1"], may_be_private=False)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "192.88.99.1", "[::]", "[::1]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]",
        "[ff02::1]", "[::ffff:8.8.8.8]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::8.8.8.8]",
        "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:1::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[100::1]",
        "①②⑦.⓪.⓪.①", "１２７.0.0.1",
    ],
)  # fmt: skip
def test_address_that_is_none_of_the_internet_is_refused(host: str) -> None:
    with pytest.raises(AddressError):
        find_addresses(parse_target(f"http://{host}/"), lambda *_: [], may_be_private=False)


def test_address_of_the_internet_is_taken() -> None:
    for host in ("93.184.216.34", "[2606:2800:220:1:248:1893:25c8:1946]"):
        (address,) = find_addresses(parse_target(f"https://{host}/"), lambda *_: [], may_be_private=False)
        assert str(address) == host.strip("[]")


@pytest.mark.parametrize("bad", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
def test_name_with_any_forbidden_address_is_refused(bad: str) -> None:
    for found in ([bad], ["93.184.216.34", bad]):
        with pytest.raises(AddressError, match="not connected to"):
            find_addresses(parse_target("http://feed.test/"), lambda *_, f=found: f, may_be_private=False)  # type: ignore[misc]


def test_private_addresses_may_be_allowed_but_not_those_of_the_link() -> None:
    for host in ("127.0.0.1", "192.168.1.1", "100.64.0.1", "[::1]", "[fd12::1]"):
        assert find_addresses(parse_target(f"http://{host}/"), lambda *_: [], may_be_private=True)
    for host in ("169.254.169.254", "[fe80::1]", "0.0.0.0", "224.0.0.1", "[::ffff:127.0.0.1]"):
        with pytest.raises(AddressError):
            find_addresses(parse_target(f"http://{host}/"), lambda *_: [], may_be_private=True)


@given(st.ip_addresses())
def test_no_address_is_both_public_and_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not (is_public(address) and is_private(address))
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert not is_public(address)


def test_parts_of_a_url_are_kept_and_credentials_hidden() -> None:
    target = parse_target("https://ann:p%40w@Example.COM:8443/a b/ü?q=1 2&token=abc#part")
    assert (target.scheme, target.host, target.port) == ("https", "example.com", 8443)
    assert target.path == "/a%20b/%C3%BC?q=1%202&token=abc"
    assert target.login == "Basic YW5uOnBAdw=="
    assert target.url == "https://example.com:8443/a%20b/%C3%BC?q=1%202&token=abc"
    assert "abc" not in target.shown


def test_message_about_a_wrong_url_holds_no_password() -> None:
    for url in ("ftp://ann:hunter2@example.com/", "http://ann:hunter2@127.1/?token=hunter2"):
        with pytest.raises(AddressError) as caught:
            parse_target(url)
        assert "hunter2" not in str(caught.value)

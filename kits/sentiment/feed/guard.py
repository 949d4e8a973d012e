"""Which documents may be fetched: the host, its addresses, and where redirects may lead.

Numbers in disguise are refused before anybody resolves them, and addresses are judged as they are
connected to: what a name means a moment later makes no difference.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from kits.sentiment.feed.intake import hide_secrets
from kits.sentiment.feed.record import FeedError

PORTS = {"http": 80, "https": 443}
PATH_LETTERS, QUERY_LETTERS = "/%:=&~+!$,;'@()*-._", "/%:=&~+!$,;'@()*-._?"
HIDDEN_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", re.IGNORECASE)
HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)
# Of IPv6 only what is given to hosts of the internet, and of that neither tunnels nor examples.
GLOBAL6 = ipaddress.IPv6Network("2000::/3")
REFUSED6 = [ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
REFUSED4 = [ipaddress.IPv4Network(net) for net in ("192.88.99.0/24",)]
PRIVATE = [
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts.

    Attributes:
        scheme: http or https.
        host: In ASCII.
        port: Also where it is the usual one.
        path: With the query.
        login: Value of the authorization header, from the name and password in the URL; or empty.
    """

    scheme: str
    host: str
    port: int
    path: str
    login: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom credentials are for."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """Host, and the port if it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Without credentials."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def shown(self) -> str:
        """As it may stand in a message."""
        return hide_secrets(self.url)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse_target(url: str) -> Target:
    """The parts of a URL that may be fetched.

    Raises:
        FeedError: It is no http or https URL, or its host is a number in disguise.
    """
    where = hide_secrets(url[:300])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host if ":" in host or host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        raise FeedError("is no URL", where=where) from None
    if parts.scheme not in PORTS:
        raise FeedError("is no http or https URL", where=where)
    if ":" not in host and not _is_dotted(host) and (HIDDEN_NUMBER.search(host) or not HOST.fullmatch(host)):
        raise FeedError("the host is no name and no plain address", where=where)
    if ":" in host and not _is_address(host):
        raise FeedError("the host is no plain address", where=where)
    path = quote(parts.path or "/", safe=PATH_LETTERS)
    path += f"?{quote(parts.query, safe=QUERY_LETTERS)}" if parts.query else ""
    login = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path, login)


def is_public(address: Address) -> bool:
    """Whether an address is that of a host on the internet.

    >>> [is_public(ipaddress.ip_address(a)) for a in ("93.184.216.34", "10.0.0.1", "::ffff:93.184.216.34")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in net for net in REFUSED4)
    return address.scope_id is None and address in GLOBAL6 and not any(address in net for net in REFUSED6)


def is_private(address: Address) -> bool:
    """Whether an address is one of this machine or of a private network."""
    return any(address.version == net.version and address in net for net in PRIVATE)


def _is_dotted(host: str) -> bool:
    return bool(re.fullmatch(r"\d+(?:\.\d+){3}", host)) and _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def find_addresses(target: Target, resolve: Resolve, *, may_be_private: bool) -> list[Address]:
    """The addresses of a host, all of which may be fetched from.

    Raises:
        FeedError: The host is not known, or one of its addresses is not to be fetched from.
    """
    addresses = [ipaddress.ip_address(address) for address in _resolve(target, resolve)]
    for address in addresses:
        if not is_public(address) and not (may_be_private and is_private(address)):
            fix = "set feed.allow_private=true if it is a server of your own" if is_private(address) else ""
            raise FeedError("is at an address that is not fetched from", where=target.shown, got=str(address), fix=fix)
    return addresses


def _resolve(target: Target, resolve: Resolve) -> list[str]:
    if _is_address(target.host):
        return [target.host]
    try:
        found = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such name"
        raise FeedError(f"the host is not known ({reason})", where=target.shown) from None
    if not found:
        raise FeedError("the host has no address", where=target.shown)
    return found


def follow(source: Target, location: str, first: Target) -> Target:
    """Where a redirect leads.

    Raises:
        FeedError: It leads from https to http, to a port other than the usual and the first one, or
            to what is no URL.
    """
    try:
        target = parse_target(urljoin(source.url, location))
    except ValueError:
        raise FeedError("redirects to what is no URL", where=source.shown) from None
    if source.scheme == "https" and target.scheme == "http":
        raise FeedError("redirects from https to http", where=source.shown, got=target.shown)
    if target.port not in (*PORTS.values(), first.port):
        raise FeedError("redirects to an unusual port", where=source.shown, got=target.port)
    return target

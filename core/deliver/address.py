"""Which addresses may be asked or posted to: the parts of a URL, and what its host resolves to.

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
from urllib.parse import quote, unquote, urlsplit

from core.errors import KitError, hide_secrets

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


class AddressError(KitError):
    """An address is none, is not known, or is one that is not to be connected to."""


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
    """The parts of a URL that may be connected to.

    Raises:
        AddressError: It is no http or https URL, or its host is a number in disguise.
    """
    where = hide_secrets(url[:300])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host if ":" in host or host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        raise AddressError("is no URL", where=where) from None
    if parts.scheme not in PORTS:
        raise AddressError("is no http or https URL", where=where)
    if ":" not in host and not _is_dotted(host) and (HIDDEN_NUMBER.search(host) or not HOST.fullmatch(host)):
        raise AddressError("the host is no name and no plain address", where=where)
    if ":" in host and not _is_address(host):
        raise AddressError("the host is no plain address", where=where)
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


def find_addresses(target: Target, resolve: Resolve, *, may_be_private: bool, setting: str = "") -> list[Address]:
    """The addresses of a host, all of which may be connected to.

    Args:
        target: Whose host.
        resolve: Gives the addresses of a host.
        may_be_private: Also those of this machine and of private networks.
        setting: What allows these, for the message.

    Raises:
        AddressError: The host is not known, or one of its addresses is not to be connected to.
    """
    addresses = [ipaddress.ip_address(address) for address in _resolve(target, resolve)]
    for address in addresses:
        if not is_public(address) and not (may_be_private and is_private(address)):
            fix = f"set {setting}=true if it is a server of your own" if setting and is_private(address) else ""
            what = "is at an address that is not connected to"
            raise AddressError(what, where=target.shown, got=str(address), fix=fix)
    return addresses


def _resolve(target: Target, resolve: Resolve) -> list[str]:
    if _is_address(target.host):
        return [target.host]
    try:
        found = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such name"
        raise AddressError(f"the host is not known ({reason})", where=target.shown) from None
    if not found:
        raise AddressError("the host has no address", where=target.shown)
    return found

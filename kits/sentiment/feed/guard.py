"""Which documents may be fetched: what core's guard allows, and where redirects may lead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from core.deliver import address
from core.deliver.address import PORTS, Address, Resolve, Target
from kits.sentiment.feed.record import FeedError


def parse_target(url: str) -> Target:
    """The parts of a URL that may be fetched.

    Raises:
        FeedError: It is no http or https URL, or its host is a number in disguise.
    """
    with _refusing():
        return address.parse_target(url)


def find_addresses(target: Target, resolve: Resolve, *, may_be_private: bool) -> list[Address]:
    """The addresses of a host, all of which may be fetched from.

    Raises:
        FeedError: The host is not known, or one of its addresses is not to be fetched from.
    """
    with _refusing():
        return address.find_addresses(
            target, resolve, may_be_private=may_be_private, setting="feed.allow_private"
        )


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


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except address.AddressError as error:
        raise FeedError(error.what, where=error.where, got=error.got, fix=error.fix) from None

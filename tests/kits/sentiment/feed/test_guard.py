"""What may be fetched: what core's guard allows, and redirects that lead nowhere else."""

from __future__ import annotations

import pytest

from kits.sentiment.feed import FeedError
from kits.sentiment.feed.guard import find_addresses, follow, parse_target


def test_what_the_guard_refuses_is_a_fault_of_the_feed() -> None:
    with pytest.raises(FeedError, match="no plain address"):
        parse_target("http://2130706433/")
    with pytest.raises(FeedError, match=r"feed\.allow_private"):
        find_addresses(parse_target("http://feed.test/"), lambda *_: ["10.0.0.1"], may_be_private=False)


@pytest.mark.parametrize(
    ("source", "location"),
    [
        ("https://a.com/", "http://a.com/"),
        ("http://a.com/", "http://a.com:22/"),
        ("http://a.com/", "file:///etc/passwd"),
        ("http://a.com/", "http://2130706433/"),
        ("http://a.com/", "//[::1"),
    ],
)
def test_redirect_may_not_lead_anywhere(source: str, location: str) -> None:
    first = parse_target(source)
    with pytest.raises(FeedError):
        follow(first, location, first)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "http://a.com:8080/b"),
        ("https://b.com/x", "https://b.com/x"),
        ("//b.com", "http://b.com/"),
        ("http://b.com:8080/", "http://b.com:8080/"),
    ],
)
def test_redirect_is_resolved(location: str, url: str) -> None:
    first = parse_target("http://ann:pw@a.com:8080/a")
    assert follow(first, location, first).url == url

"""How scores, features and reasons are put into words on the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kits.recommender.listing.explain import Lift
from kits.recommender.listing.make import Instead

Words = Mapping[str, str]


def percent(share: float | None, digits: int = 0) -> str:
    """A share.

    >>> percent(0.436), percent(0.0123, 1), percent(None)
    ('44 %', '1.2 %', '–')
    """
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def number(value: float | None, digits: int = 2) -> str:
    """A figure.

    >>> number(0.436), number(12345, 0), number(None)
    ('0.44', '12,345', '–')
    """
    return "–" if value is None else f"{value:,.{digits}f}"


def feature(lift: Lift, t: Words) -> str:
    """A feature that lifted an item, with by how much."""
    return f"{t.get('f_' + lift.feature, lift.feature)} +{lift.amount:.2f}"


def instead(one: Instead, t: Words) -> str:
    """Why an item was left out."""
    return t[f"instead_{one.reason}"].format(
        category=one.item.category, author=one.item.author, beside=one.beside.title
    )


def kind(weight: float, t: Words) -> str:
    """What was done, by its weight."""
    if weight < 0:
        return t["did_dislike"]
    names = ((4, "did_purchase"), (3, "did_share"), (2, "did_comment"), (1, "did_click"))
    return t[next((name for least, name in names if weight >= least), "did_view")]


def age(published_at: datetime | None, now: datetime, t: Words) -> str:
    """How old an item is."""
    if published_at is None:
        return ""
    days = (now - published_at).days
    return t["today"] if days <= 0 else t["days_ago"].format(n=days)


def moved(places: int | None, t: Words) -> str:
    """How an item has moved.

    >>> moved(2, {"new": "new"}), moved(-1, {"new": "new"}), moved(None, {"new": "new"}), moved(0, {})
    ('▲ 2', '▼ 1', 'new', '')
    """
    if places is None:
        return t["new"]
    return "" if not places else f"▲ {places}" if places > 0 else f"▼ {-places}"

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from kits.recommender.serve.intake import read_events, read_item
from tests.kits.recommender.shop import NOW

GOOD = {"user_id": "ann", "item_id": "i1", "event": "click", "at": NOW.isoformat()}


def refusals(*records: object) -> list[str]:
    sent = read_events(records, lambda item: item == "i1", NOW)
    assert len(sent.events) + len(sent.refused) == len(records)
    return [one.reason for one in sent.refused]


def test_good_event_is_read_with_all_it_says() -> None:
    more = {"impression_id": "x", "position": 3, "value": 9, "propensity": 0.5, "event_id": "e1"}
    sent = read_events([GOOD | more, {"user_id": "ann", "item_id": "i1", "event": "share"}], lambda item: True, NOW)
    assert sent.refused == ()
    assert sent.keys == ("e1", None)
    first, second = sent.events
    assert (first.position, first.value, first.propensity, first.impression_id) == (3, 9.0, 0.5, "x")
    assert second.at == NOW


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"item_id": "i2"}, "no item 'i2'; put it first"),
        ({"user_id": ""}, "user_id is '', expected a text of 1 to 128 characters"),
        ({"user_id": 7}, "user_id is 7, expected a text"),
        ({"user_id": "a\0b"}, "user_id holds a character that no database keeps"),
        ({"event": "stare"}, "event is 'stare', expected one of show view click"),
        ({"event": None}, "event is None"),
        ({"event": ["click"]}, "event is ['click']"),
        ({"at": (NOW + timedelta(hours=1)).isoformat()}, "which is yet to come (it is 2026-06-01T12:00:00+00:00)"),
        ({"at": "1999-01-01T00:00:00Z"}, "more than ten years ago"),
        ({"at": "2026-06-01T10:00:00"}, "expected a time with its zone"),
        ({"at": 1717236000}, "expected a time with its zone"),
        ({"position": "3"}, "position is '3', expected a whole number from 1"),
        ({"position": 2.5}, "position is 2.5, expected a whole number from 1"),
        ({"position": True}, "position is True"),
        ({"position": 0}, "position is 0"),
        ({"value": float("nan")}, "value is nan"),
        ({"propensity": 1.5}, "propensity is 1.5, expected a number from 0 to 1"),
        ({"propensity": 0}, "propensity is 0"),
        ({"colour": "red"}, "has no field 'colour'; there are user_id item_id event"),
    ],
)
def test_bad_event_is_refused_with_what_was_expected(change: dict[str, Any], reason: str) -> None:
    assert [reason in said for said in refusals(GOOD | change, GOOD)] == [True]


@pytest.mark.parametrize("record", [None, 3, "click", ["ann"]])
def test_what_is_no_object_is_refused(record: object) -> None:
    (said,) = refusals(record)
    assert "expected an object" in said


def test_item_is_read_and_a_bad_one_says_why() -> None:
    item = read_item({"title": " Tide tables ", "tags": ["sea"], "available": False}, "i1")
    assert (item.item_id, item.title, item.tags, item.is_available) == ("i1", "Tide tables", ("sea",), False)
    for record, reason in (
        ({"item_id": "i2", "title": "x"}, "but the address says 'i1'"),
        ({}, "nothing says what it is"),
        ({"title": 7}, "title is 7, expected a text"),
        ({"title": "x", "tags": "sea"}, "expected a list"),
        ({"title": "x", "available": "yes"}, "expected true or false"),
        ({"title": "x", "published_at": "soon"}, "expected a time with its zone"),
        ({"title": "x", "price": 3}, "has no field 'price'"),
    ):
        with pytest.raises(ValueError, match=re.escape(reason)):
            read_item(record, "i1")

"""Instants, languages and paths of charts, as readers see them."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from core.serve import plot
from core.serve.clock import choose_zone, show_offset, time_shower
from core.serve.page import choose_language
from core.serve.texts import TEXTS

NOW = datetime(2025, 6, 12, 22, tzinfo=UTC)


def request(query: str = "", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": pairs})


@pytest.mark.parametrize(
    ("query", "headers", "language"),
    [
        ("", {}, "en"),
        ("lang=zh", {"cookie": "lang=en"}, "zh"),
        ("lang=fr", {"cookie": "lang=zh"}, "zh"),
        ("", {"accept_language": "zh-TW,en"}, "zh"),
        ("", {"accept_language": "de,en-GB;q=0.5,zh"}, "en"),
        ("", {"accept_language": ",;"}, "en"),
    ],
)
def test_language_is_the_one_asked_for_then_chosen_then_understood(
    query: str, headers: dict[str, str], language: str
) -> None:
    assert choose_language(request(query, **headers)) == language


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "\u00e9", "x" * 999])
def test_zone_that_is_none_is_utc(name: str) -> None:
    assert choose_zone(request(cookie=f"zone={name}")) == UTC


def test_zone_of_the_browser_is_taken() -> None:
    assert choose_zone(request(cookie="zone=Asia/Shanghai")) == ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("at", "language", "zone", "shown"),
    [
        (NOW, "en", "UTC", "22:00"),
        (datetime(2025, 6, 11, 3, 5, tzinfo=UTC), "en", "UTC", "11 Jun 03:05"),
        (datetime(2025, 6, 12, 3, 5, tzinfo=UTC), "zh", "Asia/Shanghai", "6月12日 11:05"),
        (NOW, "zh", "Asia/Shanghai", "06:00"),
        (datetime(2024, 12, 31, 23, tzinfo=UTC), "en", "UTC", "31 Dec 2024 23:00"),
        (datetime(2024, 12, 31, 23, tzinfo=UTC), "zh", "UTC", "2024年12月31日 23:00"),
    ],
)
def test_instant_is_shown_in_the_reader_s_zone_and_no_longer_than_needed(
    at: datetime, language: str, zone: str, shown: str
) -> None:
    text = time_shower(language, ZoneInfo(zone), NOW)(at)
    assert re.sub("<[^>]*>", "", text) == shown
    assert at.strftime("%Y-%m-%dT%H:%M:%SZ") in text


def test_end_of_a_span_is_shown_without_the_day_of_its_start() -> None:
    show = time_shower("en", ZoneInfo("UTC"), NOW)
    start = datetime(2025, 6, 10, 22, tzinfo=UTC)
    shown = [re.sub("<[^>]*>", "", show(start + timedelta(hours=hours), after=start)) for hours in (1, 3)]
    assert shown == ["23:00", "11 Jun 01:00"]


def test_offsets_of_half_hours_are_shown() -> None:
    assert show_offset(NOW.astimezone(ZoneInfo("Asia/Kolkata"))) == "UTC+5:30"
    assert show_offset(NOW.astimezone(ZoneInfo("America/New_York"))) == "UTC−4"


def test_both_languages_have_the_same_places_to_fill() -> None:
    for english, chinese in TEXTS.values():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))
        assert english
        assert chinese


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_every_bar_stands_in_its_place(values: list[int]) -> None:
    found = re.findall(r"M([\d.]+) 0h0\.8v-([\d.]+)h-0\.8z", plot.bars(values))
    assert [(int(float(x)), int(y)) for x, y in found] == [(i, v) for i, v in enumerate(values) if v]


@given(st.floats(0, 1e7))
def test_ticks_begin_at_nothing_and_reach_the_top(most: float) -> None:
    scale = plot.ticks(most)
    assert scale[0] == 0
    assert scale[-1] >= most
    assert 2 <= len(scale) <= 6
    assert len({b - a for a, b in itertools.pairwise(scale)}) == 1


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=40))
def test_lines_and_bands_break_where_nothing_is_known(values: list[int | None]) -> None:
    starts = sum(v is not None and (i == 0 or values[i - 1] is None) for i, v in enumerate(values))
    high = [None if v is None else v + 1 for v in values]
    assert plot.steps(values).count("M") == plot.band(values, high).count("M") == plot.band(values, high).count("z")
    assert plot.steps(values).count("M") == starts

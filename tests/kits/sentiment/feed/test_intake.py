"""A record becomes an item, or a dead letter that says why it is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import DataConfig
from kits.sentiment.feed import DeadRecord, Record, make_item
from kits.sentiment.item import DeadLetter, Item

NOW = datetime(2025, 3, 5, 12, 0, tzinfo=UTC)
PLAIN = DataConfig()


def item(values: dict[str, Any], data: DataConfig = PLAIN, **options: Any) -> Item:
    made = make_item(Record(values, "here:1"), "wire", data, NOW, **options)
    assert isinstance(made, Item), made
    return made


def dead(values: dict[str, Any], data: DataConfig = PLAIN) -> DeadLetter:
    made = make_item(Record(values, "here:1"), "wire", data, NOW)
    assert isinstance(made, DeadLetter), made
    return made


def test_all_fields_are_taken() -> None:
    made = item(
        {
            "id": 7, "title": " Profit <b>up</b> ", "body": "Sales\ntoo.", "source": "Wire", "entity": "Acme",
            "url": "https://example.com/7", "language": "en-GB", "published_at": "2025-03-05T10:00:00+01:00",
            "event_at": "2025-03-05T08:30:00Z", "sentiment": "negative",
        }
    )  # fmt: skip
    assert (made.title, made.body, made.source, made.entity) == ("Profit up", "Sales too.", "Wire", "Acme")
    assert (made.url, made.language, made.feed) == ("https://example.com/7", "en", "wire")
    assert made.event_at == datetime(2025, 3, 5, 8, 30, tzinfo=UTC)
    assert made.published_at == datetime(2025, 3, 5, 9, 0, tzinfo=UTC)
    assert made.ingested_at == NOW
    assert len(made.key) == 32


@pytest.mark.parametrize(
    "values",
    [
        {"标题": "利润上升", "发布时间": "2025年3月5日 09:00", "链接": "https://e.cn/1", "编号": "9", "语言": "zh"},
        {"Headline": "利润上升", "Date": "2025/03/05 09:00", "Link": "https://e.cn/1", "GUID": "9", "LANG": "zh-CN"},
    ],
)
def test_columns_are_known_by_their_usual_names(values: dict[str, Any]) -> None:
    made = item(values)
    assert (made.title, made.url, made.language) == ("利润上升", "https://e.cn/1", "zh")
    assert made.published_at == datetime(2025, 3, 5, 9, tzinfo=UTC)


def test_column_map_is_obeyed_where_the_column_is_there() -> None:
    data = DataConfig(map={"title": "words", "source": "who"})
    assert item({"words": "Profit up", "title": "not this"}, data).title == "Profit up"
    assert item({"title": "Profit up"}, data).title == "Profit up"


def test_personal_data_is_redacted_if_wanted() -> None:
    redacting = DataConfig(redact=True)
    assert item({"title": "Mail ann@example.com now"}, redacting).title == "Mail [EMAIL] now"
    assert "ann@example.com" not in dead({"note": "ann@example.com"}, redacting).raw


def test_future_time_counts_as_now_and_stays_visible() -> None:
    made = item({"title": "Profit", "published_at": "2031-01-01T00:00:00Z"})
    assert made.event_at == made.ingested_at == NOW
    assert made.published_at == datetime(2031, 1, 1, tzinfo=UTC)


def test_item_without_a_time_happened_when_it_came() -> None:
    made = item({"title": "Profit"})
    assert (made.event_at, made.published_at) == (NOW, None)


@pytest.mark.parametrize(
    ("written", "zone", "instant"),
    [
        ("2025-03-05T09:00:00", "Asia/Shanghai", "2025-03-05T01:00:00"),
        ("2025-03-05 09:00", "America/New_York", "2025-03-05T14:00:00"),
        ("2025-03-05T09:00:00Z", "Asia/Shanghai", "2025-03-05T09:00:00"),
        ("Mon, 03 Mar 2025 09:00:00 GMT", "Asia/Shanghai", "2025-03-03T09:00:00"),
        ("2024-03-31 02:30", "Europe/Berlin", "2024-03-31T01:30:00"),  # skipped by the clocks
        ("2024-10-27 02:30", "Europe/Berlin", "2024-10-27T00:30:00"),  # shown twice: the first time
        ("20250305", "Asia/Shanghai", "2025-03-04T16:00:00"),
        (1741165200, "Asia/Shanghai", "2025-03-05T09:00:00"),
        (datetime(2025, 3, 5, 9), "Asia/Shanghai", "2025-03-05T01:00:00"),
    ],
)
def test_time_without_a_zone_is_that_of_the_source(written: Any, zone: str, instant: str) -> None:
    made = item({"title": "Profit", "published_at": written}, zone=ZoneInfo(zone))
    assert made.published_at == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_recorded_stream_keeps_its_times() -> None:
    values = {"title": "Profit", "published_at": "2024-01-01T00:00:00Z", "ingested_at": "2024-01-01T00:05:00Z"}
    assert item(values).ingested_at == NOW
    assert item(values, is_trusted_time=True).ingested_at == datetime(2024, 1, 1, 0, 5, tzinfo=UTC)
    history = item({"title": "Profit", "published_at": "2024-01-01T00:00:00Z"}, is_trusted_time=True)
    assert history.event_at == history.ingested_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert item({"title": "Profit"}, is_trusted_time=True).ingested_at == NOW


def test_same_item_has_the_same_key_however_often_it_comes() -> None:
    own = {"id": "a", "title": "Profit up"}
    assert item(own).key == item(own | {"title": "Profit up again"}).key
    page = {"url": "https://e.com/", "title": "Profit up"}
    assert item(page).key == item(page | {"body": "more"}).key
    assert item(page).key != item(page | {"title": "Loss"}).key, "one address may have many headlines"
    text = {"title": "Profit Up", "published_at": "2025-03-01"}
    assert item(text).key == item(text | {"title": "profit  up"}).key
    assert item(text).key != item(text | {"published_at": "2025-03-02"}).key
    assert item(own).key != make_item(Record(own, "x"), "other", PLAIN, NOW).key  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "ftp://e.com/x", "//e.com/x", "e.com",
        "https://", "http://e.com:99999/", "https://e.com/a b", "http://[::1", "https://" + "a" * 3000 + ".com",
    ],
)  # fmt: skip
def test_url_that_is_no_link_is_left_out(url: str) -> None:
    assert item({"title": "Profit", "url": url}).url is None


def test_link_loses_its_credentials() -> None:
    assert item({"title": "Profit", "url": "https://ann:pw@e.com:8080/x?y=1"}).url == "https://e.com:8080/x?y=1"


@pytest.mark.parametrize(
    ("title", "language"),
    [("Profit", "en"), ("利润上升5%", "zh"), ("Apple Q3 财报超预期", "zh"), ("Alibaba (阿里) up", "en"), ("Öl", "en")],
)
def test_language_is_told_by_the_letters(title: str, language: str) -> None:
    assert item({"title": title}).language == language
    assert item({"title": title, "language": "de"}).language == language


def test_every_fault_is_in_the_reason() -> None:
    letter = dead({"title": ["a"], "published_at": "05/03/2024", "url": b"x"})
    for column in ("title", "published_at", "url"):
        assert f"column '{column}'" in letter.reason
    assert (letter.place, letter.feed, letter.at) == ("here:1", "wire", NOW)
    assert "05/03/2024" in letter.raw


def test_record_without_text_says_how_to_name_the_column() -> None:
    assert "--map title=" in dead({"words": "Profit up"}).reason
    assert "--map title=" in dead({"title": "<br>", "body": " "}).reason


def test_huge_records_are_dead_letters_with_a_short_beginning() -> None:
    letter = dead({"title": "x" * 1_000_001})
    assert "longer than" in letter.reason
    assert len(letter.raw) <= 4000
    assert "columns" in dead({f"c{i}": i for i in range(10_000)}).reason


def test_no_secret_is_kept_with_a_dead_letter() -> None:
    secrets = ("hunter2", "s3cret", "t0ken", "abc123")
    raw = '{"password": "hunter2", "db": "postgresql://ann:s3cret@h/x", "q": "?api_key=abc123&n=1"}'
    raw += " Authorization: Bearer t0ken"
    made = make_item(DeadRecord("https://u:s3cret@h/f", f"bad: {raw}", raw), "wire", PLAIN, NOW)
    assert isinstance(made, DeadLetter)
    shown = made.raw + made.reason + made.place
    assert not [secret for secret in secrets if secret in shown]
    assert "n=1" in made.raw


def test_what_databases_refuse_is_written_out() -> None:
    made = make_item(DeadRecord("p", "r", "a\0b\ud800"), "wire", PLAIN, NOW)
    assert isinstance(made, DeadLetter)
    assert made.raw == "a\\0b\\ud800"
    assert item({"title": "a\0b \ud800c", "source": "w\0"}).title == "a b c"


numbers = st.none() | st.booleans() | st.integers() | st.floats()
cells = numbers | st.text() | st.binary() | st.lists(st.text(), max_size=2)
names = st.sampled_from(["title", "body", "url", "id", "published_at", "event_at", "source", "language"]) | st.text()


@given(st.dictionaries(names, cells, max_size=8))
def test_any_record_becomes_an_item_or_a_dead_letter_that_can_be_stored(values: dict[str, Any]) -> None:
    made = make_item(Record(values, "here"), "wire", PLAIN, NOW)
    is_dead = isinstance(made, DeadLetter)
    for text in [made.reason, made.raw] if is_dead else [made.title, made.body, made.source, made.url or ""]:
        text.encode("utf-8")
        assert "\0" not in text
    if isinstance(made, Item):
        assert made.event_at <= made.ingested_at
        assert made.title or made.body


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(-14, 14))
def test_event_is_never_after_the_receipt(moment: datetime, hours: int) -> None:
    offset = f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"
    made = item({"title": "Profit", "published_at": f"{moment.isoformat()}{offset}"})
    published = moment.replace(tzinfo=UTC) - timedelta(hours=hours)
    assert made.published_at == published
    assert made.event_at == min(published, NOW)

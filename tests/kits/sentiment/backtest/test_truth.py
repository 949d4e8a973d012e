from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import DataError
from kits.sentiment.backtest.truth import Event, events_at, read_events


def test_topics_are_named_with_or_without_their_kind_and_times_in_their_zone(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        "topic,starts_at,ends_at,strength\n"
        "credit,2026-01-20T08:00:00+08:00,2026-01-20T17:00:00+08:00,strong\n"
        "company:ACME,2026-01-19T00:00:00Z,2026-01-19T06:00:00Z,\n"
        "overall,2026-01-21T00:00:00Z,2026-01-21T06:00:00Z,weak\n"
    )
    events = read_events(file)
    assert [event.series for event in events] == ["company:ACME", "topic:credit", "overall"]
    assert events[1].starts_at == datetime(2026, 1, 20, 0, tzinfo=UTC)
    assert [event.strength for event in events] == ["", "strong", "weak"]


def test_every_wrong_row_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        "series,starts_at,ends_at\n"
        "topic:a,2026-01-20T08:00:00Z,2026-01-20T07:00:00Z\n"
        ",2026-01-20T08:00:00Z,2026-01-20T09:00:00Z\n"
        "topic:b,soon,2026-01-20T09:00:00Z\n"
    )
    with pytest.raises(DataError) as caught:
        read_events(file)
    text = str(caught.value)
    assert all(f"events.csv:{line}" in text for line in (2, 3, 4)), text
    assert "ends before it begins" in text


def test_events_touch_a_span_that_begins_before_they_end() -> None:
    event = Event("topic:a", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    before, during, after = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
    assert events_at([event], "topic:a", before, during) == [event]
    assert events_at([event], "topic:a", during, after) == []
    assert events_at([event], "topic:b", before, during) == []

"""What the API says of the monitor."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import OperationalError

from core.store.database import reading, transaction
from kits.sentiment.serve.site import series_path
from kits.sentiment.store.schema import alerts, feeds, items, scores, stories, windows, writer
from tests.kits.sentiment.demo import VERSION
from tests.kits.sentiment.serve.conftest import Site

STRANGE = ["a'b", 'a"b', "a.b", "$", "%", "a/b/timeline", "M&A: banks", "并购", "\\", "[0]", "a?b#c"]


def test_overview_counts_the_last_day_and_puts_surges_first(full: Site) -> None:
    found = full.get("/overview")
    now = datetime.fromisoformat(found["at"])
    with reading(full.store.engine) as connection:
        day = (windows.c.series == "overall") & (windows.c.starts_at > now - timedelta(days=1))
        stories_told, negative = connection.execute(
            select(func.sum(windows.c.stories), func.sum(windows.c.negative)).where(day)
        ).one()
    assert (found["overall"]["stories"], found["overall"]["negative"]) == (stories_told, negative)
    assert found["topics"][0]["series"] == "topic:security"
    assert found["topics"][0]["alert"]["severity"] == "critical"
    assert found["topics"][0]["surging"][-1]
    assert [row["negative"] for row in found["topics"][1:]] == sorted(
        (row["negative"] for row in found["topics"][1:]), reverse=True
    )
    assert [alert["series"] for alert in found["firing"]] == ["topic:security"]
    assert [alert["series"] for alert in found["acknowledged"]] == ["company:Zlotka"]
    assert found["companies"][0]["alert"]["state"] == "acknowledged"
    assert found["overall"]["headline"]["title"]
    assert found["overall"]["usual"] > 1
    assert sum(found["topics"][0]["trend"]) >= found["topics"][0]["negative"]


def test_monitor_that_never_ran_has_an_empty_overview(empty: Site) -> None:
    found = empty.get("/overview")
    assert (found["overall"], found["topics"], found["firing"]) == (None, [], [])
    assert empty.get("/series/overall/timeline")["points"]
    assert empty.get("/stories") == empty.get("/alerts") == empty.get("/silences") == []
    assert empty.get("/feeds")["feeds"] == []


def test_timeline_has_every_window_once_with_what_is_usual(full: Site) -> None:
    found = full.get("/series/topic:security/timeline?days=7")
    points = found["points"]
    starts = [datetime.fromisoformat(point["starts_at"]) for point in points]
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(hours=1)}
    assert len(points) in (168, 169)
    assert all(point["low"] <= point["high"] and 0 < point["expected"] < point["high"] + 1 for point in points)
    with reading(full.store.engine) as connection:
        mine = (windows.c.series == "topic:security") & (windows.c.starts_at >= starts[0])
        expected = connection.execute(select(func.sum(windows.c.negative)).where(mine)).scalar()
    assert sum(point["negative"] for point in points) == expected
    assert [alert["state"] for alert in found["alerts"]] == ["firing"]


def test_without_history_nothing_is_said_to_be_usual(site: Site) -> None:
    points = site.get("/series/overall/timeline?days=1")["points"]
    assert all(point["expected"] is None for point in points)


def test_stories_of_a_topic_are_the_latest_first_and_no_others(full: Site) -> None:
    found = full.get("/stories?series=topic:credit&limit=20")
    assert len(found) == 20
    assert [story["last_at"] for story in found] == sorted((s["last_at"] for s in found), reverse=True)
    for story in found[:5]:
        detail = full.get(f"/stories/{story['key']}")
        assert detail["story"]["items"] == len(detail["items"])
        assert any("credit" in item["topics"] for item in detail["items"])
    negative = full.get("/stories?series=topic:credit&sentiment=negative&limit=20")
    assert {story["sentiment"] for story in negative} == {"negative"}


def test_stories_of_a_company_have_its_own_sentiment(full: Site) -> None:
    found = full.get("/stories?series=company:Zlotka")
    assert found
    assert all("Zlotka" in str(full.get(f"/stories/{story['key']}")["items"]) for story in found[:3])


def test_stories_can_be_asked_for_page_by_page_without_gap_or_repetition(full: Site) -> None:
    whole = [story["key"] for story in full.get("/stories?series=topic:security&limit=500")]
    found: list[str] = []
    while page := full.get("/stories", params={"series": "topic:security", "limit": 7, "after": found[-1:]}):
        found += [story["key"] for story in page]
    assert found == whole[: len(found)]
    assert len(found) == len(set(found)) == len(whole) > 7
    assert full.get("/stories?after=nothing") == []


def test_topic_may_have_any_name(site: Site) -> None:
    with transaction(site.store.engine) as connection:
        latest = select(items).order_by(items.c.event_at.desc(), items.c.key).limit(1)
        item = connection.execute(latest).one()
        mine = (scores.c.item == item.key) & (scores.c.company == "")
        connection.execute(update(scores).where(mine).values(topics=dict.fromkeys(STRANGE, 0.9)))
        start = item.event_at.replace(minute=0, second=0, microsecond=0)
        counts = {"model_version": VERSION, "starts_at": start, "stories": 1, "negative": 1, "positive": 0, "items": 1}
        connection.execute(insert(windows), [counts | {"series": f"topic:{name}"} for name in STRANGE])
    names, page = {row["name"] for row in site.get("/overview")["topics"]}, site.page("/")
    for name in STRANGE:
        found = site.get("/stories", params={"series": f"topic:{name}"})
        assert [story["key"] for story in found] == [item.story]
        assert name in names
        address = series_path(f"topic:{name}")
        assert f'href="{address}"' in page
        assert item.story in site.page(f"{address}?sentiment=all")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/series/nothing/timeline", 404),
        ("/series/topic:/timeline", 404),
        ("/series/overall/timeline?days=0", 422),
        ("/series/overall/timeline?days=1e9", 422),
        ("/series/overall/timeline?days=nan", 422),
        ("/stories?series=x", 404),
        ("/stories?sentiment=angry", 422),
        ("/stories?limit=0", 422),
        ("/stories?limit=100000000000000000000", 422),
        ("/stories?since=2025-01-01T00:00:00", 422),
        ("/stories?since=0001-01-01T00:00:00%2B14:00", 422),
        ("/stories?until=9999-12-31T23:59:59-14:00", 422),
        ("/stories/nothing", 404),
        ("/alerts/nothing", 404),
        ("/alerts?state=odd", 422),
        ("/page/stories/nothing", 404),
        ("/page/alerts/nothing", 404),
        ("/page/series/nothing", 404),
        ("/page/series/overall?days=1000", 422),
        ("/items/nothing/words", 404),
    ],
)
def test_wrong_question_is_the_asker_s_fault(full: Site, path: str, status: int) -> None:
    answer = full.client.get(path, headers=full.bearer)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_alert_comes_with_its_stories_history_and_messages(full: Site) -> None:
    (firing, acknowledged) = full.get("/alerts")
    assert (firing["state"], acknowledged["state"]) == ("firing", "acknowledged")
    detail = full.get(f"/alerts/{firing['id']}")
    assert [story["key"] for story in detail["stories"]] == [d["story"] for d in firing["evidence"]["driving"]]
    assert {story["sentiment"] for story in detail["stories"]} == {"negative"}
    assert [event["what"] for event in detail["history"]] == ["opened"]
    assert [one["channel"] for one in detail["deliveries"]] == ["desk", "risk-webhook"]
    assert [alert["series"] for alert in full.get("/alerts?state=past")] == ["topic:credit", "topic:legal"]


def test_past_alerts_that_were_opened_at_once_can_be_asked_for_page_by_page(site: Site) -> None:
    with transaction(site.store.engine) as connection:
        row = connection.execute(select(alerts).limit(1)).mappings().one()
        copies = [{**row, "id": f"{number:032}", "state": "resolved"} for number in range(5)]
        connection.execute(insert(alerts), copies)
    found: list[str] = []
    while page := site.get("/alerts", params={"state": "past", "limit": 2, "after": found[-1:]}):
        found += [alert["id"] for alert in page]
    assert found == [copy["id"] for copy in copies]


def test_withdrawn_alert_marks_no_chart_and_is_kept_in_the_past(site: Site) -> None:
    with transaction(site.store.engine) as connection:
        connection.execute(update(alerts).where(alerts.c.series == "topic:security").values(state="withdrawn"))
    assert "topic:security" in [alert["series"] for alert in site.get("/alerts?state=past")]
    assert site.get("/series/topic:security/timeline")["alerts"] == []


def test_feed_that_failed_last_is_failing(site: Site) -> None:
    found = site.get("/feeds")
    assert found["items"] == len(site.rows(items))
    assert {feed["name"] for feed in found["feeds"]} == {"wire", "web", "inbox"}
    assert "fails" in site.page("/page/sources")
    with transaction(site.store.engine) as connection:
        connection.execute(update(feeds).values(last_ok_at=feeds.c.last_error_at).where(feeds.c.name == "web"))
    assert "fails" not in site.page("/page/sources")


def test_recorded_stream_is_shown_as_of_its_own_time(site: Site) -> None:
    with transaction(site.store.engine) as connection:
        clock = connection.execute(select(writer.c.clock)).scalar_one() - timedelta(days=1)
        connection.execute(update(writer).values(clock=clock, beat_at=None))
    assert datetime.fromisoformat(site.get("/overview")["at"]) == clock
    assert "recorded stream" in site.page("/")


def test_monitor_that_stopped_is_said_to_have_stopped(site: Site) -> None:
    assert "not running" not in site.page("/")
    with transaction(site.store.engine) as connection:
        clock = connection.execute(select(writer.c.clock)).scalar_one()
        connection.execute(update(writer).values(beat_at=clock - timedelta(hours=1)))
    assert "not running" in site.page("/")


def test_story_that_another_model_read_is_shown_without_a_reading(site: Site) -> None:
    key = site.get("/stories")[0]["key"]
    with transaction(site.store.engine) as connection:
        told = select(items.c.key).where(items.c.story == key)
        connection.execute(delete(scores).where(scores.c.item.in_(told)))
    assert site.get(f"/stories/{key}")["items"][0]["score"] is None
    assert "not read by this model" in site.page(f"/page/stories/{key}")


def test_gauges_show_alerts_and_feeds(site: Site) -> None:
    counted = site.client.get("/metrics", headers=site.bearer).text
    assert 'monitor_alerts{severity="critical",state="firing"} 1.0' in counted
    assert 'monitor_feed_failing{feed="web"} 1.0' in counted
    assert f"monitor_items {len(site.rows(items))}.0" in counted
    assert "monitor_database_up 1.0" in counted


def test_database_that_is_away_is_a_503_and_not_ready(empty: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> object:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"), connection_invalidated=True)

    key = empty.bearer
    known = empty.client.get("/alerts", headers=key)
    assert known.status_code == 200
    monkeypatch.setattr("kits.sentiment.serve.read.reading", refuse)
    monkeypatch.setattr("kits.sentiment.serve.server.reading", refuse)
    answer = empty.client.get("/alerts", headers=key)
    assert (answer.status_code, answer.json()["detail"]) == (503, "the database does not answer")
    assert answer.headers["retry-after"] == "5"
    assert empty.client.get("/health/ready").status_code == 503


def test_numbers_of_the_tables_agree(site: Site) -> None:
    told = {story.key: story.items for story in site.rows(stories)}
    assert sum(told.values()) == len(site.rows(items))

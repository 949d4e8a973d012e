"""What the API is told: news, decisions on alerts, corrections, another model; and what it reads on request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from core.serve.batcher import Overloaded
from core.serve.key import make_key
from core.store.database import transaction
from kits.sentiment.feed.inbox import InboxFeed
from kits.sentiment.feed.record import Record
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.store.schema import (
    alert_events,
    alerts,
    api_keys,
    feedback,
    inbox,
    items,
    model_requests,
    silences,
)
from tests.kits.sentiment.serve.conftest import Site, open_site


def firing(site: Site) -> str:
    """The id of the alert that nobody has seen yet."""
    return str(site.get("/alerts")[0]["id"])


def told(site: Site, alert: str) -> list[tuple[str, str, str]]:
    """What happened to an alert beside its opening, in order."""
    rows = [row for row in site.rows(alert_events) if row.alert == alert and row.what != "opened"]
    return [(row.what, row.by, row.comment) for row in sorted(rows, key=lambda row: row.number)]


def test_posted_news_is_what_the_monitor_will_take_in_and_bad_records_stop_no_other(site: Site) -> None:
    good = [{"title": f"News {number}", "url": f"https://news.example/{number}"} for number in range(3)]
    bad = [{"headline_of": "x"}, {"title": "x", "published_at": "yesterday"}, {"title": "a\0b"}, {"title": "\ud800"}]
    body = {"items": [good[0], *bad[:3], good[1], good[2]]}
    answer = site.post("/items", body)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 3
    assert [fault["index"] for fault in answer.json()["refused"]] == [1, 2, 3]
    taken = InboxFeed(site.store.engine).poll(None, 10).records
    assert [record.values for record in taken if isinstance(record, Record)] == good
    half = '{"items": [{"title": "\\ud800"}]}'
    refused = site.client.post("/items", content=half, headers=site.bearer | {"content-type": "application/json"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["where"] == "items.0"
    assert len(site.rows(inbox)) == 3


@pytest.mark.parametrize(
    "body", [{"items": []}, {}, [], {"items": ["text"]}, {"items": [{"title": "x"}] * 5001}], ids=str
)
def test_what_holds_no_news_is_refused_as_a_whole(empty: Site, body: object) -> None:
    answer = empty.post("/items", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert empty.rows(inbox) == []


def test_full_inbox_asks_to_come_again(empty: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kits.sentiment.serve.write.MOST_INBOX", 2)
    for _ in range(3):
        assert empty.post("/items", {"items": [{"title": "x"}]}).status_code == 202
    answer = empty.post("/items", {"items": [{"title": "x"}]})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")


def test_acknowledging_says_who_and_works_once(site: Site) -> None:
    alert = firing(site)
    answer = site.post(f"/alerts/{alert}/acknowledge", {"comment": "  on it\0 "})
    assert (answer.json()["state"], answer.json()["acknowledged_by"]) == ("acknowledged", "ann")
    again = site.post(f"/alerts/{alert}/acknowledge", {})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert "acknowledged by ann" in again.json()["detail"]
    assert told(site, alert) == [("acknowledged", "ann", "on it")]
    assert site.get("/overview")["firing"] == []


def test_verdict_can_be_changed_and_all_that_was_said_is_kept(site: Site) -> None:
    alert = firing(site)
    for verdict in ("false", "true"):
        assert site.post(f"/alerts/{alert}/verdict", {"verdict": verdict}).json()["verdict"] == verdict
    assert [row.verdict for row in site.rows(feedback)] == ["false", "true"]
    assert site.get("/models")["feedback"] == {"true": 1, "false": 1, "corrections": 0}
    assert site.post(f"/alerts/{alert}/verdict", {"verdict": "maybe"}).status_code == 422


def test_silence_of_an_alert_holds_for_its_series_alone_until_it_is_ended(site: Site) -> None:
    alert = firing(site)
    with transaction(site.store.engine) as connection:  # a name that a pattern would read otherwise
        connection.execute(update(alerts).where(alerts.c.id == alert).values(series="topic:a*[b]?"))
    number = site.post(f"/alerts/{alert}/silence", {"hours": 4, "comment": "known"}).json()["number"]
    (row,) = [row for row in site.rows(silences) if row.number == number]
    assert row.matchers == {"series": "topic:a[*][[]b][?]"}
    assert timedelta(hours=3.9) < row.until - datetime.now(UTC) < timedelta(hours=4.1)
    muted = {one["series"]: one["muted"] for one in site.get("/alerts")}
    assert muted == {"topic:a*[b]?": f"silence {number}", "company:Zlotka": None}
    assert number in [silence["number"] for silence in site.get("/silences")]
    assert site.post(f"/silences/{number}/end", {}).status_code == 204
    assert number not in [silence["number"] for silence in site.get("/silences")]
    assert site.post(f"/silences/{number}/end", {}).status_code == 404
    assert [what for what, _, _ in told(site, alert)] == ["silenced", "muted", "silence_ended"]


def test_silence_by_patterns_needs_one_that_means_something(site: Site) -> None:
    body = {"matchers": {"series": "company:*", "severity": "warning"}, "hours": 1, "comment": "results day"}
    number = site.post("/silences", body).json()["number"]
    assert {a["series"]: a["muted"] for a in site.get("/alerts")}["company:Zlotka"] == f"silence {number}"
    wrong = ({}, {"series": ""}, {"weather": "rain"}, {"series": "a\0"}, {"series": "x" * 201})
    for matchers in wrong:
        assert site.post("/silences", {"matchers": matchers, "hours": 1}).status_code == 422
    for hours in (0, -1, 24 * 91):
        assert site.post("/silences", {"matchers": {"series": "*"}, "hours": hours}).status_code == 422


def test_correction_is_kept_to_train_with_and_shown(site: Site) -> None:
    story = site.get("/stories")[0]["key"]
    item = site.get(f"/stories/{story}")["items"][0]["key"]
    assert site.post(f"/items/{item}/feedback", {"sentiment": "positive"}).status_code == 204
    assert site.get(f"/stories/{story}")["items"][0]["corrected"] == "positive"
    assert "corrected to positive" in site.page(f"/page/stories/{story}")
    assert [(row.item, row.by, row.verdict) for row in site.rows(feedback)] == [(item, "ann", "positive")]
    assert site.post(f"/items/{item}/feedback", {"sentiment": "angry"}).status_code == 422
    assert site.post("/items/nothing/feedback", {"sentiment": "positive"}).status_code == 404


def test_wish_for_another_model_waits_for_the_monitor(site: Site) -> None:
    assert site.post("/models", {"folder": "models/next"}).status_code == 202
    assert site.store.next_request() == (site.rows(model_requests)[0].number, "models/next")
    assert site.get("/models")["requests"][0]["by"] == "ann"
    assert "models/next" in site.page("/page/models")


@pytest.mark.parametrize("path", ["acknowledge", "verdict", "silence"])
def test_decision_on_an_alert_that_is_not_there_is_a_404(empty: Site, path: str) -> None:
    answer = empty.post(f"/alerts/nothing/{path}", {"verdict": "true", "hours": 1} if path != "acknowledge" else {})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_key_may_do_what_its_scopes_say_and_its_deeds_bear_its_name(site: Site) -> None:
    with transaction(site.store.engine) as connection:
        keys = {
            name: make_key(connection, api_keys, f"{name}er", [name], datetime.now(UTC))
            for name in ("read", "write", "admin")
        }
    alert = firing(site)
    asked = {
        "read": [("GET", "/overview", None), ("GET", "/metrics", None)],
        "write": [
            ("POST", f"/alerts/{alert}/acknowledge", {}),
            ("POST", "/items", {"items": [{"title": "x"}]}),
            ("POST", "/silences", {"matchers": {"series": "x"}, "hours": 1}),
        ],
        "admin": [("POST", "/models", {"folder": "x"})],
    }
    for needed, calls in asked.items():
        for method, path, body in calls:
            for name, key in keys.items():
                headers = {"authorization": f"Bearer {key}"}
                status = site.client.request(method, path, json=body, headers=headers).status_code
                assert (status == 403) == (name not in (needed, "admin")), (name, method, path)
    assert told(site, alert)[0][1] == "writeer"


# Scores and words


@pytest.fixture(scope="module")
def scoring(model: Path) -> Scoring:
    return Scoring.load(model)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, scoring: Scoring) -> Iterator[Site]:
    """A server with a model, over a few hours of news; only to be read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('reader') / 'monitor.db'}"
    app, store, key = open_site(url, 1, scoring)
    with TestClient(app, follow_redirects=False) as client:
        yield Site(client, store, key)
    store.engine.dispose()


def test_texts_are_scored_in_their_order_and_nothing_is_kept(reader: Site) -> None:
    texts = ["Profit rose on strong sales", "Regulator fines the bank after fraud", "Profit rose on strong sales"]
    first, second, third = reader.post("/score", {"texts": texts, "entities": [None, "the bank", None]}).json()
    assert first == third != second
    for scored in (first, second):
        assert sum(scored["sentiment_probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert scored["sentiment"] == max(scored["sentiment_probabilities"], key=scored["sentiment_probabilities"].get)
    assert texts[0] not in {row.title for row in reader.rows(items)}


def test_what_cannot_be_scored_is_refused(reader: Site) -> None:
    for texts in ([], [""], ["x"] * 1001, ["x" * 20_001], "x", [None]):
        assert reader.post("/score", {"texts": texts}).status_code == 422
    for entities in ([], [None, None]):
        assert reader.post("/score", {"texts": ["x"], "entities": entities}).status_code == 422


def test_words_of_an_item_stand_where_they_are_said_to(reader: Site) -> None:
    title, body = "Fraud found, 𝔻r Ng resigns", "Shares fell."
    with transaction(reader.store.engine) as connection:
        key = connection.execute(select(items.c.key).limit(1)).scalar_one()
        connection.execute(update(items).where(items.c.key == key).values(title=title, body=body))
    found = reader.get(f"/items/{key}/words")
    assert [title[word["start"] : word["end"]] for word in found["title"]][:2] == ["Fraud", "found"]
    assert {body[word["start"] : word["end"]].strip(".") for word in found["body"]} == {"Shares", "fell"}
    assert all(-1 <= word["effect"] <= 1 for word in found["title"] + found["body"])


def test_full_queue_of_the_model_asks_to_come_again(
    reader: Site, scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*given: object) -> object:
        raise Overloaded(4096, 2.4)

    monkeypatch.setattr(scoring, "score", refuse)
    monkeypatch.setattr(scoring, "explain", refuse)
    words = f"/items/{reader.rows(items)[0].key}/words"
    for answer in (reader.post("/score", {"texts": ["x"]}), reader.client.get(words, headers=reader.bearer)):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


def test_without_a_model_nothing_is_scored_and_that_is_said(site: Site) -> None:
    answer = site.post("/score", {"texts": ["x"]})
    assert (answer.status_code, answer.json()["detail"]) == (503, "no model is loaded here; start serve with --model")
    assert "data-words" not in site.page(f"/page/stories/{site.get('/stories')[0]['key']}")

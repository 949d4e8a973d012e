from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.serve.key import make_key
from core.store.database import transaction
from kits.recommender.live.living import Living
from kits.recommender.model.recommender import Recommender
from kits.recommender.serve.keeper import Keeper
from kits.recommender.store.schema import api_keys
from tests.kits.recommender.serve.conftest import Shop
from tests.kits.recommender.shop import make_recommender


def click(user: str, *items: str, kind: str = "click", **more: Any) -> dict[str, Any]:
    return {"events": [{"user_id": user, "item_id": item, "event": kind} | more for item in items]}


def ids(answer: Any) -> list[str]:
    return [place["item"]["item_id"] for place in answer["items"]]


def test_event_is_in_the_next_list(shop: Shop) -> None:
    address = "/users/ann/recommendations?k=12&log=false"
    before = shop.ask("GET", address)
    accepted = shop.ask("POST", "/events", 201, json=click("ann", "i0", "i4", "i8", "i12"))
    assert accepted == {"accepted": 4, "repeated": 0, "refused": []}
    after = shop.ask("GET", address)
    assert not set(ids(after)) & {"i0", "i4", "i8", "i12"}
    sea = [[place["item"]["category"] for place in answer["items"]].count("sea") for answer in (before, after)]
    assert sea[1] > sea[0]
    events = shop.ask("GET", "/users/ann")["events"]
    assert [event["item_id"] for event in events] == ["i12", "i8", "i4", "i0"]


def test_list_gives_reasons_and_what_was_displaced(shop: Shop) -> None:
    shop.ask("POST", "/events", 201, json=click("ann", "i0", "i4"))
    found = shop.ask("GET", "/users/ann/recommendations?explain=true&trade_off=0.6&method=mmr&log=false")
    assert found["impression_id"] is None
    assert [place["position"] for place in found["items"]] == list(range(1, 11))
    assert found["items"][0]["reasons"]["near"][0]["item_id"] in ("i0", "i4")
    instead = [place["instead_of"] for place in found["items"] if place["instead_of"]]
    assert instead
    assert {one["reason"] for one in instead} == {"alike"}
    assert not {one["item_id"] for one in instead} & set(ids(found))


def test_served_list_is_kept_with_propensity_and_bucket(shop: Shop) -> None:
    for user in ("ann", "bob", "eve", "dan"):
        answer = shop.ask("GET", f"/users/{user}/recommendations?k=5")
        assert answer["bucket"] in ("old", "new")
        assert answer["impression_id"]
        chances = [place["propensity"] for place in answer["items"]]
        drawn = [place for place in answer["items"] if place["explored"]]
        assert len(drawn) == 1
        assert sorted(chances)[1:] == [pytest.approx(0.8)] * 4
        item = ids(answer)[0]
        shop.ask("POST", "/events", 201, json=click(user, item, impression_id=answer["impression_id"], position=1))
    shop.app.state.desk.keeper.step()
    assert shop.living.store.count() == {"events": 24, "impressions": 4, "items": 0}
    buckets = shop.ask("GET", "/buckets")
    assert sum(one["shown"] for one in buckets["outcomes"]) == 20
    assert sum(one["clicks"] for one in buckets["outcomes"]) == 4


def test_stranger_gets_a_list_by_interests_or_by_items(shop: Shop) -> None:
    by_words = shop.ask("POST", "/recommendations", json={"interests": "comet telescope", "k": 5, "trade_off": 0})
    assert {place["item"]["category"] for place in by_words["items"]} == {"sky"}
    by_items = shop.ask("POST", "/recommendations", json={"history": ["i2", "i6"], "k": 5, "trade_off": 0})
    assert "food" in {place["item"]["category"] for place in by_items["items"]}
    shop.ask("POST", "/recommendations", 422, json={"history": ["nothing"]})
    assert shop.living.store.count()["events"] == 0


def test_filters_hold(shop: Shop) -> None:
    base = "/users/ann/recommendations?log=false&k=30"
    assert set(ids(shop.ask("GET", f"{base}&blocked=i1&blocked=i2"))).isdisjoint({"i1", "i2"})
    only = shop.ask("GET", f"{base}&category=sea")
    assert {place["item"]["category"] for place in only["items"]} == {"sea"}
    shop.ask("POST", "/events", 201, json=click("ann", "i0"))
    assert "i0" in ids(shop.ask("GET", f"{base}&repeat=true&k=100"))


def test_items_come_change_and_go(shop: Shop) -> None:
    item = {"title": "harbour tide boat sail", "category": "sea", "tags": ["sea"]}
    shop.ask("PUT", "/items/new%20one", 204, json=item)
    assert shop.ask("GET", "/items/new%20one")["title"] == item["title"]
    assert "new one" in [near["item"]["item_id"] for near in shop.ask("GET", "/items/i0/similar?k=80")]
    many = {"items": [{"item_id": "a", "title": "star"}, {"item_id": "b"}, {"item_id": "a", "title": "moon"}]}
    answer = shop.ask("POST", "/items", 201, json=many)
    assert (answer["accepted"], answer["repeated"], [one["index"] for one in answer["refused"]]) == (1, 1, [1])
    assert shop.ask("GET", "/items/a")["title"] == "moon"
    shop.ask("DELETE", "/items/a", 204)
    assert shop.ask("GET", "/items/a")["available"] is False
    assert "a" not in ids(shop.ask("GET", "/users/ann/recommendations?k=100&log=false"))
    for method, path in (("GET", "/items/zz"), ("GET", "/items/zz/similar"), ("DELETE", "/items/zz")):
        shop.ask(method, path, 404)
    assert shop.living.check() == []


def test_bad_events_are_told_one_by_one_and_stop_no_other(shop: Shop) -> None:
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    sent = [
        {"user_id": "ann", "item_id": "i0", "event": "click"},
        {"user_id": "ann", "item_id": "gone", "event": "click"},
        {"user_id": "ann", "item_id": "i0", "event": "click", "at": future},
        {"user_id": "ann", "item_id": "i0", "event": "stare"},
        {"user_id": 5, "item_id": "i0", "event": "click"},
        "click",
    ]
    answer = shop.ask("POST", "/events", 201, json={"events": sent})
    assert answer["accepted"] == 1
    reasons = {one["index"]: one["reason"] for one in answer["refused"]}
    assert "no item 'gone'" in reasons[1]
    assert "yet to come" in reasons[2]
    assert "expected one of show view click" in reasons[3]
    assert "user_id is 5" in reasons[4]
    assert "expected an object" in reasons[5]
    refused = shop.ask("POST", "/events", 422, json={"events": sent[1:]})
    assert [fault["where"] for fault in refused["errors"]] == [f"events.{n}" for n in range(5)]
    for body in ({}, {"events": []}, {"events": "click"}, [1]):
        shop.ask("POST", "/events", 422, json=body)
    assert shop.client.post("/events", content=b"{", headers=shop.bearer).status_code == 422


def test_ten_thousand_events_in_one_call_are_refused_whole_and_five_thousand_are_taken(shop: Shop) -> None:
    one = {"user_id": "ann", "item_id": "i0", "event": "view"}
    answer = shop.ask("POST", "/events", 413, json={"events": [one] * 10_000})
    assert "10,000 events in one call, expected at most 5,000" in answer["detail"]
    assert shop.living.store.count()["events"] == 0
    assert shop.ask("POST", "/events", 201, json={"events": [one] * 5_000})["accepted"] == 5_000


def test_event_that_is_sent_again_is_counted_once(shop: Shop) -> None:
    body = click("ann", "i0", event_id="e1")
    assert shop.ask("POST", "/events", 201, json=body)["accepted"] == 1
    assert shop.ask("POST", "/events", 201, json=body) == {"accepted": 0, "repeated": 1, "refused": []}
    assert len(shop.ask("GET", "/users/ann")["events"]) == 1


def test_erased_user_is_gone_everywhere(shop: Shop) -> None:
    shop.ask("GET", "/users/ann/recommendations?k=4")
    shop.ask("POST", "/events", 201, json=click("ann", "i0", "i4"))
    assert shop.ask("DELETE", "/users/ann")["events"] >= 2
    shop.app.state.desk.keeper.step()
    assert shop.living.store.count()["events"] == 0
    assert shop.living.store.count()["impressions"] == 0
    shop.ask("GET", "/users/ann", 404)
    shop.ask("DELETE", "/users/ann", 404)


def test_scopes_are_kept_apart(shop: Shop) -> None:
    with transaction(shop.living.store.engine) as connection:
        key = make_key(connection, api_keys, "reader", ["read"], datetime.now(UTC))
    headers = {"authorization": f"Bearer {key}"}
    get = shop.client.get("/users/ann/recommendations", headers=headers)
    assert get.status_code == 200
    assert shop.client.post("/recommendations", json={}, headers=headers).status_code == 200
    for method, path in (("POST", "/events"), ("PUT", "/items/x"), ("DELETE", "/users/ann"), ("POST", "/models")):
        assert shop.client.request(method, path, json={}, headers=headers).status_code == 403, path
    assert shop.client.get("/users/ann").status_code == 401


def test_model_is_changed_without_a_restart_and_a_bad_one_changes_nothing(shop: Shop) -> None:
    shop.ask("POST", "/events", 201, json=click("ann", "i0"))

    def load(folder: Path) -> Recommender:
        if folder.name == "broken":
            raise ModelError("not a model folder", where=str(folder))
        return make_recommender(version="v2")

    keeper = Keeper(shop.living, 400, load)
    shop.app.state.desk.keeper.stop()
    shop.ask("POST", "/models", 202, json={"folder": "broken"})
    keeper.change_model()
    assert shop.living.version == "v-test"
    shop.ask("POST", "/models", 202, json={"folder": "models/next"})
    keeper.change_model()
    assert shop.living.version == "v2"
    assert [(row["state"], row["version"]) for row in shop.ask("GET", "/models")][:2] == [
        ("active", "v2"),
        ("failed", None),
    ]
    assert shop.ask("GET", "/users/ann")["events"][0]["item_id"] == "i0"


def test_with_one_core_the_thread_that_answers_makes_the_list(shop: Shop) -> None:
    desk = shop.app.state.desk
    alone, together = (asyncio.run(replace(desk, cores=cores).work(threading.get_ident)) for cores in (1, 2))
    assert alone == threading.get_ident() != together
    for cores in (1, 2):
        shop.app.state.desk = replace(desk, cores=cores)
        assert len(shop.ask("GET", "/users/ann/recommendations?k=5")["items"]) == 5
        shop.ask("GET", "/users/ann/recommendations?k=0", 422)
    shop.app.state.desk = desk


def test_processes_on_one_database_hear_of_each_other(shop: Shop) -> None:
    def load(folder: Path) -> Recommender:
        return make_recommender(version=folder.name)

    def wait_for(is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + 30.0
        while not is_so():
            assert time.monotonic() < until
            time.sleep(0.01)

    store = shop.living.store
    store.activate_model("models/v1", "v1", datetime.now(UTC))
    other = Living(store, make_recommender(version="v1"))
    keeper = Keeper(other, 400, load, is_one_of_many=True)
    keeper.start()
    try:
        shop.ask("POST", "/events", 201, json=click("ann", "i0"))
        wait_for(lambda: other.ask(lambda one: "ann" in one.users))
        shop.app.state.desk.keeper.stop()
        store.want_model("models/v2", "ann", datetime.now(UTC))
        wait_for(lambda: other.version == "v2")
        wait_for(lambda: store.wanted_model() is None)
        Keeper(shop.living, 400, load).change_model()
        assert shop.living.version == "v2"
    finally:
        keeper.stop()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_are_there_in_both_languages(shop: Shop, language: str) -> None:
    shop.ask("POST", "/events", 201, json=click("ann", "i0", "i4", "i8"))
    for path in ("/?user=ann", "/?interests=comet", "/?user=ann&tried=i3", "/page/items/i0", "/page/frontier",
                 "/page/frontier?method=calibrated", "/page/running"):  # fmt: skip
        text = shop.page(path, **{"accept-language": language})
        assert ('lang="zh-Hans"' in text[:200]) == (language == "zh")
        assert "{{" not in text


def test_page_of_an_empty_server_says_so(shop: Shop) -> None:
    assert "Nothing is known of this user yet" in shop.page("/")
    assert "No user has three clicks yet" in shop.page("/page/frontier")
    assert "No comparison runs" in shop.page("/page/running")


def test_health_and_description_of_the_api(shop: Shop) -> None:
    assert shop.client.get("/health/ready").json()["status"] == "ready"
    paths = shop.ask("GET", "/openapi.json")["paths"]
    assert {"/events", "/users/{user_id}/recommendations", "/items/{item_id}/similar"} <= set(paths)

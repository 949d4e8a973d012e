"""The pages and their forms, as a person who is signed in sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import update
from starlette.testclient import TestClient

from core.serve import texts as core_texts
from core.serve.app import LIVE, READY
from core.serve.key import make_key
from core.serve.page import PAGES as CORE_PAGES
from core.store.database import transaction
from kits.sentiment.serve.server import PAGES
from kits.sentiment.serve.site import series_path
from kits.sentiment.serve.texts import TEXTS
from kits.sentiment.store.schema import alerts, api_keys, feedback, items, model_requests, stories
from tests.kits.sentiment.serve.conftest import Site, open_site

HTML = {"accept": "text/html"}
FROM_OUR_PAGE = {"sec-fetch-site": "same-origin"} | HTML
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Person:
    """Someone who is signed in to the page."""

    def __init__(self, site: Site, key: str = "") -> None:
        self.site, self.client = site, TestClient(site.client.app, follow_redirects=False)
        answer = self.send("/sign-in", key=key or site.key)
        assert answer.status_code == 303

    def send(self, path: str, **fields: str) -> Any:
        """Send a form as our own page does."""
        return self.client.post(path, data={"back": "/"} | fields, headers=FROM_OUR_PAGE)

    def read(self, path: str) -> str:
        """A page."""
        answer = self.client.get(path, headers=HTML)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    """Two days of news on SQLite."""
    app, store, key = open_site(f"sqlite:///{tmp_path / 'monitor.db'}", 2)
    with TestClient(app, follow_redirects=False) as client:
        yield Site(client, store, key)
    store.engine.dispose()


def all_pages(site: Site) -> list[str]:
    """The address of one page of each kind."""
    story, alert = site.get("/stories")[0]["key"], site.get("/alerts")[0]
    return [
        "/", series_path("overall"), f"{series_path(alert['series'])}?days=2&sentiment=all", "/page/alerts",
        f"/page/alerts/{alert['id']}", f"/page/stories/{story}?series=overall", "/page/sources", "/page/models",
    ]  # fmt: skip


def test_every_route_but_health_answers_401_without_a_key(empty: Site) -> None:
    app = empty.client.app
    assert isinstance(app, FastAPI)
    asked = 0
    for route in iter_route_contexts(app.routes):
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            answer = empty.client.request(method, path)
            expected = {LIVE: 200, READY: 200, "/sign-in": 401 if method == "GET" else 403}.get(route.path, 401)
            assert answer.status_code == expected, (method, route.path)
            shown = empty.client.request(method, path, headers=HTML)
            if expected == 401 and method in ("GET", "POST"):
                assert (shown.status_code, 'action="/sign-in"' in shown.text) == (401, True)
            asked += 1
    assert asked >= 35
    for path in ("/docs", "/redoc", "/nothing", "/static/../server.py", "/page/alerts/../../overview"):
        assert empty.client.get(path).status_code == 401


def test_page_under_another_name_that_leads_here_gets_nothing(small: Site) -> None:
    """DNS rebinding: the browser takes us for evil.example, and so keeps our cookie to itself."""
    person = Person(small)
    person.client.base_url = "http://evil.example"
    for path in ("/", "/overview", "/page/alerts"):
        answer = person.client.get(path, headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 401


def test_forms_do_what_the_api_does_and_lead_back(small: Site) -> None:
    person = Person(small)
    alert = small.get("/alerts")[0]["id"]
    story = small.get("/stories")[0]["key"]
    item = small.get(f"/stories/{story}")["items"][0]["key"]
    for path, fields in (
        (f"/page/alerts/{alert}/acknowledge", {}),
        (f"/page/alerts/{alert}/verdict", {"verdict": "true", "comment": "x" * 5000}),
        (f"/page/alerts/{alert}/silence", {"hours": "24", "comment": "known"}),
        (f"/page/items/{item}/feedback", {"sentiment": "neutral"}),
        ("/page/models", {"folder": " models/next "}),
    ):
        answer = person.send(path, back=f"/page/alerts/{alert}", **fields)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/page/alerts/{alert}"), path
    detail = small.get(f"/alerts/{alert}")
    assert (detail["alert"]["state"], detail["alert"]["verdict"]) == ("acknowledged", "true")
    assert {(event["what"], event["by"]) for event in detail["history"]} >= {
        ("acknowledged", "ann"), ("verdict", "ann"), ("silenced", "ann"),
    }  # fmt: skip
    assert {len(row.comment) for row in small.rows(feedback)} == {2000, 0}
    assert [row.folder for row in small.rows(model_requests)] == ["models/next"]
    number = int(detail["alert"]["muted"].removeprefix("silence "))
    assert person.send(f"/page/silences/{number}/end", back="//evil.example").headers["location"] == "/"
    assert number not in [silence["number"] for silence in small.get("/silences")]


def test_form_that_makes_no_sense_says_so_on_a_page(small: Site) -> None:
    person = Person(small)
    alert = small.get("/alerts")[0]["id"]
    item = small.rows(items)[0].key
    for path, fields, status in (
        (f"/page/alerts/{alert}/silence", {}, 400),
        (f"/page/alerts/{alert}/silence", {"hours": "soon"}, 400),
        (f"/page/alerts/{alert}/silence", {"hours": "nan"}, 422),
        (f"/page/alerts/{alert}/silence", {"hours": "1e9"}, 422),
        (f"/page/alerts/{alert}/verdict", {"verdict": "maybe"}, 400),
        (f"/page/items/{item}/feedback", {"sentiment": "angry"}, 400),
        ("/page/items/nothing/feedback", {"sentiment": "neutral"}, 404),
        ("/page/alerts/nothing/acknowledge", {}, 404),
        ("/page/silences/999/end", {}, 404),
        ("/page/silences/0/end", {}, 422),
        ("/page/models", {"folder": " "}, 400),
    ):
        answer = person.send(path, **fields)
        assert (answer.status_code, "<h1>" in answer.text) == (status, True), (path, fields)
    assert small.get("/alerts")[0]["state"] == "firing"


def test_forms_of_other_sites_change_nothing(small: Site) -> None:
    person = Person(small)
    alert = small.get("/alerts")[0]["id"]
    for headers in (
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.example"}, {},
    ):  # fmt: skip
        answer = person.client.post(f"/page/alerts/{alert}/acknowledge", data={}, headers=headers)
        assert answer.status_code == 403
        assert person.client.post("/models", json={"folder": "x"}, headers=headers).status_code == 403
    assert small.get("/alerts")[0]["state"] == "firing"


def test_who_may_only_read_is_offered_nothing_to_change(small: Site) -> None:
    with transaction(small.store.engine) as connection:
        key = make_key(connection, api_keys, "bob", ["read"], datetime.now(UTC))
    reader, alert = Person(small, key), small.get("/alerts")[0]["id"]
    for path in all_pages(small):
        assert set(re.findall(r'action="([^"]*)"', reader.read(path))) == {"/sign-out"}, path
    answer = reader.send(f"/page/alerts/{alert}/acknowledge")
    assert (answer.status_code, "Your key is not for this" in answer.text) == (403, True)
    with transaction(small.store.engine) as connection:
        key = make_key(connection, api_keys, "eve", ["read", "write"], datetime.now(UTC))
    writer = Person(small, key)
    assert 'action="/page/models"' not in writer.read("/page/models")
    assert writer.send("/page/models", folder="x").status_code == 403


class Markup(HTMLParser):
    """Notes what a strict policy would forbid, and whether every tag that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.forbidden += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.forbidden.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is closed and was not open"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_are_whole_hold_nothing_inline_and_speak_one_language(small: Site, language: str) -> None:
    person = Person(small)
    other = "zh" if language == "en" else "en"
    foreign = {pair[other == "zh"] for key, pair in TEXTS.items() if pair[0] != pair[1] and "{" not in pair[0]}
    foreign -= {pair[language == "zh"] for pair in TEXTS.values()}
    for path in all_pages(small):
        text = person.read(path + ("&" if "?" in path else "?") + f"lang={language}")
        markup = Markup()
        markup.feed(text)
        assert (markup.open, markup.forbidden) == ([], [])
        assert len(markup.ids) == len(set(markup.ids)), path
        assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}"' in text
        shown = {part.strip() for part in re.findall(r">([^<>]+)<", text)}
        assert not shown & foreign, path


def test_every_word_that_is_translated_is_used() -> None:
    files = [file for folder in (PAGES, CORE_PAGES, Path(core_texts.__file__).parent, PAGES.parent / "serve")
             for file in folder.iterdir() if file.suffix in (".html", ".js", ".py")]  # fmt: skip
    code = "".join(file.read_text(encoding="utf-8") for file in files if file.name != "texts.py")
    made = ("ev_", "what_", "model_", "error_", "feed_", "judged_", "mute_", "tile_")  # and what follows
    kinds = {"topic", "company", "overall", "firing", "acknowledged", "resolved", "withdrawn", "warning", "critical"}
    unused = {
        key for key in (*TEXTS, *core_texts.TEXTS)
        if not key.startswith(made) and key not in kinds and not re.search(rf"\bt\.{key}\b|[\"']{key}[\"']", code)
    }  # fmt: skip
    assert unused == set()


def test_monitor_that_still_learns_does_not_say_that_all_is_well(small: Site, empty: Site) -> None:
    with transaction(small.store.engine) as connection:
        connection.execute(update(alerts).values(state="withdrawn"))
    page = small.page("/")
    assert "Learning what is usual" in page
    assert "possible after 4 days" in page
    assert "No surge" not in page
    assert "No news yet" in empty.page("/")
    assert "No surge" not in empty.page("/")


def test_alert_is_shown_with_the_story_behind_it_and_the_hours_around_it(small: Site) -> None:
    alert = small.get("/alerts")[0]
    lead = next(row for row in small.rows(stories) if row.key == alert["evidence"]["driving"][0]["story"])
    assert small.get("/overview")["leads"][alert["id"]]["title"] == lead.title
    for path in ("/", "/page/alerts"):
        assert f'href="/page/stories/{lead.key}?series=' in small.page(path)
    page = small.page(f"/page/alerts/{alert['id']}")
    assert 'class="span critical"' in page
    assert "Chance if nothing had happened" in page
    with transaction(small.store.engine) as connection:  # the evidence outlives its stories
        connection.execute(update(alerts).values(evidence=alert["evidence"] | {"driving": [{"story": "gone"}]}))
    assert small.get("/overview")["leads"] == {}
    assert "No such stories" in small.page(f"/page/alerts/{alert['id']}")


def test_address_of_an_item_is_a_link_only_if_it_leads_to_the_web(small: Site) -> None:
    story = small.get("/stories")[0]["key"]
    for url, is_link in (("https://news.example/1", True), ("javascript:alert(1)", False), ("data:text/html,x", False)):
        with transaction(small.store.engine) as connection:
            connection.execute(update(items).values(url=url))
        assert (f'href="{url}"' in small.page(f"/page/stories/{story}")) == is_link

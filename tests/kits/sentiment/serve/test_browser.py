"""The page in a real browser: what people do with it, how it keeps itself up to date, and that it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import insert, select, update

from core.store.database import transaction
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.serve.site import series_path
from kits.sentiment.store.schema import alert_events, alerts, stories
from tests.kits.sentiment.serve.visit import PHONE, UNREADABLE, WIDE, chromium, visiting


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.slow
def test_walk_from_the_overview_to_a_story_and_through_all_decisions(
    browser: Browser, tmp_path: Path, model: Path
) -> None:
    with visiting(browser, tmp_path, 3, Scoring.load(model)) as visit:
        page = visit.page
        expect(page.locator("h1")).to_contain_text("1 surge of bad news")
        page.click(".board tr.firing a.name")
        expect(page.locator("h1")).to_contain_text("security", ignore_case=True)
        expect(page.locator(".chart .surge").first).to_be_visible()
        for number in range(6):  # which stories stand first depends on the hour, and not in each does one word decide
            page.click(f".item.story a.title >> nth={number}")
            expect(page.locator("article").first).to_be_visible()
            page.click("[data-words] >> nth=0")
            expect(page.locator("[data-words]").first).to_have_attribute("aria-pressed", "true")
            if page.locator("mark").count():
                break
            page.go_back()
        expect(page.locator("mark").first).to_be_visible()
        before = page.locator("article [data-title]").first.text_content()
        page.click("[data-words] >> nth=0")
        expect(page.locator("mark")).to_have_count(0)
        assert page.locator("article [data-title]").first.text_content() == before
        page.click(".correct button >> nth=0")
        expect(page.locator(".reading").first).to_contain_text("corrected to")

        page.goto(visit.address)
        page.click(".urgent button.main")
        expect(page.locator("h1")).to_contain_text("2 in hand")
        page.click("nav a[href='/page/alerts']")
        page.click("#in-hand .item:has-text('ecurity') details summary")
        page.select_option("#in-hand .item:has-text('ecurity') select", "4")
        page.fill("#in-hand .item:has-text('ecurity') [name=comment]", "known outage")
        page.click("#in-hand .item:has-text('ecurity') .card button")
        expect(page.locator("#silences .silence", has_text="known outage")).to_be_visible()
        page.click("#in-hand .item:has-text('ecurity') a.name")
        expect(page.locator("#alert")).to_contain_text("Nobody was told")
        page.click("#alert button[value=true]")
        expect(page.locator("#alert button[value=true]")).to_have_attribute("aria-pressed", "true")
        history = [text.strip() for text in page.locator("#history .what > span").all_inner_texts()]
        assert [line.split(" by ")[0] for line in history[::-1]] == [
            "Alert opened", "Acknowledged", "Silenced", "Nobody is told", "Judged",
        ]  # fmt: skip
        page.click("nav a[href='/page/alerts']")
        page.click("#silences .silence:has-text('known outage') button")
        expect(page.locator("#silences .silence", has_text="known outage")).to_have_count(0)
        page.click("form[action='/sign-out'] button")
        expect(page.locator("#key")).to_be_visible()
        visit.faults[:] = [fault for fault in visit.faults if "401" not in fault]  # the form itself is one


@pytest.mark.slow
def test_page_keeps_itself_up_to_date_and_leaves_alone_what_someone_is_busy_with(
    browser: Browser, tmp_path: Path
) -> None:
    with visiting(browser, tmp_path, 2) as visit:
        page = visit.page
        visit.open("/page/alerts")
        page.click("#firing details summary")
        page.fill("#firing [name=comment]", "half a sen")
        with transaction(visit.store.engine) as connection:
            row = dict(connection.execute(select(alerts).where(alerts.c.state == "firing")).mappings().one())
            connection.execute(insert(alerts).values(row | {"id": "f" * 32, "series": "topic:<b>new</b>"}))
            event = {"alert": "f" * 32, "what": "opened", "at": datetime.now(UTC), "by": "monitor", "comment": ""}
            connection.execute(insert(alert_events).values(event))
        expect(page.locator("#announcer")).to_have_text("New alert: <b>new</b>")
        expect(page.locator("#open-count .count")).to_have_text("2")
        expect(page).to_have_title("(2) Alerts · Opinion monitor")
        expect(page.locator("#firing [name=comment]").first).to_have_value("half a sen")
        page.click("h1")
        page.click("#firing details summary >> nth=0")
        with transaction(visit.store.engine) as connection:
            connection.execute(update(alerts).where(alerts.c.id == "f" * 32).values(state="resolved"))
            connection.execute(insert(alert_events).values(event | {"what": "resolved"}))
        expect(page.locator("#past")).to_contain_text("<b>new</b>")
        expect(page.locator("#open-count .count")).to_have_text("1")


@pytest.mark.slow
def test_stream_that_broke_off_is_taken_up_again(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser, tmp_path, 1) as visit:
        page = visit.page
        page.context.set_offline(True)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        page.context.set_offline(False)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        expect(page.locator("#status")).to_have_text("Live")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "scheme", "size"), [("en-GB", "light", PHONE), ("zh-CN", "dark", PHONE), ("zh-CN", "light", WIDE)]
)
def test_every_page_fits_its_screen_and_can_be_read(
    language: str, scheme: Any, size: Any, browser: Browser, tmp_path: Path
) -> None:
    look = {"viewport": size, "color_scheme": scheme, "locale": language, "has_touch": size is PHONE}
    with visiting(browser, tmp_path, 2, **look) as visit:
        page = visit.page
        with transaction(visit.store.engine) as connection:
            connection.execute(update(stories).values(title="Long words " * 30 + "Donaudampfschifffahrt" * 20))
            story = connection.execute(select(stories.c.key).limit(1)).scalar_one()
            alert = connection.execute(select(alerts.c.id).limit(1)).scalar_one()
        for path in (
            "/", series_path("topic:security"), f"/page/stories/{story}", "/page/alerts", f"/page/alerts/{alert}",
            "/page/sources", "/page/models",
        ):  # fmt: skip
            visit.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
            assert page.evaluate(UNREADABLE) == [], path
        word = {"zh-CN": "舆情监测", "en-GB": "Opinion monitor"}[language]
        expect(page.locator(".brand")).to_have_text(word)
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(14, 17, 22)") == (scheme == "dark")
        page.click("[data-switch-theme]")
        visit.open("/")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != back
        page.click(".tools a[hreflang]")
        expect(page.locator("html")).to_have_attribute("lang", {"zh-CN": "en", "en-GB": "zh-Hans"}[language])


@pytest.mark.slow
def test_story_says_so_when_no_word_decides_or_no_answer_comes(browser: Browser, tmp_path: Path, model: Path) -> None:
    with visiting(browser, tmp_path, 1, Scoring.load(model)) as visit:
        page = visit.page
        with transaction(visit.store.engine) as connection:
            story = connection.execute(select(stories.c.key).limit(1)).scalar_one()
        visit.open(f"/page/stories/{story}")
        button, said = page.locator("[data-words]").first, page.locator("[data-said]").first
        weak = {"title": [{"start": 0, "end": 3, "effect": 0.009}], "body": []}
        page.route("**/words", lambda route: route.fulfill(json=weak))
        button.click()
        expect(said).to_have_text("no single word decides")
        button.click()
        expect(said).to_have_text("")
        page.unroute("**/words")
        page.route("**/words", lambda route: route.fulfill(status=503))
        button.click()
        expect(said).to_have_text("no answer; try again")
        expect(button).to_have_attribute("aria-pressed", "false")
        assert [fault for fault in visit.faults if "503" not in fault] == []
        visit.faults.clear()


@pytest.mark.slow
def test_everything_can_be_done_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser, tmp_path, 2) as visit:
        page = visit.page
        visit.open("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "name"
        page.keyboard.press("Enter")
        expect(page.locator("#evidence")).to_be_visible()
        chart = page.locator("[data-chart]")
        chart.focus()
        page.keyboard.press("ArrowLeft")
        first = page.locator(".tip").inner_text()
        page.keyboard.press("ArrowLeft")
        assert page.locator(".tip").inner_text() != first
        page.keyboard.press("Escape")
        expect(page.locator(".tip")).to_be_hidden()
        page.locator("#alert details summary").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#alert select")).to_be_visible()
        outline = "(e) => getComputedStyle(e).outlineStyle"
        assert page.locator("#alert details summary").evaluate(outline) != "none"

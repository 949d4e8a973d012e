"""Texts of others never run, load or send anything: fifty payloads in every place where such a text is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import insert, update

from core.store.database import transaction
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.serve.site import series_path
from kits.sentiment.store.schema import alert_events, alerts
from tests.kits.sentiment.serve.payloads import PAYLOADS, plant
from tests.kits.sentiment.serve.visit import STRANGERS, chromium, visiting

WEB = ("https://news.example/", "http://news.example/")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.slow
def test_payloads_stay_text_wherever_they_are_shown(browser: Browser, tmp_path: Path, model: Path) -> None:
    assert len(set(PAYLOADS)) == 50
    with visiting(browser, tmp_path, 1, Scoring.load(model)) as visit:
        page, planted = visit.page, plant(visit.store)
        pages = {
            "/": 50, "/page/series/overall?sentiment=all": 40, f"/page/stories/{planted['story']}": 50,
            "/page/alerts": 50, f"/page/alerts/{planted['alert']}": 50, "/page/sources": 50, "/page/models": 10,
            series_path(f"company:{PAYLOADS[0]}"): 1, series_path(f"topic:{PAYLOADS[-1]}"): 1,
        }  # fmt: skip
        for path, least in pages.items():
            visit.open(path)
            shown = page.evaluate("document.body.textContent")
            assert sum(payload in shown for payload in PAYLOADS) >= least, path
            links = page.evaluate("[...document.querySelectorAll('main a')].map((a) => a.href)")
            assert all(link.startswith((visit.address, *WEB)) for link in links), path
            assert page.evaluate(STRANGERS) == [], path
        visit.open(f"/page/stories/{planted['story']}")
        for button in page.locator("[data-words]").all()[:5]:
            button.click()
            expect(button).to_have_attribute("aria-pressed", "true")
        assert page.evaluate(STRANGERS) == []
        visit.open("/page/alerts")
        with transaction(visit.store.engine) as connection:  # exchanged by the script, too
            event = {"alert": planted["alert"], "what": "opened", "at": datetime.now(UTC), "by": "x", "comment": "x"}
            connection.execute(update(alerts).values(muted=PAYLOADS[10]))
            connection.execute(insert(alert_events).values(event))
        expect(page.locator("#firing")).to_contain_text(f"Nobody was told: {PAYLOADS[10]}")
        assert page.evaluate(STRANGERS) == []


@pytest.mark.slow
def test_markup_that_got_into_a_page_could_still_not_run_and_would_be_reported(
    browser: Browser, tmp_path: Path
) -> None:
    with visiting(browser, tmp_path, 1) as visit:
        visit.page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.ran = true";
              document.body.append(script);
              const picture = "<img src='http://evil.example/x.png' onerror='window.ran = true'>";
              document.body.insertAdjacentHTML("beforeend", picture);
            }"""
        )
        visit.page.wait_for_function("performance.now() > 0")
        assert visit.page.evaluate("window.ran") is None
        while visit.reports() < 2:
            visit.page.evaluate("1")
        assert any("Content Security Policy" in fault for fault in visit.faults)
        visit.faults.clear()
        visit.reports = lambda: 0.0  # type: ignore[method-assign]

"""The page in a real browser: a reader, reasons, the slider, what if, an invented reader, both languages, a phone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.config import ServeConfig
from core.serve.listen import bind, make_server, show_url
from tests.kits.recommender.serve.conftest import Shop

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHOTS = os.environ.get("FIELDKITS_SHOTS")  # a folder: keep pictures to look at
PHONE = {"width": 390, "height": 844}


async def _nothing() -> None:
    """No streams."""


@pytest.fixture(scope="module")
def address(sample: Shop) -> Iterator[str]:
    """The sample server on a port of its own."""
    settings = ServeConfig(port=0)
    stopping = threading.Event()
    with closing(bind(settings)) as listener:
        server = make_server(sample.app, settings, _nothing, lambda: not stopping.is_set())
        server.config.lifespan = "off"  # the fixture has started the application already
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield show_url(listener)
        stopping.set()
        thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; without it the tests are skipped, or fail where services are required."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        if os.environ.get("FIELDKITS_REQUIRE_SERVICES") == "1":
            pytest.fail(f"no {CHROMIUM}")
        pytest.skip(f"no {CHROMIUM}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str, sample: Shop) -> Iterator[Any]:
    """A window that is signed in; what the policy or a script refuses fails the test."""
    context = browser.new_context(base_url=address, locale="en-GB", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(90_000)
    faults: list[str] = []
    page.goto("/sign-in")
    page.fill("input[name=key]", sample.key)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.click("main button")
    page.wait_for_selector("#ranked")
    yield page
    context.close()
    assert faults == []


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def listed(page: Any) -> list[str]:
    items: list[str] = page.eval_on_selector_all("#ranked > li", "rows => rows.map(row => row.dataset.item)")
    return items


def swapped(page: Any, act: Any) -> None:
    """Do something, and wait until the list has changed in its place."""
    page.evaluate("() => { document.querySelector('.desk').dataset.old = ''; }")
    act()
    page.wait_for_selector(".desk:not([data-old])")


def test_reader_list_reasons_slider_and_what_if(page: Any) -> None:
    assert page.locator("#history li").count() >= 3
    first = listed(page)
    assert len(first) == 10
    assert page.locator(".why li").count() >= 10
    shoot(page, "list")

    def slide(value: str) -> None:
        page.eval_on_selector(
            "input[name=trade_off]",
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }",
            value,
        )

    swapped(page, lambda: slide("0"))
    plain = listed(page)
    assert "trade_off=0" in page.url
    swapped(page, lambda: slide("0.8"))
    varied = listed(page)
    assert varied != plain
    assert page.locator(".why", has_text="Instead of").count() >= 1
    categories = "#ranked .what > .facts .chip"
    assert len(set(page.locator(categories).all_inner_texts())) >= 3
    shoot(page, "varied")

    swapped(page, lambda: slide("0"))
    target = listed(page)[4]
    swapped(page, lambda: page.click(f"#ranked li[data-item={target}] [data-try]"))
    after = listed(page)
    assert target not in after
    assert page.locator("#tried li").count() == 1
    assert page.locator(".moved.up").count() >= 1
    shoot(page, "what-if")
    page.reload()
    assert listed(page) == after
    swapped(page, lambda: page.click("#tried a[data-swap]"))
    assert listed(page) == plain


def test_invented_reader_and_an_item_with_its_neighbours(page: Any) -> None:
    page.fill("input[name=user]", "")
    page.fill("input[name=interests]", "night trains, sourdough bread")
    page.click("#pick button")
    page.wait_for_selector("#ranked")
    assert "An invented reader" in page.inner_text("h1")
    assert set(page.locator("#ranked .what > .facts .chip").all_inner_texts()) >= {"cooking", "travel"}
    shoot(page, "invented")
    page.click("#ranked .title >> nth=0")
    page.wait_for_selector("#near")
    assert page.locator("#near li").count() == 12
    shoot(page, "item")
    page.click(".lead a.button")
    page.wait_for_selector("#tried")
    assert page.locator("#tried li").count() == 1


def test_frontier_and_running_in_both_languages_dark_and_on_a_phone(page: Any) -> None:
    page.goto("/page/frontier")
    assert page.locator(".frontier circle").count() == 11
    kept = [text.split()[0] for text in page.locator("#figures tbody td:nth-child(2)").all_inner_texts()]
    assert kept[0] == "100.0"
    assert float(kept[-1]) < 100
    shoot(page, "frontier")
    page.goto("/page/running?lang=zh")
    assert page.inner_text("h1") == "运行状况"
    shoot(page, "running-zh")
    page.click("[data-switch-theme]")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto("/?trade_off=0.7")
    assert "多样性" in page.inner_text("#tune")
    shoot(page, "list-zh-dark")
    page.set_viewport_size(PHONE)
    page.goto("/?trade_off=0.7&lang=en")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shoot(page, "phone")
    page.goto("/page/frontier")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    shoot(page, "phone-frontier")


def test_page_works_without_scripts(browser: Any, address: str, sample: Shop) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("input[name=key]", sample.key)
    page.click("main button")
    before = page.locator("#ranked > li").first.get_attribute("data-item")
    page.click("#ranked [data-try] >> nth=0")
    assert page.locator("#tried li").count() == 1
    assert page.locator("#ranked > li").first.get_attribute("data-item") != before
    page.click("#tune .update")
    assert "trade_off" in page.url
    context.close()

"""The page in a browser: a customer is not understood, a person takes over, replies, and gives the chat back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kits.support.assistant.talk import Assistant
from tests.kits.support.poison import poisoned
from tests.kits.support.site import serving

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, DESK = {"width": 390, "height": 780}, {"width": 1280, "height": 850}
SHOTS = os.environ.get("FIELDKITS_SHOTS")  # a folder to keep pictures in, to look at

if not CHROMIUM.exists() and os.environ.get("FIELDKITS_REQUIRE_SERVICES") != "1":
    pytest.skip("no browser", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


def shoot(page: object, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_customer_is_handed_over_and_given_back(browser: sync_api.Browser, assistant: Assistant) -> None:
    shelf = assistant.voices["en"].follower.shelf
    shelf.change(poisoned(), by="mallory")  # not even withheld: the page must stand it
    assistant.follow()
    with serving(assistant) as (address, link):
        context = browser.new_context(viewport=DESK)
        failures: list[str] = []
        agent = context.new_page()
        agent.on("dialog", lambda dialog: failures.append(dialog.message))
        agent.goto(link)
        customer = context.new_page()
        customer.set_default_timeout(60_000)
        agent.set_default_timeout(60_000)
        customer.set_viewport_size(PHONE)
        for page in (customer, agent):
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.on("console", lambda m: failures.append(m.text) if m.type == "error" else None)
        customer.goto(address)

        def say(text: str, replies: int) -> None:
            customer.fill("#text", text)
            customer.click("#send")
            customer.locator(".turn.assistant").nth(replies - 1).wait_for()

        say("I lost my card ending 4417", 1)
        assert "4417" in customer.inner_text(".turn.assistant >> nth=-1")
        customer.click(".turn.assistant details.sources summary")
        assert "knowledge/lost-and-stolen-cards.html" in customer.inner_text(".sources")
        customer.click(".thumb >> nth=0")
        customer.wait_for_selector(".thumb[aria-pressed=true]")
        shoot(customer, "chat-phone")
        customer.click("#anew")
        say("my card", 1)
        assert customer.locator(".turn.assistant >> nth=-1 >> .options button").count() == 2
        say("hmm", 2)
        customer.wait_for_selector("#notice:not([hidden])")
        shoot(customer, "chat-handed-over")

        agent.goto(f"{address}/page/desk")
        shoot(agent, "desk")
        agent.click("#waiting button.main")
        agent.wait_for_url("**/page/desk/page-*")
        agent.fill("#reply", "Hello, this is Helga. <b>I am here.</b>")
        agent.click("form.write button")
        customer.wait_for_selector(".turn.agent")
        assert "<b>I am here.</b>" in customer.inner_text(".turn.agent")
        customer.fill("#text", "thank you, Helga")
        customer.click("#send")
        agent.locator("#said", has_text="thank you, Helga").wait_for()
        shoot(agent, "desk-conversation")
        agent.click("form.resolve button")
        agent.wait_for_url("**/page/desk")
        customer.wait_for_selector(".event")
        say("What does an express card cost?", 3)
        assert customer.locator("script[src*='evil'], img, .turn b").count() == 0
        shoot(customer, "chat-resolved")

        for path in ("figures", "knowledge"):
            agent.goto(f"{address}/page/{path}")
            shoot(agent, path)
        agent.emulate_media(color_scheme="dark")
        for path in ("figures", "desk", "knowledge"):
            agent.goto(f"{address}/page/{path}?lang=zh")
            shoot(agent, f"{path}-dark-zh")
        customer.emulate_media(color_scheme="dark")
        customer.goto(f"{address}/?lang=zh")
        customer.wait_for_selector(".turn.assistant")
        shoot(customer, "chat-dark-zh")
        for page in (customer, agent):
            page.set_viewport_size(PHONE)
            width = int.from_bytes(page.screenshot(full_page=True)[16:20], "big")  # as PNG says it
            assert width == PHONE["width"], "nothing sticks out of a phone"
        assert failures == []
        context.close()

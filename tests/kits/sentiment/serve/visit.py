"""Someone with a browser: Chromium, signed in, and everything noted that a good page does not do."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.config import ServeConfig
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.store.store import MonitorStore
from tests.core.serve.site import running
from tests.kits.sentiment.serve.conftest import open_site

CHROMIUM = Path(os.environ.get("FIELDKITS_TEST_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
PATIENCE_MS = 20_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; without it a test is skipped, or fails where services are required."""
    if not CHROMIUM.exists() and os.environ.get("FIELDKITS_REQUIRE_SERVICES") != "1":
        pytest.skip("no Chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()


@dataclass
class Visit:
    """Someone who is signed in, and everything that went wrong while they looked."""

    page: Page
    address: str
    key: str
    store: MonitorStore
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page and wait until it is live."""
        self.page.goto(self.address + path)
        self.page.wait_for_selector("#status.on", state="attached")

    def watch(self) -> None:
        """From now on whatever a good page does not do is a fault."""
        self.page.on("dialog", self._dismiss)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._listen)
        self.page.on("request", self._check)
        self.page.on("framenavigated", lambda frame: self._check(frame))

    def reports(self) -> float:
        """How many reports of the content security policy the server has counted."""
        asked = urllib.request.Request(f"{self.address}/metrics", headers={"authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(asked) as answer:
            counted = re.findall(r"^csp_violations_total.* ([0-9.]+)$", answer.read().decode(), re.M)
        return sum(map(float, counted))

    def _listen(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self.faults.append(said.text)

    def _dismiss(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _check(self, asked: Any) -> None:
        if not asked.url.startswith(self.address):
            self.faults.append(f"foreign address: {asked.url}")


@contextmanager
def visiting(browser: Browser, folder: Path, days: int, scoring: Scoring | None = None, **look: Any) -> Iterator[Visit]:
    """A server of its own, and someone who has just signed in to it."""
    app, store, key = open_site(f"sqlite:///{folder / 'monitor.db'}", days, scoring)
    with running(app, ServeConfig(port=0), app.state.desk.pulse) as (address, _):
        context = browser.new_context(**({"viewport": WIDE, "timezone_id": "Europe/London"} | look))
        context.set_default_timeout(PATIENCE_MS)
        visit = Visit(context.new_page(), address, key, store)
        visit.page.goto(address)
        visit.page.fill("#key", key)
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector("#status.on", state="attached")
        visit.watch()
        yield visit
        assert visit.faults == [], visit.faults
        assert visit.reports() == 0, "the browser reported violations of the policy"
        context.close()
    store.engine.dispose()


# Texts whose contrast to what lies behind them is below 4.5 : 1 (WCAG 2.2, 1.4.3); large ones below 3 : 1.
UNREADABLE = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const linear = (v) => (v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    const [r, g, b] = c.slice(0, 3).map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("svg, .hidden, .skip")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const isLarge = parseFloat(style.fontSize) >= 18.66;
    const contrast = (a + .05) / (b + .05);
    if (contrast < (isLarge ? 3 : 4.5)) found.push(`${element.className || element.tagName}: ${contrast.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""
# Elements and attributes that none of our templates has.
STRANGERS = """() => [...document.querySelectorAll("*")].filter((one) =>
  [...one.attributes].some((a) => a.name.startsWith("on") || a.name === "style")
  || one.matches("iframe, object, embed, img, video, audio, base, style, marquee, math, script:not([src^='/static/'])"
    + ", link:not([href^='/static/']), meta[http-equiv], body foreignObject, body template, x, form:not([action^='/'])")
).map((one) => one.outerHTML.slice(0, 120))"""

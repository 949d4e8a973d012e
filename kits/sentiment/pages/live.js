"use strict";
// Keeps the page up to date: when the server says that something has changed, the page is fetched
// again, and those of its parts that differ are exchanged. What a reader is busy with stays.
{
  const QUIET_MS = 1500;
  const RETRY_MS = 3000;
  const status = document.getElementById("status");
  const announcer = document.getElementById("announcer");
  const told = new Set();
  let last = "";
  let source = null;
  let timer = 0;
  let isFetching = false;
  let isStale = false;

  function showStatus(isOn) {
    status.textContent = isOn ? status.dataset.liveText : status.dataset.offlineText;
    status.classList.toggle("on", isOn);
    status.classList.toggle("off", !isOn);
  }

  function isBusyWith(part) {
    const focused = document.activeElement;
    if (part.contains(focused) && focused.matches("input, select, textarea")) return true;
    return part.querySelector("details.drop[open]") !== null;
  }

  function exchange(part, fresh) {
    if (part.innerHTML === fresh.innerHTML || isBusyWith(part)) return;
    const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const address = focused && (focused.getAttribute("href") || focused.id);
    part.replaceChildren(...document.adoptNode(fresh).childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (address) {
      const again = [...part.querySelectorAll("a, button, [id]")]
        .find((one) => one.getAttribute("href") === address || one.id === address);
      again?.focus({ preventScroll: true });
    }
    part.dispatchEvent(new CustomEvent("exchanged", { bubbles: true }));
  }

  async function refresh() {
    if (document.hidden || isFetching) {
      isStale = true;
      return;
    }
    isFetching = true;
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.status === 401) {
        location.reload();
        return;
      }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = titleOf(fresh); // before its parts are taken out
      for (const part of document.querySelectorAll("[data-live][id]")) {
        const other = fresh.getElementById(part.id);
        if (other) exchange(part, other);
      }
    } catch {
      isStale = true; // the server is away; the stream notices when it is back
    } finally {
      isFetching = false;
    }
  }

  function titleOf(page) {
    const count = page.getElementById("open-count")?.textContent.trim();
    const plain = page.title.replace(/^\(\d+\) /, "");
    return count ? `(${count}) ${plain}` : plain;
  }

  function refreshSoon() {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      refresh();
    }, QUIET_MS);
  }

  function announce(event) {
    if (event.what !== "opened" || told.has(event.number)) return;
    told.add(event.number);
    const name = event.series === "overall" ? status.dataset.overall : event.series.replace(/^(topic|company):/, "");
    announcer.textContent = status.dataset.alertText.replace("{name}", name);
  }

  function connect() {
    source = new EventSource(`/events?last=${encodeURIComponent(last)}`);
    source.addEventListener("open", () => showStatus(true));
    source.addEventListener("error", () => {
      showStatus(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
    source.addEventListener("alert", (event) => {
      last = event.lastEventId;
      refreshSoon();
      announce(JSON.parse(event.data));
    });
    let isFirst = true;
    source.addEventListener("change", (event) => {
      last = event.lastEventId || last;
      if (!isFirst) refreshSoon();
      isFirst = false;
    });
    source.addEventListener("reset", refreshSoon);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isStale) refresh();
  });
  document.addEventListener("zonechange", refresh);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
  document.title = titleOf(document);
  showStatus(false);
  connect();
}

"use strict";
// Keeps the agents' pages up to date: when something has changed, the page is fetched again, and those of
// its parts that differ are exchanged. A form that someone writes in stays.
{
  const QUIET_MS = 400;
  const RETRY_MS = 3000;
  const status = document.getElementById("status");
  let timer = 0;
  let isFirst = true;

  function isBusyWith(part) {
    const focused = document.activeElement;
    return part.contains(focused) && focused.matches("input, select, textarea");
  }

  async function refresh() {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const other = fresh.getElementById(part.id);
      if (!other || part.innerHTML === other.innerHTML || isBusyWith(part)) continue;
      part.replaceChildren(...document.adoptNode(other).childNodes);
    }
  }

  function refreshSoon() {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      refresh().catch(() => {});
    }, QUIET_MS);
  }

  function showStatus(isOn) {
    if (!status) return;
    status.textContent = isOn ? status.dataset.liveText : status.dataset.offlineText;
    status.classList.toggle("on", isOn);
  }

  function connect() {
    const source = new EventSource("/events");
    source.addEventListener("open", () => showStatus(true));
    source.addEventListener("error", () => {
      showStatus(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
    source.addEventListener("change", () => {
      if (!isFirst) refreshSoon();
      isFirst = false;
    });
    addEventListener("pagehide", () => source.close(), { once: true });
  }

  showStatus(false);
  connect();
}

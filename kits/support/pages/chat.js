"use strict";
// The customer's chat. Whatever is shown is put in as text: nothing that anyone has written becomes markup.
{
  const chat = document.getElementById("chat");
  const words = chat.dataset;
  const list = document.getElementById("turns");
  const notice = document.getElementById("notice");
  const form = document.getElementById("write");
  const field = document.getElementById("text");
  const send = document.getElementById("send");
  const customer = document.getElementById("customer");
  const status = document.getElementById("status");
  const shown = new Set();
  let conversation = "";
  let last = 0;
  let source = null;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function newName() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }

  function sourcesOf(turn) {
    const box = make("details", "sources");
    box.append(make("summary", "", `${words.sources} (${turn.citations.length})`));
    const entries = make("ol");
    for (const citation of turn.citations) {
      const entry = make("li");
      entry.append(make("code", "", citation.source));
      if (citation.heading) entry.append(make("span", "small", ` ${citation.heading}`));
      entries.append(entry);
    }
    box.append(entries);
    return box;
  }

  function hand(isDown) {
    const space = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(space, "svg");
    const path = document.createElementNS(space, "path");
    picture.setAttribute("viewBox", "0 0 16 16");
    picture.setAttribute("aria-hidden", "true");
    path.setAttribute("d", "M1.5 7h2.6v6.5H1.500zM5.600 13V7.200L8.300 1.800c1.300 0 1.700 1 1.500 2L9.300 6.300h4.200c.9 0 1.200.8 1 1.500l-1.300 4.800c-.2.6-.6.9-1.200.9H7z");
    if (isDown) path.setAttribute("transform", "rotate(180 8 8)");
    picture.append(path);
    return picture;
  }

  function thumb(turn, verdict, label, row) {
    const button = make("button", "plain thumb");
    button.append(hand(verdict === "down"));
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.setAttribute("aria-pressed", String(turn.verdict === verdict));
    button.addEventListener("click", async () => {
      const answer = await ask(`/turns/${turn.number}/feedback`, { verdict });
      if (!answer) return;
      for (const other of row.querySelectorAll(".thumb")) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", "true");
      row.querySelector(".noted").textContent = words.noted;
    });
    return button;
  }

  function textOf(turn) {
    const box = make("div", "text");
    const parts = turn.parts && turn.parts.length ? turn.parts : [{ text: turn.text, citation: null }];
    for (const part of parts) {
      const piece = make("span", "", part.text);
      box.append(piece);
      if (part.citation !== null && turn.citations.length) box.append(make("sup", "", `${part.citation + 1}`));
      box.append(" ");
    }
    return box;
  }

  function show(turn) {
    if (shown.has(turn.number)) return;
    shown.add(turn.number);
    last = Math.max(last, turn.number);
    if (turn.speaker === "event") {
      list.append(make("li", "event small", words.resolved));
      return tell("");
    }
    const isMine = turn.speaker === "customer";
    const item = make("li", `turn ${turn.speaker}`);
    item.append(make("span", "who small", isMine ? words.you : words[turn.speaker] + (turn.by ? ` · ${turn.by}` : "")));
    const bubble = make("div", "bubble");
    bubble.append(textOf(turn));
    if (turn.speaker === "assistant" && turn.options.length) {
      const row = make("div", "options");
      for (const option of turn.options) {
        const button = make("button", "", option.label);
        button.type = "button";
        button.addEventListener("click", () => write(option.label));
        row.append(button);
      }
      bubble.append(row);
    }
    if (turn.citations.length) bubble.append(sourcesOf(turn));
    item.append(bubble);
    if (turn.speaker === "assistant") {
      const row = make("div", "verdict");
      row.append(thumb(turn, "up", words.good, row), thumb(turn, "down", words.bad, row));
      row.append(make("span", "noted small"));
      item.append(row);
      if (turn.action === "hand_over") tell(words.waits);
    }
    if (turn.speaker === "agent") tell(words.owns);
    list.append(item);
    item.scrollIntoView({ block: "nearest" });
  }

  function tell(text) {
    notice.textContent = text;
    notice.hidden = !text;
  }

  async function ask(path, body) {
    try {
      const answer = await fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify(body),
      });
      if (answer.status === 401) location.reload();
      if (!answer.ok) tell(answer.status === 429 ? words.busy : words.failed);
      return answer.ok ? answer : null;
    } catch {
      tell(words.failed);
      return null;
    }
  }

  async function catchUp() {
    const answer = await fetch(`/conversations/${conversation}?after=${last}`);
    if (!answer.ok) return;
    for (const turn of (await answer.json()).turns) show(turn);
  }

  async function write(text) {
    send.disabled = true;
    const answer = await ask(`/conversations/${conversation}/messages`, {
      text, customer: customer.value, channel: "page",
    });
    send.disabled = false;
    if (!answer) return;
    if (field.value.trim() === text) field.value = "";
    customer.disabled = true;
    await catchUp();
    field.focus();
  }

  function watch() {
    source?.close();
    source = new EventSource(`/events?conversation=${conversation}&last=${last}`);
    source.addEventListener("open", () => showStatus(true));
    source.addEventListener("error", () => {
      showStatus(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(watch, 3000);
    });
    source.addEventListener("turn", (event) => show(JSON.parse(event.data)));
  }

  function showStatus(isOn) {
    status.textContent = isOn ? status.dataset.liveText : status.dataset.offlineText;
    status.classList.toggle("on", isOn);
  }

  function begin(name) {
    conversation = name;
    sessionStorage.setItem("conversation", name);
    last = 0;
    shown.clear();
    list.replaceChildren();
    tell("");
    customer.disabled = false;
    watch();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (text && !send.disabled) write(text);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  document.getElementById("anew").addEventListener("click", () => {
    begin(newName());
    field.focus();
  });
  addEventListener("pagehide", () => source?.close());
  const kept = sessionStorage.getItem("conversation");
  begin(kept || newName());
  if (kept) catchUp();
}

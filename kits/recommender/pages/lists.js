"use strict";
// The list changes in its place: while the slider moves, and when an item is tried. Without this script
// the same links and forms load the page anew.
let asked = 0;

async function swap(address) {
  const mine = ++asked;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) return location.assign(address);
  const text = await answer.text();
  if (mine !== asked) return; // a later one is on its way
  const page = new DOMParser().parseFromString(text, "text/html");
  const held = document.activeElement && document.activeElement.name;
  document.querySelector(".desk").replaceWith(page.querySelector(".desk"));
  history.replaceState(null, "", address);
  if (held) document.querySelector(`.desk [name="${CSS.escape(held)}"]`)?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  swap(link.href);
});

let timer = 0;
document.addEventListener("input", (event) => {
  const form = event.target.closest("#tune");
  if (!form) return;
  const output = form.querySelector("#trade-off");
  output.textContent = Number(form.elements.trade_off.value).toFixed(2);
  clearTimeout(timer);
  timer = setTimeout(() => swap(`/?${new URLSearchParams(new FormData(form))}`), 120);
});
document.documentElement.classList.add("scripted");

"use strict";
// For every page: the reader's time zone, told to the server once, and the choice of dark or light.
const root = document.documentElement;
const remember = (name, value) => {
  document.cookie = `${name}=${value};path=/;max-age=31536000;samesite=strict`;
};

document.querySelector("[data-switch-theme]").addEventListener("click", () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  remember("theme", root.dataset.theme);
});

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (/^[\w+/-]+$/.test(zone) && !document.cookie.split("; ").includes(`zone=${zone}`)) {
  remember("zone", zone);
  // Only once: where cookies are refused, the server's zone has to do.
  if (document.cookie.includes("zone=")) document.dispatchEvent(new Event("zonechange"));
}

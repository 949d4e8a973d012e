"use strict";
// Reads a chart out: the pointer, a finger or the arrow keys pick a window, and its numbers are shown.
{
  function rowsOf(figure) {
    return [...figure.closest("section").querySelectorAll("[data-points] tr")].reverse();
  }

  function namesOf(figure) {
    return [...figure.closest("section").querySelectorAll("thead th")].map((cell) => cell.textContent);
  }

  function pick(figure, index) {
    const rows = rowsOf(figure);
    const at = Math.max(0, Math.min(rows.length - 1, index));
    figure.dataset.at = at;
    const percent = ((at + 0.5) / rows.length) * 100;
    for (const line of figure.querySelectorAll(".cursor")) {
      line.setAttribute("x1", `${percent}%`);
      line.setAttribute("x2", `${percent}%`);
    }
    const names = namesOf(figure);
    const cells = [...rows[at].children].map((cell) => cell.textContent);
    const tip = figure.querySelector(".tip");
    tip.textContent = [cells[0], ...cells.slice(1).map((cell, i) => `${names[i + 1]}  ${cell}`)].join("\n");
    tip.hidden = false;
    const room = figure.clientWidth - tip.offsetWidth;
    const wanted = (figure.clientWidth * percent) / 100;
    const left = wanted + 14 > room ? wanted - tip.offsetWidth - 14 : wanted + 14;
    tip.style.left = `${Math.max(0, Math.min(room, left))}px`;
  }

  function leave(figure) {
    figure.querySelector(".tip").hidden = true;
    for (const line of figure.querySelectorAll(".cursor")) {
      line.setAttribute("x1", "-1");
      line.setAttribute("x2", "-1");
    }
  }

  const figureOf = (event) => event.target instanceof Element && event.target.closest("[data-chart]");

  document.addEventListener("pointermove", (event) => {
    const figure = figureOf(event);
    if (!figure) return;
    const box = figure.getBoundingClientRect();
    pick(figure, Math.floor(((event.clientX - box.left) / box.width) * rowsOf(figure).length));
  });
  document.addEventListener("pointerout", (event) => {
    const figure = figureOf(event);
    if (figure && !figure.contains(event.relatedTarget)) leave(figure);
  });
  document.addEventListener("keydown", (event) => {
    const figure = figureOf(event);
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 }[event.key];
    if (!figure || event.target !== figure) return;
    if (event.key === "Escape") leave(figure);
    if (!step) return;
    event.preventDefault();
    const start = figure.dataset.at === undefined ? rowsOf(figure).length : Number(figure.dataset.at);
    pick(figure, start + step);
  });
  document.addEventListener("focusout", (event) => {
    const figure = figureOf(event);
    if (figure) leave(figure);
  });
}

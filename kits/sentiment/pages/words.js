"use strict";
// Shows which words of an item moved the model, as marks in the text that is there already.
{
  function weightOf(effect) {
    const size = Math.abs(effect);
    return size >= 0.15 ? "w3" : size >= 0.05 ? "w2" : size >= 0.01 ? "w1" : "";
  }

  function markUp(element, words, texts) {
    const text = element.textContent;
    const parts = [];
    let position = 0;
    for (const word of words) {
      const weight = weightOf(word.effect);
      if (!weight || word.start < position || word.end > text.length) continue;
      const mark = document.createElement("mark");
      const towards = word.effect > 0;
      mark.className = `${towards ? "towards" : "against"} ${weight}`;
      mark.title = `${towards ? texts.towards : texts.against} (${word.effect > 0 ? "+" : "−"}${Math.abs(100 * word.effect).toFixed(0)})`;
      mark.textContent = text.slice(word.start, word.end);
      parts.push(text.slice(position, word.start), mark);
      position = word.end;
    }
    parts.push(text.slice(position));
    element.replaceChildren(...parts);
    return parts.length > 1;
  }

  function clear(article) {
    for (const element of article.querySelectorAll("[data-title], [data-body]")) {
      element.textContent = element.textContent;
    }
  }

  async function explain(button) {
    const article = button.closest("article");
    const said = article.querySelector("[data-said]");
    said.textContent = "";
    if (button.getAttribute("aria-pressed") === "true") {
      clear(article);
      button.setAttribute("aria-pressed", "false");
      return;
    }
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.words);
      if (!answer.ok) throw new Error(String(answer.status));
      const words = await answer.json();
      const title = article.querySelector("[data-title]");
      const body = article.querySelector("[data-body]");
      // JavaScript counts UTF-16 units, the server counts characters.
      const marked = [
        title && markUp(title, inUnits(title.textContent, words.title), button.dataset),
        body && markUp(body, inUnits(body.textContent, words.body), button.dataset),
      ];
      if (!marked.some(Boolean)) said.textContent = button.dataset.none;
      button.setAttribute("aria-pressed", "true");
    } catch {
      said.textContent = button.dataset.failed;
    } finally {
      button.disabled = false;
    }
  }

  function inUnits(text, words) {
    const units = [0];
    for (const character of text) units.push(units.at(-1) + character.length);
    return words.map((word) => ({ ...word, start: units[word.start], end: units[word.end] }));
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-words]");
    if (button) explain(button);
  });
}

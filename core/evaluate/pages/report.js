"use strict";
// Draws every figure of the page from the JSON beside it, and gives paper its own widths.
const settings = { displayModeBar: false, responsive: true };
const plots = [...document.querySelectorAll(".plot")];
for (const plot of plots) {
  const spec = JSON.parse(plot.nextElementSibling.textContent);
  Plotly.newPlot(plot, spec.data, spec.layout, settings);
}
addEventListener("beforeprint", () => {
  for (const plot of plots) Plotly.relayout(plot, { width: plot.closest(".pair") ? 320 : 660 });
});
addEventListener("afterprint", () => {
  for (const plot of plots) Plotly.relayout(plot, { width: null, autosize: true });
});

"""The plots of a report as plain dicts in plotly's own JSON form.

Backgrounds are transparent and the colours are of middle brightness, so that one figure serves
light, dark and paper; text and grid lines take their colours from the page's style sheet. Labels
sit on numbered axes with their names as tick texts, so that a label such as ``2024-01`` is not
taken for a date, and are escaped, since plotly reads a subset of HTML in its texts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.evaluate.calibration import ReliabilityBin
from core.evaluate.canvas import (
    COLORS,
    LONGEST_TICK,
    MODEL_COLORS,
    QUIET,
    Figure,
    axis,
    color_at,
    diagonal,
    error_bars,
    figure,
    names_axis,
    plain,
)
from core.evaluate.convergence import TrainingPoint
from core.evaluate.curves import Curve, LearningPoint
from core.evaluate.document import Rung
from core.evaluate.metrics import Scored

FEWEST_PREDICTIONS = 10
MOST_NAMED = 80


def scores_figure(models: Sequence[Scored], names: Sequence[str], metrics: Mapping[str, str]) -> Figure:
    """Bars with error bars, grouped by metric, the model on top.

    Args:
        models: The model, then its baselines.
        names: How they are called.
        metrics: Metric to its name, in the order of the table.
    """
    keys = list(metrics)
    traces = []
    for at, (model, name) in enumerate(zip(models, names, strict=True)):
        shown = [k for k in keys if k in model.metrics]
        values = [model.metrics[k] for k in shown]
        intervals = [model.intervals.get(k) for k in shown]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": plain(name, 40),
                "x": values,
                "y": [keys.index(k) for k in shown],
                "error_x": error_bars(values, intervals),
                "marker": {"color": color_at(at, MODEL_COLORS), "opacity": 1 if at == 0 else 0.65},
                "hovertemplate": "%{x:.3f}",
            }
        )
    return figure(
        traces,
        height=90 + len(keys) * (22 + 17 * len(models)),
        legend=True,
        bargap=0.3,
        xaxis=axis(range=[0, 1.02], tickformat=".0%"),
        yaxis=names_axis([metrics[k] for k in keys]),
    )


def ladder_figure(rungs: Sequence[Rung]) -> Figure:
    """A dot with its error bar per rung that was tried, smallest on top; the chosen one is filled."""
    rungs = [rung for rung in rungs if rung.score is not None]
    scores = [rung.score for rung in rungs if rung.score is not None]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": scores,
        "y": list(range(len(rungs))),
        "error_x": error_bars(scores, [rung.interval for rung in rungs]),
        "marker": {
            "size": 13,
            "color": [COLORS[0] if rung.is_chosen else "rgba(0,0,0,0)" for rung in rungs],
            "line": {"width": 2, "color": [COLORS[0] if rung.is_chosen else QUIET for rung in rungs]},
        },
        "hovertemplate": "%{x:.3f}<extra></extra>",
    }
    names = [rung.name for rung in rungs]
    return figure([trace], height=70 + 38 * len(rungs), xaxis=axis(tickformat=".1%"), yaxis=names_axis(names))


def training_figure(points: Sequence[TrainingPoint], texts: Mapping[str, str], metric: str) -> Figure:
    """Losses, the validation score and the learning rate, one above the other over the epochs."""
    panels = [
        [
            ("train_loss", texts["train_loss"], QUIET),
            ("validation_loss", texts["validation_loss"], COLORS[1]),
        ],
        [("validation_metric", metric, COLORS[0])],
        [("learning_rate", texts["learning_rate"], COLORS[6])],
    ]
    shown = [p for p in panels if any(getattr(point, key) is not None for key, _, _ in p for point in points)]
    weights = [1.0 if panel[0][0] == "learning_rate" else 2.0 for panel in shown]
    layout: Figure = {"xaxis": axis(title=texts["epoch"], anchor=f"y{len(shown)}")}
    traces, top = [], 1.0
    for at, (panel, weight) in enumerate(zip(shown, weights, strict=True), start=1):
        bottom = top - weight / sum(weights)
        gap = 0.07 if at < len(shown) else 0.0
        form = ".0e" if panel[0][0] == "learning_rate" else ".3~g"
        layout[f"yaxis{at}"] = axis(domain=[max(0.0, bottom + gap), top], tickformat=form, nticks=5)
        for key, name, color in panel:
            seen = [(p.epoch, v) for p in points if _is_number(v := getattr(p, key))]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers" if len(seen) <= 40 else "lines",
                    "name": plain(name),
                    "x": [x for x, _ in seen],
                    "y": [y for _, y in seen],
                    "yaxis": f"y{at}",
                    "line": {"color": color, "width": 2},
                    "marker": {"size": 5},
                    "hovertemplate": "%{y:.4g}",
                }
            )
        top = bottom
    return figure(traces, height=100 + int(70 * sum(weights)), legend=True, hovermode="x", **layout)


def confusion_figure(labels: Sequence[str], matrix: Sequence[Sequence[int]], texts: Mapping[str, str]) -> Figure:
    """A heat map of row shares without numbers; the names are drawn while there is room for them."""
    shares = [[round(cell / sum(row), 4) if cell else None for cell in row] for row in matrix]
    pairs = [
        [plain(f"{truth} → {given}", 90) if cell else "" for given, cell in zip(labels, row, strict=True)]
        for truth, row in zip(labels, matrix, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "z": shares,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "rgba(63,122,214,0.15)"], [1, "rgba(63,122,214,1)"]],
        "colorbar": {"thickness": 10, "tickformat": ".0%", "outlinewidth": 0, "len": 0.5},
        "text": pairs,
        "hovertemplate": "%{text} %{z:.1%}<extra></extra>",
    }
    are_named = len(labels) <= MOST_NAMED
    names = {
        "tickvals": list(range(len(labels))) if are_named else [],
        "ticktext": [plain(name, LONGEST_TICK) for name in labels] if are_named else [],
        "tickfont": {"size": 9 if len(labels) <= 40 else 7},
        "showgrid": False,
    }
    return figure(
        [trace],
        height=680,
        xaxis=axis(title=texts["predicted"], tickangle=-90, **names),
        yaxis=axis(title=texts["truth"], autorange="reversed", **names),
    )


def curves_figure(curves: Sequence[Curve], x: str, y: str, everything: str, has_diagonal: bool) -> Figure:
    """ROC or precision-recall curves on the unit square, the one for all labels thicker."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{plain(curve.name or everything, 20)} {curve.area:.3f}",
            "x": curve.x,
            "y": curve.y,
            "line": {"color": color_at(at), "width": 2 if curve.name else 3.5},
            "hovertemplate": "%{x:.2f}, %{y:.2f}",
        }
        for at, curve in enumerate(curves)
    ]
    if has_diagonal:
        traces.append(diagonal())
    plot = figure(
        traces,
        height=340 + 19 * len(curves),
        xaxis=axis(title=x, range=[0, 1], dtick=0.25),
        yaxis=axis(title=y, range=[0, 1.02], dtick=0.25),
    )
    plot["layout"] |= {"showlegend": True, "legend": {"y": -0.2, "yanchor": "top", "x": 0}}
    return plot


def reliability_figure(
    before: Sequence[ReliabilityBin], after: Sequence[ReliabilityBin], texts: Mapping[str, str]
) -> Figure:
    """What came true over what was stated; the larger a dot, the more predictions.

    Bins of a few predictions swing wildly and draw the eye, so they are left to the table.
    """
    traces = [diagonal()]
    kinds = ((before, "before", QUIET, "dot"), (after, "after", COLORS[0], "solid"))
    for bins, key, color, dash in kinds:
        bins = [b for b in bins if b.count >= FEWEST_PREDICTIONS] or bins
        if not bins:
            continue
        most = max(b.count for b in bins)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": texts[key] if before else texts["this_model"],
                "x": [round(b.confidence, 4) for b in bins],
                "y": [round(b.accuracy, 4) for b in bins],
                "text": [f"{b.count:,}" for b in bins],
                "line": {"color": color, "width": 2, "dash": dash},
                "marker": {"size": [5 + 9 * math.sqrt(b.count / most) for b in bins]},
                "hovertemplate": "%{x:.2f} → %{y:.2f} (%{text})",
            }
        )
    return figure(
        traces,
        height=360,
        legend=True,
        xaxis=axis(title=texts["confidence"], range=[0, 1.02], tickformat=".0%"),
        yaxis=axis(title=texts["came_true"], range=[0, 1.02], tickformat=".0%"),
    )


def learning_figure(points: Sequence[LearningPoint], x: str, y: str) -> Figure:
    """Score over training rows, with error bars."""
    scores = [point.score for point in points]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.rows for point in points],
        "y": scores,
        "error_y": error_bars(scores, [point.interval for point in points]),
        "line": {"color": COLORS[0], "width": 2},
        "hovertemplate": "%{x}: %{y:.3f}<extra></extra>",
    }
    return figure(
        [trace],
        height=300,
        xaxis=axis(title=x, type="log", tickvals=trace["x"]),
        yaxis=axis(title=y, tickformat=".1%"),
    )


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)

"""The shared look of a report's plots: colours, axes and the escaping of texts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from core.evaluate.bootstrap import Interval

Figure = dict[str, Any]

COLORS = ("#3f7ad6", "#d9822b", "#2b9e78", "#a863c9", "#c2992b", "#d1546b", "#7a8698", "#3aa0b5")
QUIET = "#8b95a5"
MODEL_COLORS = (COLORS[0], COLORS[1], QUIET, *COLORS[2:6])
FONT = "system-ui, -apple-system, Segoe UI, Roboto, PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif"
LONGEST_TICK = 22


def plain(text: str, longest: int | None = None) -> str:
    """A text that plotly shows as it is, shortened where asked.

    >>> plain("<b>a</b>")
    '&lt;b&gt;a&lt;/b&gt;'
    """
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    return escape(text, quote=False)


def figure(traces: list[Figure], *, height: int, legend: bool = False, **layout: Any) -> Figure:
    """Traces on a transparent ground, so high; further layout settings as plotly names them."""
    return {
        "data": traces,
        "layout": {
            "height": height,
            "margin": {"l": 10, "r": 16, "t": 34 if legend else 10, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 12},
            "showlegend": legend,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"},
            "hoverlabel": {"bgcolor": "#1f2733", "bordercolor": "#1f2733", "font": {"color": "#ffffff"}},
            "dragmode": False,
        }
        | layout,
    }


def axis(**settings: Any) -> Figure:
    """An axis without ornament that makes room for its own texts."""
    if "title" in settings:
        settings["title"] = {"text": plain(settings["title"]), "standoff": 8}
    return {"automargin": True, "fixedrange": True, "zeroline": False, "ticks": "", **settings}


def names_axis(names: Sequence[str]) -> Figure:
    """A vertical axis of names, the first on top."""
    return axis(
        tickvals=list(range(len(names))),
        ticktext=[plain(name, LONGEST_TICK + 6) for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
    )


def error_bars(values: Sequence[float], intervals: Sequence[Interval | None]) -> Figure:
    """From each value to the ends of its interval; none where there is no interval."""
    pairs = list(zip(values, intervals, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, i.high - v) if i else 0.0 for v, i in pairs],
        "arrayminus": [max(0.0, v - i.low) if i else 0.0 for v, i in pairs],
        "color": QUIET,
        "thickness": 1.5,
        "width": 3,
    }


def diagonal() -> Figure:
    """The dashed line from corner to corner that a curve is held against."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"color": QUIET, "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def color_at(at: int, palette: Sequence[str] = COLORS) -> str:
    """The colour of the trace at a position; they repeat after the last."""
    return palette[at % len(palette)]

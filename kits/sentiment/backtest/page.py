"""The page of a backtest: one HTML file that says what the alarms were worth, in words, plots and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from core.evaluate.bootstrap import Interval
from core.evaluate.canvas import COLORS, QUIET, Figure, axis, error_bars, figure, names_axis, plain
from core.evaluate.page import render_alone
from kits.sentiment.backtest.inject import SURGE_WINDOWS
from kits.sentiment.backtest.truth import SIDE
from kits.sentiment.backtest.words import Language, texts_in

PAGES = Path(__file__).parents[1] / "pages"
_KINDS = ("overall", "topic", "company")  # in the order of the page
_WRONG, _RIGHT = COLORS[5], COLORS[2]
_MINUTES_PER_HOUR, _MINUTES_PER_DAY = 60, 1440
Words = Mapping[str, str]
Result = Mapping[str, Any]


def render_page(result: Result, language: Language) -> str:
    """The page as one string.

    Args:
        result: What ``backtest --json`` prints.
        language: Of the page.
    """
    t = texts_in(language)
    has_truth = bool(result["events"])
    return render_alone(
        "backtest.html",
        folder=PAGES,
        language=language,
        t=t,
        result=result,
        title=t["title"],
        has_truth=has_truth,
        side=SIDE,
        tiles=_tiles(result, t),
        sentences=_sentences(result, t),
        kinds=[(kind, result["by_kind"][kind]) for kind in _KINDS if kind in result["by_kind"]],
        timeline=timeline_figure(result, t) if result["events"] or result["alarms"] else None,
        rivals_figure=rivals_figure(result["scores"], t) if has_truth else None,
        budget_figure=budget_figure(result, t),
        curve_figure=curve_figure(result["curve"], t) if result["curve"] else None,
        curve_note=t["curve_note"].format(length=SURGE_WINDOWS),
        facts=_facts(result, t),
        series_name=lambda key: series_name(key, t),
        moment=moment,
        took=lambda minutes: took(minutes, t),
        delay=lambda windows: delay(windows, result["window_minutes"], t),
        rate=rate,
        share=share,
    )


def series_name(key: str, t: Words) -> str:
    """A series as people call it."""
    return t["overall"] if key == "overall" else key.partition(":")[2]


def moment(text: str) -> str:
    """A time to the minute.

    >>> moment("2026-01-14T19:39:05+00:00")
    '2026-01-14 19:39'
    """
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def took(minutes: float, t: Words) -> str:
    """A span of time in the largest unit that fits."""
    if minutes >= 2 * _MINUTES_PER_DAY:
        return f"{minutes / _MINUTES_PER_DAY:.1f} d"
    if minutes >= 2 * _MINUTES_PER_HOUR:
        return f"{minutes / _MINUTES_PER_HOUR:.1f} h"
    return t["minutes"].format(number=f"{minutes:.0f}")


def delay(windows: float | None, window_minutes: float, t: Words) -> str:
    """A median delay in time and windows; a dash where fewer than half were found."""
    if windows is None:
        return "–"
    return f"{took(windows * window_minutes, t)} ({t['windows'].format(number=f'{windows:.1f}')})"


def rate(value: float | None) -> str:
    """A rate with two decimals."""
    return "–" if value is None else f"{value:.2f}"


def share(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:.0f} %"


def rivals_figure(scores: Mapping[str, Result], t: Words) -> Figure:
    """Recall of each kind of alarm as a bar, ours on top; what it costs is in the table."""
    names = list(scores)
    values = [scores[name]["recall"] for name in names]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": list(range(len(names))),
        "error_x": error_bars(values, [_recall_interval(scores[name]) for name in names]),
        "marker": {"color": [COLORS[0] if at == 0 else QUIET for at in range(len(names))]},
        "hovertemplate": "%{x:.0%}<extra></extra>",
    }
    return figure(
        [trace],
        height=60 + 34 * len(names),
        bargap=0.4,
        xaxis=axis(title=t["recall"], range=[0, 1.02], tickformat=".0%"),
        yaxis=names_axis([t[name] for name in names]),
    )


def budget_figure(result: Result, t: Words) -> Figure:
    """False alarms per series-month with their interval, and what the budget allows."""
    kinds = [kind for kind in _KINDS if kind in result["by_kind"]]
    scores = [result["by_kind"][kind] for kind in kinds]
    values = [score["false_per_month"] or 0.0 for score in scores]
    rows = list(range(len(kinds)))
    ends = [Interval(score["false_low"] or 0.0, score["false_high"] or 0.0) for score in scores]
    seen = {
        "type": "scatter",
        "mode": "markers",
        "name": t["false"],
        "x": values,
        "y": rows,
        "error_x": error_bars(values, ends),
        "marker": {"size": 12, "color": COLORS[0]},
        "hovertemplate": "%{x:.2f}",
    }
    allowed = {
        "type": "scatter",
        "mode": "markers",
        "name": t["allowed"],
        "x": [result["budgets"][kind] for kind in kinds],
        "y": rows,
        "marker": {"symbol": "line-ns-open", "size": 26, "color": _WRONG, "line": {"width": 3}},
        "hovertemplate": "%{x:.2f}",
    }
    return figure(
        [seen, allowed],
        height=110 + 42 * len(kinds),
        legend=True,
        xaxis=axis(title=t["per_month"], rangemode="tozero"),
        yaxis=names_axis([t[kind] for kind in kinds]),
    )


def timeline_figure(result: Result, t: Words) -> Figure:
    """Per series what happened as a bar over time, and each alarm as a dot."""
    rows = sorted({row["series"] for row in [*result["events"], *result["alarms"]]}, key=_order)
    place = {series: at for at, series in enumerate(rows)}
    wanted = [event for event in result["events"] if event["strength"] != SIDE]
    beside = [event for event in result["events"] if event["strength"] == SIDE]
    right = [alarm for alarm in result["alarms"] if not alarm["is_false"]]
    wrong = [alarm for alarm in result["alarms"] if alarm["is_false"]]
    traces = [
        _bars(wanted, place, t["event"], COLORS[1], 12),
        _bars(beside, place, t["side_event"], COLORS[4], 5),
        _dots(right, place, t["right"], _RIGHT, "circle"),
        _dots(wrong, place, t["wrong"], _WRONG, "x"),
    ]
    return figure(
        [trace for trace in traces if trace["x"]],
        height=110 + 26 * len(rows),
        legend=True,
        xaxis=axis(type="date", range=[result["from"], result["to"]]),
        yaxis=names_axis([series_name(series, t) for series in rows]),
    )


def curve_figure(points: Sequence[Result], t: Words) -> Figure:
    """Share of the planted surges that were found, over their strength."""
    values = [point["recall"] for point in points]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point["strength"] for point in points],
        "y": values,
        "error_y": error_bars(values, [Interval(point["low"], point["high"]) for point in points]),
        "line": {"color": COLORS[0], "width": 2},
        "marker": {"size": 8},
        "hovertemplate": "%{x}: %{y:.0%}<extra></extra>",
    }
    return figure(
        [trace],
        height=300,
        xaxis=axis(title=t["times"], type="log", tickvals=trace["x"], ticktext=[f"{x:g}" for x in trace["x"]]),
        yaxis=axis(title=t["recall"], range=[0, 1.05], tickformat=".0%"),
    )


def _bars(events: Sequence[Result], place: Mapping[str, int], name: str, color: str, width: int) -> Figure:
    """One trace of thick lines, each event from its start to its end."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(name),
        "x": [x for event in events for x in (event["starts_at"], event["ends_at"], None)],
        "y": [y for event in events for y in (place[event["series"]], place[event["series"]], None)],
        "line": {"color": color, "width": width},
        "opacity": 0.6,
        "hovertemplate": "%{x}",
    }


def _dots(alarms: Sequence[Result], place: Mapping[str, int], name: str, color: str, symbol: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(name),
        "x": [alarm["opened_at"] for alarm in alarms],
        "y": [place[alarm["series"]] for alarm in alarms],
        "marker": {"color": color, "size": 9, "symbol": symbol},
        "hovertemplate": "%{x}",
    }


def _order(series: str) -> tuple[int, str]:
    return _KINDS.index(series.partition(":")[0]), series


def _recall_interval(score: Result) -> Interval | None:
    if score["recall_low"] is None or score["recall_high"] is None:
        return None
    return Interval(score["recall_low"], score["recall_high"])


def _tiles(result: Result, t: Words) -> list[tuple[str, str, str]]:
    """The key figures: name, value and what stands under it."""
    score = result["scores"]["ours"]
    tiles = [
        (t["tile_false"], rate(score["false_per_month"]), f"{rate(score['false_low'])}–{rate(score['false_high'])}")
    ]
    if score["events"]:
        bounds = f"{share(score['recall_low'])}–{share(score['recall_high'])}"
        tiles.append((t["tile_found"], f"{score['found']}/{score['events']}", bounds))
        if score["delay_minutes"] is not None:
            below = t["windows"].format(number=f"{score['delay_windows']:.1f}")
            tiles.append((t["tile_delay"], took(score["delay_minutes"], t), below))
    return [*tiles, (t["tile_alarms"], f"{score['alarms']:,}", "")]


def _sentences(result: Result, t: Words) -> list[str]:
    """What the numbers mean."""
    score, sentences = result["scores"]["ours"], []
    if score["events"]:
        bounds = {"low": share(score["recall_low"]), "high": share(score["recall_high"])}
        counts = {"found": score["found"], "events": score["events"]}
        if score["delay_minutes"] is None:
            sentences.append(t["found_few"].format(**counts, **bounds))
        else:
            sentences.append(t["found_of"].format(**counts, **bounds, delay=took(score["delay_minutes"], t)))
    elif not result["events"]:
        sentences.append(t["no_truth"])
    for kind in _KINDS:
        found = result["by_kind"].get(kind)
        if found is None or found["false_per_month"] is None:
            continue
        allowed = result["budgets"][kind]
        verdict = (
            "beyond" if found["false_low"] > allowed else "unclear" if found["false_per_month"] > allowed else "within"
        )
        sentences.append(
            t[verdict].format(
                kind=t[kind],
                false=found["false"],
                months=f"{found['series_months']:.1f}",
                rate=rate(found["false_per_month"]),
                low=rate(found["false_low"]),
                high=rate(found["false_high"]),
                budget=rate(allowed),
            )
        )
    return sentences


def _facts(result: Result, t: Words) -> list[tuple[str, str]]:
    threshold = t["by_budget"] if result["threshold"] is None else f"p ≤ {result['threshold']:g}"
    return [
        (t["items"], f"{result['items']:,}"),
        (t["late"], f"{result['late_items']:,}"),
        (t["model"], result["model"]),
        (t["window"], took(result["window_minutes"], t)),
        (t["budget_is"], result["budget"]),
        (t["threshold"], threshold),
    ]

"""``backtest``: what the alarms would have been worth, measured on history with the monitor's own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.console import say, show_table
from core.errors import ConfigError
from kits.sentiment.backtest.inject import CurvePoint, draw_curve, find_sites
from kits.sentiment.backtest.measure import (
    DAYS_PER_MONTH,
    Score,
    find_delay,
    is_explained,
    poisson_interval,
    score_alarms,
    score_by,
)
from kits.sentiment.backtest.rehearse import Rehearsal, prepare
from kits.sentiment.backtest.replay import Alarm, gather_alarms
from kits.sentiment.backtest.rival import always, by_chance, three_sigma, word_counts
from kits.sentiment.config import SentimentConfig
from kits.sentiment.surge.budget import KINDS, parse_budget

_DRAWS = 100
OURS = "ours"


def run(
    *,
    model: Path,
    data: list[str],
    map: list[str] | None = None,
    truth: Path | None = None,
    inject: str | None = None,
    out: Path | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: replay history and hold the alarms against what happened.

    Args:
        model: The model folder.
        data: History.
        map: Column map of the data.
        truth: Events: series (or topic), starts_at, ends_at, strength.
        inject: Strengths of surges to plant, such as ``1.5,2,3,5``.
        out: Folder for ``backtest.json`` and ``backtest.html``.
        config: Settings above the model's.
        set: Single settings above those.
        seed: Of planted surges and of alarms by chance.
        as_json: The caller prints the result; show no table.
    """
    strengths = parse_strengths(inject)
    if out is not None and out.is_file():
        raise ConfigError("is a file", where="--out", got=str(out), expected="a folder")
    ready = prepare(model, data, map=map, truth=truth, config=config, set=set, seed=seed)
    result = measure(ready, strengths)
    if out is not None:
        from kits.sentiment.backtest.page import render_page

        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(result, ensure_ascii=False, indent=2)
        (out / "backtest.json").write_text(text + "\n", encoding="utf-8")
        (out / "backtest.html").write_text(render_page(result, ready.settings.preset), encoding="utf-8")
        say(f"Report: {out / 'backtest.html'}")
    if not as_json:
        _show(result)
    return result


def parse_strengths(text: str | None) -> tuple[float, ...]:
    """Read ``1.5,2,3``.

    Raises:
        ConfigError: A strength is no number above 1.

    >>> parse_strengths("1.5, 3")
    (1.5, 3.0)
    """
    try:
        strengths = tuple(sorted({float(part) for part in text.split(",")})) if text else ()
    except ValueError:
        strengths = (0.0,)
    if not all(1.0 < strength <= 1000.0 for strength in strengths):
        raise ConfigError("not strengths", where="--inject", got=text, expected="numbers above 1, such as 1.5,2,3,5")
    return strengths


def measure(ready: Rehearsal, strengths: Sequence[float] = ()) -> dict[str, Any]:
    """Everything that ``--json`` prints.

    Args:
        ready: History, replayed.
        strengths: Of the surges to plant; none: no detection curve.
    """
    settings, history, span, grid = ready.settings, ready.history, ready.span, ready.grid
    seen, least = history.observations, settings.surge.min_stories
    own = [alarm for alarm in gather_alarms(history.signals) if alarm.opened_at >= span.start]
    cooldown = grid.aftermath * span.window
    rivals: dict[str, Callable[[], Sequence[Alarm]]] = {
        "never": list,
        "always": lambda: always(history.series, span, cooldown),
        "three_sigma": lambda: three_sigma(seen, grid, least),
        "word_counts": lambda: word_counts(seen, history.texts, grid, least),
    }
    scores = {OURS: score_alarms(own, ready.events, history.series, span)}
    scores |= {name: score_alarms(make(), ready.events, history.series, span) for name, make in rivals.items()}
    scores["by_chance"] = _score_by_chance(ready, own)
    kinds = {series: series.partition(":")[0] for series in history.series}
    sites = find_sites(seen, ready.events, span, grid, settings.seed) if strengths else []
    curve = draw_curve(seen, settings, ready.errors, sites, span, strengths)
    return {
        "items": len(seen),
        "late_items": history.late_items,
        "model": ready.version,
        "from": span.start.isoformat(),
        "to": span.end.isoformat(),
        "window_minutes": span.window / timedelta(minutes=1),
        "budget": settings.alert.budget,
        "budgets": budgets_per_month(settings, len(history.series)),
        "threshold": settings.alert.threshold,
        "series": len(history.series),
        "scores": {name: score.to_json() for name, score in scores.items()},
        "by_kind": {k: score.to_json() for k, score in score_by(kinds, own, ready.events, span).items()},
        "by_strength": _by_strength(ready, own),
        "events": _events(ready, own),
        "alarms": _alarms(ready, own),
        "curve": [_point(point) for point in curve],
    }


def budgets_per_month(settings: SentimentConfig, series_count: int) -> dict[str, float]:
    """How many false alarms a series of each kind may raise in a month."""
    budget = parse_budget(settings.alert.budget)
    return {kind: round(DAYS_PER_MONTH * budget.alarms_per_day(kind, series_count), 4) for kind in KINDS}


def _score_by_chance(ready: Rehearsal, own: Sequence[Alarm]) -> Score:
    """The mean score of as many alarms at random times; its median delay from all draws together."""
    draws = [
        score_alarms(by_chance(own, ready.span, draw), ready.events, ready.history.series, ready.span)
        for draw in range(ready.settings.seed, ready.settings.seed + _DRAWS)
    ]
    first, count = draws[0], len(draws)
    false = round(float(np.mean([score.false for score in draws])))
    low, high = poisson_interval(false)
    found = float(np.mean([score.found for score in draws]))
    delays = [score.delay_windows for score in draws]
    seen = sorted(delay for delay in delays if delay is not None)
    median = seen[count // 2] if len(seen) > count // 2 else None
    months = first.series_months
    return replace(
        first,
        false=false,
        false_per_month=float(np.mean([score.false for score in draws])) / months if months else None,
        false_low=low / months if months else None,
        false_high=high / months if months else None,
        found=round(found),
        recall=found / first.events if first.events else None,
        recall_low=None,
        recall_high=None,
        delay_windows=median,
        delay_minutes=None if median is None else median * (ready.span.window / timedelta(minutes=1)),
    )


def _by_strength(ready: Rehearsal, own: Sequence[Alarm]) -> dict[str, Any]:
    """The recall of each strength that the truth names."""
    names = sorted({event.strength for event in ready.events if event.strength})
    scores = {}
    for name in names:
        events = [event for event in ready.events if event.strength == name]
        score = score_alarms(own, events, ready.history.series, ready.span)
        keys = ("events", "found", "recall", "recall_low", "recall_high", "delay_windows", "delay_minutes")
        if score.events:
            scores[name] = {key: value for key, value in score.to_json().items() if key in keys}
    return scores


def _events(ready: Rehearsal, own: Sequence[Alarm]) -> list[dict[str, Any]]:
    rows = []
    for event in ready.events:
        delay = find_delay(event, own, ready.span)
        row = {"series": event.series, "starts_at": event.starts_at, "ends_at": event.ends_at}
        minutes = None if delay is None else round(delay / timedelta(minutes=1), 1)
        rows.append(_plain(row) | {"strength": event.strength, "found": delay is not None, "delay_minutes": minutes})
    return rows


def _alarms(ready: Rehearsal, own: Sequence[Alarm]) -> list[dict[str, Any]]:
    return [_plain(asdict(alarm)) | {"is_false": not is_explained(alarm, ready.events, ready.span)} for alarm in own]


def _point(point: CurvePoint) -> dict[str, Any]:
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in asdict(point).items()}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def _show(result: Mapping[str, Any]) -> None:
    columns = ("alarm", "alarms", "false", "per series-month", "95 %", "recall", "median delay in windows")
    rows = []
    for name, score in result["scores"].items():
        false = "" if score["false_per_month"] is None else f"{score['false_per_month']:.2f}"
        bounds = "" if score["false_low"] is None else f"{score['false_low']:.2f}–{score['false_high']:.2f}"
        recall = "" if score["recall"] is None else f"{score['found']}/{score['events']}"
        delay = "" if score["delay_windows"] is None else f"{score['delay_windows']:.2f}"
        rows.append((name.replace("_", " "), score["alarms"], score["false"], false, bounds, recall, delay))
    show_table(f"Alarms from {result['from'][:10]} to {result['to'][:10]}", columns, rows)
    if result["curve"]:
        points = []
        for p in result["curve"]:
            delay = "" if p["delay_windows"] is None else f"{p['delay_windows']:.2f}"
            points.append((p["strength"], p["planted"], f"{p['recall']:.0%}", delay))
        show_table("Planted surges", ("strength", "planted", "found", "median delay in windows"), points)

"""``tune``: finds on quiet history the p-value from which an alarm costs exactly what the budget allows.

The threshold that follows from the budget alone supposes that every look is a new chance for a
false alarm, so it is often stricter than it need be; and it trusts the model of how counts spread.
History knows better. The threshold is chosen on its first part and shown on the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.console import progress, say, show_table
from core.errors import DataError
from kits.sentiment.backtest.measure import DAYS_PER_MONTH, Score, Span, score_by
from kits.sentiment.backtest.rehearse import prepare
from kits.sentiment.backtest.replay import detect, gather_alarms
from kits.sentiment.backtest.truth import Event
from kits.sentiment.config import SentimentConfig
from kits.sentiment.reading import ErrorRates
from kits.sentiment.surge.budget import LARGEST_LEVEL, parse_budget
from kits.sentiment.surge.signal import Observation

CHOSEN_ON = 0.6
_SMALLEST = 1e-7
_STEPS = 34  # of a factor of 1.49 each, from the largest level down to the smallest


@dataclass(frozen=True, slots=True)
class Trial:
    """A threshold and what it costs.

    Attributes:
        threshold: Largest p-value that is an alarm.
        kind: ``overall``, ``topic`` or ``company``.
        part: ``chosen on`` or ``shown on``.
        false: False alarms.
        series_months: In how much time.
        per_month: Per series and month.
        low: Lower end of its 95 % interval.
        high: Upper end.
        budget: What is allowed per series and month.
    """

    threshold: float
    kind: str
    part: str
    false: int
    series_months: float
    per_month: float
    low: float
    high: float
    budget: float


def run(
    *,
    model: Path,
    data: list[str],
    map: list[str] | None = None,
    truth: Path | None = None,
    out: Path | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: choose ``alert.threshold`` so that the budget holds on quiet history.

    Args:
        model: The model folder.
        data: History.
        map: Column map of the data.
        truth: Events that were no false alarms; all that history alarms at is false without it.
        out: Where to write the setting, as TOML for ``--config``.
        config: Settings.
        set: Single settings.
        seed: Not used by this verb.
        as_json: The caller prints the result; show no table.
    """
    ready = prepare(model, data, map=map, truth=truth, config=config, set=set, seed=seed)
    settings, errors = ready.settings, ready.errors
    early, late = split_span(ready.span)
    threshold = choose_threshold(ready.history.observations, settings, errors, early, ready.events)
    trials = [
        trial
        for part, span in (("chosen on", early), ("shown on", late))
        for trial in try_threshold(threshold, ready.history.observations, settings, errors, span, ready.events, part)
    ]
    over = [trial for trial in trials if trial.part == "shown on" and trial.low > trial.budget]
    if out is not None:
        out.write_text(to_toml(threshold, settings, trials), encoding="utf-8")
        say(f"Written: {out}; use it with --config {out}")
    if over:
        say("On the later part there are more false alarms than the budget allows: give more history, or its events")
    if not as_json:
        show_table(
            f"alert.threshold = {threshold:g}",
            ("part", "series", "false alarms", "series-months", "per month", "95 %", "budget"),
            [
                (t.part, t.kind, t.false, f"{t.series_months:.1f}", f"{t.per_month:.2f}", f"{t.low:.2f}–{t.high:.2f}",
                 f"{t.budget:.2f}")
                for t in trials
            ],
        )  # fmt: skip
    parts = [asdict(trial) for trial in trials]
    return {"threshold": threshold, "budget": settings.alert.budget, "holds": not over, "parts": parts}


def split_span(span: Span) -> tuple[Span, Span]:
    """The part that the threshold is chosen on, and the later one that it is shown on."""
    middle = span.start + CHOSEN_ON * (span.end - span.start)
    return Span(span.start, middle, span.window), Span(middle, span.end, span.window)


def choose_threshold(
    observations: Sequence[Observation],
    settings: SentimentConfig,
    errors: ErrorRates,
    span: Span,
    events: Sequence[Event],
) -> float:
    """The largest p-value on a fixed grid whose alarms within the span cost at most the budget.

    Args:
        observations: History; what comes after the span is not looked at.
        settings: With the budget.
        errors: Of the model.
        span: On which it is chosen.
        events: Whose alarms are not false.

    Raises:
        DataError: Even the smallest threshold costs more: this is no quiet history.
    """
    seen = [observation for observation in observations if observation.clock < span.end]
    grid = np.geomspace(LARGEST_LEVEL, _SMALLEST, _STEPS).tolist()
    low, high = 0, len(grid)  # the first that fits lies in between; a stricter one than it fits, too
    with progress("Trying thresholds") as tick:
        while low < high:
            middle = (low + high) // 2
            trials = try_threshold(grid[middle], seen, settings, errors, span, events, "")
            fits = all(trial.per_month <= trial.budget for trial in trials)
            low, high = (low, middle) if fits else (middle + 1, high)
            tick()
    if low == len(grid):
        raise DataError(
            "more alarms than the budget allows at any threshold",
            where="--data",
            expected="history in which little happened",
            fix="name what did happen with --truth, give longer history, or allow more with alert.budget",
        )
    return float(f"{grid[low]:.3g}")


def try_threshold(
    threshold: float,
    observations: Sequence[Observation],
    settings: SentimentConfig,
    errors: ErrorRates,
    span: Span,
    events: Sequence[Event],
    part: str,
) -> list[Trial]:
    """What a threshold costs within a span, for each kind of series."""
    alert = settings.alert.model_copy(update={"threshold": threshold})
    alarms = gather_alarms(detect(observations, settings.model_copy(update={"alert": alert}), errors))
    within = [alarm for alarm in alarms if span.start <= alarm.opened_at < span.end]
    series = {name: name.partition(":")[0] for seen in observations for name, _ in seen.sentiments}
    scores = score_by(series, within, events, span)
    budget = parse_budget(settings.alert.budget)
    return [
        _trial(threshold, kind, part, score, DAYS_PER_MONTH * budget.alarms_per_day(kind, len(series)))
        for kind, score in scores.items()
    ]


def to_toml(threshold: float, settings: SentimentConfig, trials: Sequence[Trial]) -> str:
    """The setting as a file for ``--config``, with what it was chosen on."""
    lines = ["# alert.threshold, chosen on quiet history so that false alarms stay within the budget"]
    for t in trials:
        lines.append(
            f"# {t.part} {t.series_months:.1f} {t.kind}-months: {t.false} false alarms, {t.per_month:.2f} per month "
            f"(95 %: {t.low:.2f} to {t.high:.2f}), allowed {t.budget:.2f}"
        )
    lines += ["[alert]", f'budget = "{settings.alert.budget}"', f"threshold = {threshold!r}", ""]
    lines += ["[surge]", f'window = "{settings.surge.window}"', f"scales = {list(settings.surge.scales)}"]
    return "\n".join(lines) + "\n"


def _trial(threshold: float, kind: str, part: str, score: Score, budget: float) -> Trial:
    rates = (score.false_per_month or 0.0, score.false_low or 0.0, score.false_high or 0.0)
    return Trial(threshold, kind, part, score.false, score.series_months, *rates, budget)

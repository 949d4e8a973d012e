"""What the surge alarms are worth on real news: ``python -m tests.benchmarks.surge_quality [--out DIR]``.

Trains a sentiment model once (PhraseBank and SEntFiN, two minutes) and lets the monitor go through
Guardian and CNBC headlines and the Reuters stories by date. Nobody wrote down what happened there,
so every alarm counts as false: the rate is an upper bound. Surges are planted for the detection
curve. No setting was chosen on what is reported: days instead of hours where only days are known.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.console import say
from kits.sentiment import train as training
from kits.sentiment.backtest import run as backtest
from tests.benchmarks.measuring import data_folder

DAILY = [
    "surge.window=1d",
    "surge.lateness=1d",
    "surge.scales=[1,3]",
    "surge.history_days=90",
    "surge.min_history_days=30",
]
HEADLINES = ["published_at=published", "title=headline", "body=description"]
NEWS: dict[str, tuple[str, list[str], list[str]]] = {
    "guardian": ("headlines/guardian.csv", HEADLINES, DAILY),
    "cnbc": ("headlines/cnbc.csv", HEADLINES, DAILY),
    "reuters": ("reuters21578/train.jsonl", ["published_at=date"], []),
}
STRENGTHS = "1.5,2,3,5,8"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("work/surge_quality"))
    parser.add_argument("--only", choices=sorted(NEWS), action="append")
    asked = parser.parse_args()
    finance, model = data_folder() / "finance", asked.out / "model"
    if not model.is_dir():
        sources = [str(finance / name / "train.csv") for name in ("phrasebank", "sentfin")]
        training.run(data=sources, map=["sentiment=label"], out=model, budget="2m")
    for name in asked.only or NEWS:
        file, columns, settings = NEWS[name]
        result = backtest.run(
            model=model,
            data=[str(finance / file)],
            map=columns,
            set=settings,
            inject=STRENGTHS,
            out=asked.out / name,
        )
        show(name, result)


def show(name: str, result: dict[str, Any]) -> None:
    """One line on the alarms, one on each strength."""
    ours = result["scores"]["ours"]
    bounds = f"{ours['false_low']:.2f} to {ours['false_high']:.2f}"
    rates = f"{ours['false_per_month']:.2f} per series-month ({bounds})"
    time = f"{ours['series_months']:.1f} series-months"
    say(f"{name}: {result['items']} items, {ours['alarms']} alarms in {time}, {rates}")
    for point in result["curve"]:
        share = f"{point['found']}/{point['planted']} found ({point['low']:.0%} to {point['high']:.0%})"
        say(f"  strength {point['strength']:g}: {share}, median delay {point['delay_windows']} windows")


if __name__ == "__main__":
    main()

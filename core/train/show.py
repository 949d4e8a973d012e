"""What a run of training or evaluation shows: the rungs that were tried, and scores beside baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.console import show_table
from core.train.ladder import Rung


def describe_rungs(rungs: Sequence[Rung]) -> list[dict[str, Any]]:
    """The rungs as ``train --json`` prints them."""
    return [
        {"rung": r.name, "validation_score": r.score, "seconds": round(r.seconds, 1), "reason": r.reason} for r in rungs
    ]


def show_rungs(rungs: Sequence[Rung]) -> None:
    """Print which models were tried, and why each was kept or not."""
    rows = [
        (r.name, "–" if r.score is None else f"{r.score:.4f}", round(r.seconds, 1), r.reason) for r in rungs
    ]  # fmt: skip
    show_table("Models tried", ("rung", "validation", "seconds", "reason"), rows)


def show_scores(summary: dict[str, Any]) -> None:
    """Print the scores of a summary beside the baselines."""
    if not summary:
        return
    baselines = summary["baselines"]
    rows = []
    for name, value in summary["metrics"].items():
        interval = summary["intervals"].get(name)
        between = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
        others = (f"{b[name]:.4f}" if name in b else "" for b in baselines.values())
        rows.append((name, f"{value:.4f}", between, *others))
    show_table(f"Held-out rows: {summary['rows']}", ("score", "model", "95 % interval", *baselines), rows)

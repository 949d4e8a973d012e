"""Judges rankings of the same lists: ours, its parts and the baselines, over all lists and over kinds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Difference, Interval
from core.evaluate.listwise import METRICS, Judged, interval, judge_lists, lead
from kits.recommender.learn.replay import Replayed
from kits.recommender.model.feature import COLUMN

Scores = NDArray[np.float64]
MODEL = "model"
LED = ("ndcg@10", "auc")
COLD_EVENTS = 5
FEWEST_LISTS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What rankings are worth on some lists.

    Attributes:
        lists: How many.
        users: Of how many.
        metrics: By ranking, by metric; means over users.
        intervals: Likewise, 95 % over users.
        best: By metric the baseline with the highest mean.
        leads: By metric the lead of the model over that baseline.
    """

    lists: int
    users: int
    metrics: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Mapping[str, Interval]]
    best: Mapping[str, str]
    leads: Mapping[str, Difference]

    def document(self) -> dict[str, object]:
        """As plain data, numbers rounded."""
        return {
            "lists": self.lists,
            "users": self.users,
            "metrics": rounded(self.metrics),
            "intervals": {
                n: {m: [round(i.low, 4), round(i.high, 4)] for m, i in v.items()} for n, v in self.intervals.items()
            },
            "best_baseline": dict(self.best),
            "lead": {m: {k: round(float(v), 4) for k, v in asdict(d).items()} for m, d in self.leads.items()},
        }


def judge_rankings(
    data: Replayed,
    rankings: Mapping[str, Scores],
    *,
    own: tuple[str, ...] = (MODEL,),
    chosen: NDArray[np.bool_] | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Verdict:
    """Judge several rankings of the same lists.

    Args:
        data: The lists.
        rankings: By name the score of each row ``(rows,)``; the first of ``own`` is the model.
        own: Those that are no baselines.
        chosen: Which lists ``(lists,)``; None: all.
        samples: Resamples behind an interval.
        seed: Of the resampling and of the order of equal scores.
    """
    if chosen is not None:
        rows = np.repeat(chosen, data.lists.sizes)
        data, rankings = data.take(chosen), {name: scores[rows] for name, scores in rankings.items()}
    judged = {
        name: judge_lists(scores, data.clicks, data.lists.sizes, data.users, seed) for name, scores in rankings.items()
    }
    metrics = {name: {metric: found.mean(metric) for metric in METRICS} for name, found in judged.items()}
    intervals = {
        name: {metric: interval(found.users[metric], samples, seed) for metric in METRICS}
        for name, found in judged.items()
    }
    best, leads = _leads(judged, metrics, own, samples, seed)
    return Verdict(len(data), len(set(data.users)), metrics, intervals, best, leads)


def group_lists(data: Replayed, old_items: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Kinds of lists, each as a mask ``(lists,)``; those with too few lists are left out.

    Args:
        data: The lists.
        old_items: Which items anyone had touched before the window ``(items,)``.
    """
    lengths = np.array([len(history) for history in data.histories])
    owner = np.repeat(np.arange(len(data)), data.lists.sizes)
    clicked = data.clicks
    new_clicks = np.bincount(owner[clicked & ~old_items[data.items]], minlength=len(data))
    all_clicks = np.bincount(owner[clicked], minlength=len(data))
    kinds = {
        "users without history": lengths == 0,
        f"users with 1 to {COLD_EVENTS - 1} events": (lengths > 0) & (lengths < COLD_EVENTS),
        f"users with {COLD_EVENTS} events or more": lengths >= COLD_EVENTS,
        "clicked items seen in training": new_clicks == 0,
        "clicked items never seen in training": (new_clicks == all_clicks) & (all_clicks > 0),
    }
    return {name: mask for name, mask in kinds.items() if mask.sum() >= FEWEST_LISTS}


def touched_before(data: Replayed, items: int, instant: float) -> NDArray[np.bool_]:
    """Which items were clicked before an instant, by what the features of later lists say of it ``(items,)``."""
    first = data.lists.features[:, COLUMN["days_since_first_click"]]
    owner = np.repeat(data.at, data.lists.sizes)
    with np.errstate(invalid="ignore"):
        old = owner - first * 86_400.0 < instant
    touched = np.zeros(items, dtype=bool)
    touched[data.items[old]] = True
    return touched


def rounded(table: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Numbers for people."""
    return {name: {key: round(float(value), 4) for key, value in row.items()} for name, row in table.items()}


def _leads(
    judged: Mapping[str, Judged],
    metrics: Mapping[str, Mapping[str, float]],
    own: tuple[str, ...],
    samples: int,
    seed: int,
) -> tuple[dict[str, str], dict[str, Difference]]:
    others = [name for name in judged if name not in own]
    if not others:
        return {}, {}
    best = {metric: max(others, key=lambda name: metrics[name][metric]) for metric in METRICS}
    leads = {
        metric: lead(judged[own[0]].users[metric], judged[name].users[metric], samples, seed)
        for metric, name in best.items()
    }
    return best, leads

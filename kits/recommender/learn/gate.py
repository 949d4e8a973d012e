"""Fits the ranker, promotes it only if a still later window agrees, and says when clicks look too easy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Difference
from core.evaluate.listwise import interval, lead, list_auc, mean_by_user
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.climb import CHOSEN_BY, Rung, judge, tower_epochs
from kits.recommender.learn.fit import fit_towers, score_lists
from kits.recommender.learn.replay import Replayed, as_newcomers
from kits.recommender.learn.window import Windows, join
from kits.recommender.model.feature import FEATURES, MODEL_SCORE, fill_texts
from kits.recommender.model.rank import Ranker, fit_ranker
from kits.recommender.model.tower import Floats, Tower

LEAK_AUC = 0.97  # what people click is never told so well by one thing that was known before


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether the ranker may go into service.

    Attributes:
        ranker: As fitted; None where none was.
        is_promoted: Whether it is used.
        reason: Why, in a sentence.
        selected: Its lead over the towers alone where it was stopped.
        checked: Its lead in the window after that.
    """

    ranker: Ranker | None
    is_promoted: bool
    reason: str
    selected: Difference | None = None
    checked: Difference | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A reason to distrust the clicks or the model.

    Attributes:
        kind: ``leak`` or ``chance``.
        message: For people.
    """

    kind: str
    message: str


def promote(windows: Windows, rung: Rung, config: RecommenderConfig) -> tuple[Promotion, list[Alarm]]:
    """Fit the ranker on out-of-fold scores of the towers, and look at it in later windows."""
    ranked, first = out_of_fold(windows, rung, config)
    select, check, select_first = (
        with_scores(data, rung.texts, rung.tower)
        for data in (windows.select, windows.check, as_newcomers(windows.select, windows.catalog))
    )
    alarms = find_alarms(select, rung, config)
    if not config.rank.is_on or not len(ranked):
        return Promotion(None, False, "the ranker is off" if len(ranked) else "no lists to rank by"), alarms
    newcomers = (first.lists, select_first.lists)
    ranker = fit_ranker(ranked.lists, select.lists, config.rank, config.seed, newcomers)
    return decide(ranker, select, check, config), alarms


def decide(ranker: Ranker, select: Replayed, check: Replayed, config: RecommenderConfig) -> Promotion:
    """Promote a ranker unless the later window contradicts the earlier one.

    It is contradicted where its lead over the towers is gone, or where so much less is left of it
    that even the upper end of its interval is below half of what was promised.
    """
    selected, checked = (_lead(ranker, data, config) for data in (select, check))
    if not len(check):
        return Promotion(ranker, False, "refused: there is no later window to check it in", selected)
    shown = f"{CHOSEN_BY} {selected.value:+.4f} over the towers where it was chosen, {checked.value:+.4f} later"
    if selected.value <= 0:
        return Promotion(ranker, False, f"refused: no better than the towers ({shown})", selected, checked)
    if checked.value <= 0 or checked.high < selected.value / 2:
        return Promotion(ranker, False, f"refused: a later window contradicts it ({shown})", selected, checked)
    return Promotion(ranker, True, f"promoted: {shown}", selected, checked)


def find_alarms(select: Replayed, rung: Rung, config: RecommenderConfig) -> list[Alarm]:
    """Features that explain clicks too well, and a model that explains them no better than chance."""
    alarms = []
    for place, name in enumerate(FEATURES):
        values = select.lists.features[:, place].astype(np.float64)
        unknown = np.isnan(values)
        ends = (np.nanmin(values, initial=0.0) - 1.0, np.nanmax(values, initial=0.0) + 1.0)
        aucs = [_mean_auc(select, np.where(unknown, end, values)) for end in ends]  # not known may mean little or much
        auc = max(max(found, 1 - found) for found in aucs)
        if auc >= LEAK_AUC:
            alarms.append(
                Alarm(
                    "leak",
                    f"{name} alone tells clicks with an AUC of {auc:.3f}: something of what follows the "
                    "click stands before it; look at the times of events and lists",
                )
            )
    bounds = interval(rung.judged.users["auc"], config.evaluate.bootstrap_samples, config.seed)
    if bounds.low <= 0.5:
        alarms.append(
            Alarm(
                "chance",
                f"the AUC of the towers is {rung.judged.mean('auc'):.3f} ({bounds.low:.3f} to {bounds.high:.3f}), no "
                "better than chance for certain: are items and events of the same site, and are the texts there?",
            )
        )
    return alarms


def out_of_fold(windows: Windows, rung: Rung, config: RecommenderConfig) -> tuple[Replayed, Replayed]:
    """The ranker's lists, each stretch scored by towers trained on what lies before it.

    Returns:
        The lists, and the same as if nothing were known of their users.
    """
    ranked, folds = windows.ranked, config.rank.folds
    if not len(ranked):
        return ranked, ranked
    cuts = np.quantile(ranked.at, np.linspace(0, 1, folds + 1)[1:-1]) if folds > 1 else np.zeros(0)
    stretch = np.searchsorted(cuts, ranked.at, side="right")
    before, known, first = windows.early, list[Replayed](), list[Replayed]()
    for number in range(folds):
        own = ranked.take(stretch == number)
        if len(own) and len(before):
            tower, _ = fit_towers(rung.texts, before, config, epochs=tower_epochs(len(before), config))
            known.append(with_scores(own, rung.texts, tower))
            first.append(with_scores(as_newcomers(own, windows.catalog), rung.texts, tower))
        before = join(before, own)
    none = ranked.take(np.zeros(len(ranked), dtype=bool))
    return reduce(join, known, none), reduce(join, first, none)


def with_scores(data: Replayed, texts: Floats, tower: Tower) -> Replayed:
    """The lists with the features that come from texts and towers."""
    features = data.lists.features.copy()
    starts = data.starts
    for number, (history, weights) in enumerate(zip(data.histories, data.history_weights, strict=True)):
        rows = slice(starts[number], starts[number + 1])
        fill_texts(features[rows], texts[data.items[rows]], texts[history], weights)
    features[:, MODEL_SCORE] = score_lists(tower, texts, data)
    return replace(data, lists=replace(data.lists, features=features))


def final_scores(ranker: Ranker | None, data: Replayed) -> NDArray[np.float64]:
    """What lists are ordered by: the ranker's scores, or the towers' where there is none."""
    features: Floats = data.lists.features
    return ranker.score(features) if ranker is not None else features[:, MODEL_SCORE].astype(np.float64)


def _lead(ranker: Ranker, data: Replayed, config: RecommenderConfig) -> Difference:
    if not len(data):
        return Difference(0.0, 0.0, 0.0, 0.0)
    a, b = (judge(data, final_scores(own, data), config.seed).users[CHOSEN_BY] for own in (ranker, None))
    return lead(a, b, config.evaluate.bootstrap_samples, config.seed)


def _mean_auc(data: Replayed, scores: NDArray[np.float64]) -> float:
    return float(mean_by_user(list_auc(scores, data.clicks, data.lists.sizes), data.users).mean())

"""What the towers would have earned in places that the log filled by chance, with known probabilities.

The policy that is judged puts there one of the towers' best ``TOP`` items that could be shown, all
alike. Rewards that a model expects are click rates of the log's own chance items inside and outside
that top, counted in an earlier window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.evaluate.offpolicy import Estimate, Logged, estimate_policy
from kits.recommender.learn.replay import Replayed
from kits.recommender.model.tower import Floats, Tower
from kits.recommender.state.catalog import Catalog

TOP = 20
FEWEST_ROWS = 100


def judge_policy(
    earlier: Replayed, data: Replayed, catalog: Catalog, texts: Floats, tower: Tower, *, samples: int, seed: int
) -> dict[str, Estimate] | None:
    """The click rate of a place that the towers fill, and under ``logged`` that of chance itself.

    Args:
        earlier: Lists from which expected rewards are counted.
        data: Lists to judge on.
        catalog: The items.
        texts: Vectors of their texts.
        tower: Whose choice is judged.
        samples: Resamples behind an interval.
        seed: Of the resampling.

    Returns:
        None where too few choices have a propensity.
    """
    if min((own.propensities > 0).sum() for own in (earlier, data)) < FEWEST_ROWS:
        return None
    before, rewards = _is_top(earlier, catalog, texts, tower), earlier.clicks[earlier.propensities > 0]
    overall = float(rewards.mean())
    inside, outside = (float(rewards[mask].mean()) if mask.any() else overall for mask in (before, ~before))
    is_top = _is_top(data, catalog, texts, tower)
    chosen = data.propensities > 0
    clicks = data.clicks[chosen].astype(np.float64)
    users = [data.users[number] for number in np.repeat(np.arange(len(data)), data.lists.sizes)[chosen]]
    propensities = data.propensities[chosen].astype(np.float64)
    predicted = np.where(is_top, inside, outside)
    log = Logged(clicks, propensities, is_top / TOP, predicted, np.full(len(clicks), inside), users)
    chance = Logged(clicks, propensities, propensities, predicted, predicted, users)
    return estimate_policy(log, samples, seed) | {"logged": estimate_policy(chance, samples, seed)["ips"]}


def _is_top(data: Replayed, catalog: Catalog, texts: Floats, tower: Tower) -> NDArray[np.bool_]:
    """Which of the rows with a propensity hold one of the best items of their moment ``(rows with one,)``."""
    vectors, starts, found = tower.items(texts), data.starts, []
    for number, (history, weights) in enumerate(zip(data.histories, data.history_weights, strict=True)):
        rows = slice(starts[number], starts[number + 1])
        drawn = data.items[rows][data.propensities[rows] > 0]
        if not len(drawn):
            continue
        scores = vectors @ tower.user(vectors[history], weights)
        scores[(catalog.published > data.at[number]) | ~catalog.available] = -np.inf
        scores[history[weights >= 1.0]] = -np.inf
        bar = np.partition(scores, -TOP)[-TOP] if len(scores) > TOP else -np.inf
        found += (scores[drawn] >= bar).tolist()
    return np.array(found, dtype=bool)

"""How well the recommender ranks: ``python -m tests.benchmarks.recommender_quality movielens|sample``.

``movielens``: MovieLens latest-small. A rating of at least four counts as a click; no lists were logged,
so 99 items are sampled beside each click to judge by, out of those that were published then and that the
user never rated. The latest 10 % of the ratings are the test window, the 10 % before choose the model.
Every ranking knows the user's history up to the moment; factor models learn from all that lies before the
test window. ``sample``: the sample data, held against the simulator's truth.

Settings are the defaults. Nothing is chosen on the test window.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.evaluate.listwise import interval
from kits.recommender.config import RecommenderConfig, read_config
from kits.recommender.data import load
from kits.recommender.learn.gate import decide, final_scores, find_alarms, out_of_fold, with_scores
from kits.recommender.learn.judge import judge_rankings
from kits.recommender.learn.run import Learned, learn
from kits.recommender.log.behaviour import Log
from kits.recommender.model.rank import fit_ranker
from tests.benchmarks.measuring import data_folder

SAMPLE = Path(__file__).parents[2] / "sample_data" / "recommender"
ORACLE_USERS = 300
RUNGS = ["train.rungs=tfidf,probe"]


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("movielens", "sample"))
    parser.add_argument("--tuned", action="store_true", help="try the tuned encoder, too")
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    options = parser.parse_args()
    settings = [*([] if options.tuned else RUNGS), *options.set]
    folder = data_folder() / "recommender/ml_latest_small" if options.what == "movielens" else SAMPLE
    begun = time.monotonic()
    config = read_config(data=[str(folder)], set=settings)
    log = load(config)
    learned = learn(log, config)
    result = learned.document() | {"wall_seconds": round(time.monotonic() - begun, 1)}
    if options.what == "sample":
        result |= {"oracle": compare_with_oracle(learned), "leak": plant_leak(log, config)}
        result["overfit_ranker"] = plant_overfit(learned, config)
    print(json.dumps(result, ensure_ascii=False, indent=1))


def compare_with_oracle(learned: Learned) -> dict[str, Any]:
    """The model beside the simulator's truth: on the lists of the test window, and over all items.

    Over all items the gain of an item is the chance that the reader clicks it, as the simulator has
    it, at the end of the log; the ideal order is the oracle's own, so its nDCG is 1.
    """
    sys.path.insert(0, str(SAMPLE))
    from oracle import Oracle  # type: ignore[import-not-found]

    oracle, windows, recommender = Oracle.load(), learned.windows, learned.recommender
    catalog, data = recommender.catalog, windows.test
    from datetime import UTC, datetime

    starts, truth = data.starts, np.zeros(len(data.items))
    for number, user in enumerate(data.users):
        rows = slice(starts[number], starts[number + 1])
        ids = [catalog.items[item].item_id for item in data.items[rows]]
        truth[rows] = oracle.preference(user, ids, datetime.fromtimestamp(data.at[number], UTC))
    scored = with_scores(data, recommender.texts, recommender.tower)
    rankings = {"model": final_scores(recommender.ranker, scored), "oracle": truth}
    verdict = judge_rankings(scored, rankings, own=("model", "oracle"))
    at = datetime.fromtimestamp(recommender.tally.clock + 1, UTC)
    everything = [item.item_id for item in catalog.items if item.published_at is None or item.published_at <= at]
    users = sorted(recommender.users)
    chosen = [users[i] for i in np.random.default_rng(0).permutation(len(users))[:ORACLE_USERS]]
    values: dict[str, list[float]] = {"model": [], "popularity": [], "random": []}
    random = np.random.default_rng(1)
    for user in chosen:
        gains = np.asarray(oracle.preference(user, everything, at), dtype=np.float64)
        ranking = recommender.rank(recommender.user(user), everything, at)
        values["model"].append(ndcg(ranking.scores, gains))
        values["popularity"].append(ndcg(recommender.tally.recent(catalog.numbers(everything), at.timestamp()), gains))
        values["random"].append(ndcg(random.random(len(gains)), gains))
    whole = {}
    for name, found in values.items():
        bounds = interval(np.array(found))
        whole[name] = [round(float(np.mean(found)), 4), round(bounds.low, 4), round(bounds.high, 4)]
    lists = {name: round(row["ndcg@10"], 4) for name, row in verdict.metrics.items()}
    return {"lists_ndcg@10": lists, "share": round(lists["model"] / lists["oracle"], 4), "all_items_ndcg@10": whole}


def ndcg(scores: np.ndarray[Any, Any], gains: np.ndarray[Any, Any], k: int = 10) -> float:
    """nDCG@k of an order with graded gains."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    found = gains[np.argsort(-scores, kind="stable")[:k]] @ discounts
    return float(found / (np.sort(gains)[::-1][:k] @ discounts))


def plant_leak(log: Log, config: RecommenderConfig) -> list[str]:
    """The alarms when each click is logged an hour before the list that it was made in."""
    early = sorted((replace(e, at=e.at - timedelta(hours=1)) for e in log.events), key=lambda event: event.at)
    quick = config.model_copy(update={"train": config.train.model_copy(update={"rungs": ("tfidf",), "epochs": 1})})
    quick = quick.model_copy(update={"rank": quick.rank.model_copy(update={"is_on": False, "most_lists": 100})})
    leaking = learn(Log(log.items, early, log.impressions), quick)
    return [f"{alarm.kind}: {alarm.message}" for alarm in leaking.alarms]


def plant_overfit(learned: Learned, config: RecommenderConfig) -> dict[str, object]:
    """The gate's answer to a ranker that leans on something that stops being true after it was chosen."""
    windows, rung = learned.windows, learned.chosen
    random = np.random.default_rng(0)
    ranked, _ = out_of_fold(windows, rung, config)
    select, check = (with_scores(data, rung.texts, rung.tower) for data in (windows.select, windows.check))
    for data, is_true in ((ranked, True), (select, True), (check, False)):
        noise = random.normal(size=len(data.items))
        data.lists.features[:, -1] = noise + (2.0 * data.clicks if is_true else 0.0)
    decision = decide(fit_ranker(ranked.lists, select.lists, config.rank, config.seed), select, check, config)
    alarms: Sequence[Any] = find_alarms(select, rung, config)
    return {"is_promoted": decision.is_promoted, "reason": decision.reason, "alarms": [a.kind for a in alarms]}


if __name__ == "__main__":
    main()

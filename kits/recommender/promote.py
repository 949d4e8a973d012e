"""The verb ``promote``: a newer model takes over from the one that serves, unless the latest log speaks against it.

Both rank the lists that were shown after either was trained, each as of its moment: a model that
was trained last night has to prove itself on this morning's clicks, which it cannot have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.console import say
from core.errors import DataError, ModelError
from core.evaluate.bootstrap import Difference
from core.evaluate.listwise import judge_lists, lead
from kits.recommender.config import read_config
from kits.recommender.event import Event, Impression
from kits.recommender.log.behaviour import Log, make_log
from kits.recommender.model.recommender import Recommender
from kits.recommender.store.store import RecommenderStore, open_store

FEWEST_LISTS = 100
METRIC = "ndcg@10"


@dataclass(frozen=True, slots=True)
class Trial:
    """How two models did on the same lists.

    Attributes:
        lists: With something clicked and something not.
        users: Whose.
        old: nDCG@10 of the model that serves, the mean over users.
        new: Of the other one.
        lead: The second less the first, with its 95 % interval over users; None without a list.
    """

    lists: int
    users: int
    old: float
    new: float
    lead: Difference | None


def run(
    *,
    model: Path,
    store: str | None = None,
    force: bool = False,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: try the model on the latest lists, then ask the server to go over to it.

    Raises:
        ModelError: The model is none, or the log speaks against it.
        DataError: Too few lists are newer than the model.
        StoreError: The database cannot be reached.
    """
    settings = read_config(config=config, set=set, seed=seed)
    opened = open_store(store or settings.store.url)
    candidate = Recommender.load(model)
    trial = None
    if (folder := opened.active_model()) is not None:
        trial = try_models(Recommender.load(folder), candidate, read_log(opened))
        _judge(trial, force)
    opened.want_model(str(model.resolve()), "promote", datetime.now(UTC))
    opened.engine.dispose()
    say(f"Asked for: {model} ({candidate.version[:12]}); a running server goes over to it within seconds")
    return {"model": str(model), "version": candidate.version, "trial": trial and _plain(trial)}


def read_log(store: RecommenderStore) -> Log:
    """What the server has kept."""
    changes = store.changes(0, "")
    return make_log({item.item_id: item for item, _ in changes.items}, [event for _, event in changes.events])


def try_models(old: Recommender, new: Recommender, log: Log) -> Trial:
    """Rank the same lists with both models, each list as of its moment.

    Args:
        old: The model that serves.
        new: The other one.
        log: What came after; lists from before either was trained are left out.
    """
    for item in log.items.values():
        for model in (old, new):
            if item.item_id not in model.catalog:
                model.put_items([item])
    since = max(old.tally.clock, new.tally.clock)
    shown = [one for one in log.impressions if one.at.timestamp() > since]
    both: list[Event | Impression] = [*log.events, *shown]
    happened = sorted(both, key=lambda one: (one.at, isinstance(one, Event)))
    ends = {id(model): model.tally.clock for model in (old, new)}
    scores: tuple[list[float], list[float]] = ([], [])
    clicks: list[bool] = []
    sizes, users = [], []
    for one in happened:
        if isinstance(one, Event):
            for model in (old, new):
                if one.at.timestamp() > ends[id(model)] and one.item_id in model.catalog:
                    model.observe(one)
            continue
        kept = [place for place, item in enumerate(one.item_ids) if item in old.catalog and item in new.catalog]
        if 0 < sum(one.clicks[place] for place in kept) < len(kept):
            for model, found in zip((old, new), scores, strict=True):
                found.extend(_rank(model, one, kept))
            clicks += [one.clicks[place] for place in kept]
            sizes.append(len(kept))
            users.append(one.user_id)
        for model in (old, new):
            for place in kept:
                model.observe(Event(one.user_id, one.item_ids[place], "show", one.at, position=place + 1))
    if not sizes:
        return Trial(0, 0, 0.0, 0.0, None)
    judged = [judge_lists(np.array(one), np.array(clicks), np.array(sizes), users) for one in scores]
    first, second = judged[0].users[METRIC], judged[1].users[METRIC]
    return Trial(len(sizes), len(first), float(first.mean()), float(second.mean()), lead(second, first))


def _rank(model: Recommender, shown: Impression, kept: list[int]) -> list[float]:
    items = [shown.item_ids[place] for place in kept]
    scores: list[float] = model.rank(model.user(shown.user_id), items, shown.at).scores.tolist()
    return scores


def _judge(trial: Trial, force: bool) -> None:
    """Refuse what the log speaks against, or says too little of.

    Raises:
        ModelError: The model is certainly worse.
        DataError: There are too few lists to say.
    """
    if trial.lead is not None and trial.lead.high < 0:
        shown = f"{METRIC} {trial.new:.4f} against {trial.old:.4f} on {trial.lists} lists"
        raise ModelError(
            "the latest log speaks against this model", got=shown, fix="look at its report; keep the old one"
        )
    if trial.lists < FEWEST_LISTS and not force:
        raise DataError(
            "too few lists are newer than the model to judge it",
            got=f"{trial.lists}",
            expected=f"at least {FEWEST_LISTS} with something clicked",
            fix="wait for them, or --force",
        )


def _plain(trial: Trial) -> dict[str, Any]:
    found = {"lists": trial.lists, "users": trial.users, "old": round(trial.old, 4), "new": round(trial.new, 4)}
    if trial.lead is None:
        return found
    return found | {"interval": [round(trial.lead.low, 4), round(trial.lead.high, 4)]}

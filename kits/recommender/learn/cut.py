"""Where a log is cut by time, and the lists that are learned from and judged by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from core.errors import DataError
from core.runtime import derive_seed
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Impression
from kits.recommender.log.behaviour import Log
from kits.recommender.state.catalog import Catalog

FEWEST_CLICKS = 20
NEW = "new items"


def cut_times(log: Log, validation_fraction: float, test_fraction: float) -> tuple[datetime, datetime | None]:
    """When validation begins, and when the test does; shares are of the events in the order of time.

    Raises:
        DataError: There are too few clicks, or all are of one instant.
    """
    instants = [event.at for event in log.events if event.is_click]
    if len(instants) < FEWEST_CLICKS:
        raise DataError("too few clicks to learn from", where="--data", got=len(instants), expected=f"{FEWEST_CLICKS}")
    instants = [event.at for event in log.events]
    test = instants[int(len(instants) * (1 - test_fraction))] if test_fraction else None
    validation = instants[int(len(instants) * (1 - test_fraction - validation_fraction))]
    if validation in (instants[0], test):
        raise DataError("too few different times to cut by", where="--data", got=instants[0].isoformat())
    return validation, test


def make_new_lists(log: Log, catalog: Catalog, since: datetime, config: RecommenderConfig) -> list[Impression]:
    """Sampled lists, one for each click of an item that nobody had touched before ``since``, of such items alone.

    Here what others clicked says nothing, or little: it is the text that must tell.
    """
    old = {event.item_id for event in log.events if event.at < since}
    new = Log({k: item for k, item in log.items.items() if k not in old}, [], [])
    events = [event for event in log.events if event.item_id in new.items and event.at >= since]
    few = Log(new.items, events, [])
    lists = make_lists(few, Catalog(new.items.values()), config.data.test_negatives, config.seed)
    return [replace(shown, impression_id=NEW) for shown in lists]


def make_lists(log: Log, catalog: Catalog, negatives: int, seed: int) -> list[Impression]:
    """The lists of a log; where none were logged, one for each click, with sampled items beside it.

    Sampled are items that were published then and that the user never touched, all alike. So they
    are easier than what a site would have shown: scores on sampled lists compare models on the same
    lists, and nothing else.

    Args:
        log: All of it, also what is later: what the user touches later is no negative.
        catalog: Of its items.
        negatives: Sampled beside each click.
        seed: Of the sampling.
    """
    if log.has_lists:
        return log.impressions
    random = np.random.default_rng(derive_seed(seed, "negatives"))
    touched: dict[str, set[int]] = {}  # of the catalog given, which may lack items
    for event in log.events:
        touched.setdefault(event.user_id, set()).add(catalog.number(event.item_id))
    by_date = np.argsort(catalog.published, kind="stable")
    dates = catalog.published[by_date]
    lists = []
    for event in log.events:
        if not event.is_click:
            continue
        published = int(np.searchsorted(dates, event.at.timestamp(), side="right"))
        own = touched[event.user_id]
        drawn: dict[int, None] = {}
        for _ in range(4):  # few are drawn in vain
            for number in by_date[random.integers(published, size=2 * negatives)].tolist() if published else ():
                if number not in own and len(drawn) < negatives:
                    drawn[number] = None
            if len(drawn) == negatives:
                break
        if drawn:
            items = (event.item_id, *(catalog.items[number].item_id for number in drawn))
            weights = (event.weight, *(0.0 for _ in drawn))
            lists.append(Impression(event.user_id, event.at, items, weights, is_sampled=True))
    return lists


def between(lists: list[Impression], start: datetime | None, end: datetime | None) -> list[Impression]:
    """Those shown from ``start`` on and before ``end``."""
    return [shown for shown in lists if (start is None or shown.at >= start) and (end is None or shown.at < end)]


def shorten(lists: list[Impression], negatives: int) -> list[Impression]:
    """Sampled lists with the first so many of their negatives; logged ones as they are."""
    cut = []
    for shown in lists:
        if not shown.is_sampled:
            cut.append(shown)
            continue
        most = 1 + negatives
        cut.append(replace(shown, item_ids=shown.item_ids[:most], weights=shown.weights[:most]))
    return cut

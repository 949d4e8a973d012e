"""A log made ready: cut by time, its lists replayed, each window with what was known at its moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.console import say
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.cut import NEW, between, cut_times, make_lists, make_new_lists, shorten
from kits.recommender.learn.replay import Replayed, replay
from kits.recommender.log.behaviour import Log
from kits.recommender.model.rank import Lists
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.tally import Tally
from kits.recommender.state.user import User

RANKED_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Windows:
    """What is learned from, chosen by, and reported, one after the other in time.

    Attributes:
        early: Lists that only the towers learn from.
        ranked: Later ones, that the ranker learns from, too.
        select: Lists that choose among models.
        check: Still later ones, that may refuse what was chosen.
        test: The latest, for the report alone.
        new_items: Of the test: sampled lists of items alone that nobody had touched before it; empty where
            lists were logged.
        validation_at: When ``select`` begins.
        test_at: When ``test`` begins; None: there is none.
        is_sampled: Whether negatives were sampled.
        catalog: The items.
        tally: Their counters at the end of the log.
        users: The users then.
    """

    early: Replayed
    ranked: Replayed
    select: Replayed
    check: Replayed
    test: Replayed
    new_items: Replayed
    validation_at: datetime
    test_at: datetime | None
    is_sampled: bool
    catalog: Catalog
    tally: Tally
    users: dict[str, User]

    @property
    def train(self) -> Replayed:
        """All lists before validation."""
        return join(self.early, self.ranked)

    def describe(self) -> dict[str, int]:
        """Lists in each window."""
        names = ("early", "ranked", "select", "check", "test", "new_items")
        return {name: len(getattr(self, name)) for name in names}


def open_windows(log: Log, config: RecommenderConfig) -> Windows:
    """Cut and replay a log.

    Raises:
        DataError: There are too few clicks, or all are of one instant.
    """
    settings = config.data
    catalog = Catalog(log.items.values())
    validation_at, test_at = cut_times(log, settings.validation_fraction, settings.test_fraction)
    lists = make_lists(log, catalog, max(settings.negatives, settings.test_negatives), config.seed)
    train = shorten(between(lists, None, validation_at), settings.negatives)
    later = shorten(between(lists, validation_at, None), settings.test_negatives)
    if not log.has_lists:
        say(
            f"No lists were logged: {settings.negatives} negatives are sampled beside each click to learn from, and "
            f"{settings.test_negatives} to judge by"
        )
    new = [] if log.has_lists or test_at is None else make_new_lists(log, catalog, test_at, config)
    judged = [shown.at.timestamp() for shown in train if any(shown.clicks)]
    wanted = min(int(len(judged) * RANKED_SHARE), config.rank.most_lists)
    ranked_from = judged[len(judged) - wanted] if judged and wanted else validation_at.timestamp()
    tally, users = Tally(config.rank.half_life_days), dict[str, User]()
    everything = sorted([*train, *later, *new], key=lambda shown: shown.at)
    data = replay(catalog, tally, users, log.events, everything, features_from=ranked_from)
    start, end = validation_at.timestamp(), np.inf if test_at is None else test_at.timestamp()
    check_at = _check_time(data, start, end, config.rank.check_fraction)
    is_new = np.array([name == NEW for name in data.names], dtype=bool)
    at = data.at
    return Windows(
        early=data.take(at < ranked_from),
        ranked=data.take((at >= ranked_from) & (at < start)),
        select=data.take((at >= start) & (at < check_at)),
        check=data.take((at >= check_at) & (at < end)),
        test=data.take((at >= end) & ~is_new),
        new_items=data.take(is_new),
        validation_at=validation_at,
        test_at=test_at,
        is_sampled=not log.has_lists,
        catalog=catalog,
        tally=tally,
        users=users,
    )


def join(first: Replayed, second: Replayed) -> Replayed:
    """One after the other."""
    a, b = first.lists, second.lists
    return Replayed(
        Lists(
            np.concatenate([a.features, b.features]),
            np.concatenate([a.weights, b.weights]),
            np.concatenate([a.sizes, b.sizes]),
        ),
        np.concatenate([first.items, second.items]),
        first.histories + second.histories,
        first.history_weights + second.history_weights,
        first.users + second.users,
        first.names + second.names,
        np.concatenate([first.at, second.at]),
        np.concatenate([first.propensities, second.propensities]),
        np.concatenate([first.positions, second.positions]),
    )


def _check_time(data: Replayed, start: float, end: float, share: float) -> float:
    """When the latest share of the validation lists begins."""
    inside = np.sort(data.at[(data.at >= start) & (data.at < end)])
    return float(inside[int(len(inside) * (1 - share))]) if len(inside) else end

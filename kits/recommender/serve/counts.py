"""What is counted out of the store and the recommender to be shown: buckets, users, the frontier."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from sqlalchemy import and_, case, func, select

from core.store.database import reading
from kits.recommender.config import DiversifyConfig
from kits.recommender.event import EVENT_WEIGHTS, Item
from kits.recommender.listing.bucket import Difference, Outcome, compare_buckets
from kits.recommender.listing.frontier import Case, Point, trace_frontier
from kits.recommender.listing.make import make_pool
from kits.recommender.model.recommender import Recommender
from kits.recommender.store.schema import events, impressions
from kits.recommender.store.store import RecommenderStore

CLICKS = tuple(kind for kind, weight in EVENT_WEIGHTS.items() if weight >= 1)
FRONTIER_USERS = 60


def read_buckets(store: RecommenderStore, experiment: str) -> tuple[list[Outcome], list[Difference]]:
    """What came of each bucket of a comparison: of each user items shown, and those of them that were clicked."""
    on_list = and_(events.c.impression_id == impressions.c.impression_id, events.c.user_id == impressions.c.user_id)
    clicked = func.count(func.distinct(case((events.c.event.in_(CLICKS), _pair()))))
    query = (
        select(impressions.c.bucket, impressions.c.user_id, func.count(func.distinct(_pair())), clicked)
        .select_from(impressions.join(events, on_list))
        .where(impressions.c.experiment == experiment, impressions.c.bucket != "")
        .group_by(impressions.c.bucket, impressions.c.user_id)
        .order_by(impressions.c.bucket, impressions.c.user_id)
    )
    counts: dict[str, list[tuple[int, int]]] = {}
    with reading(store.engine) as connection:
        for bucket, _, shown, clicks in connection.execute(query):
            counts.setdefault(bucket, []).append((int(shown), int(clicks)))
    return compare_buckets(counts) if counts else ([], [])


def recent_events(recommender: Recommender, user_id: str | None, limit: int) -> list[tuple[Item, float, datetime]]:
    """The latest events of a user, the newest first: item, weight, time."""
    known = recommender.user(user_id)
    numbers, weights, times = known.recent(limit)
    return [
        (recommender.catalog.items[number], float(weight), datetime.fromtimestamp(time, UTC))
        for number, weight, time in zip(numbers[::-1].tolist(), weights[::-1], times[::-1].tolist(), strict=True)
    ]


def active_users(recommender: Recommender, limit: int) -> list[tuple[str, int]]:
    """Users with the most recent events first: id, clicks."""
    known = ((user.times[-1], name, user.clicks) for name, user in recommender.users.items() if user.times)
    return [(name, clicks) for _, name, clicks in sorted(known, reverse=True)[:limit]]


def measure_frontier(recommender: Recommender, settings: DiversifyConfig, k: int) -> list[Point]:
    """The frontier over lists of users now; without clicks, as what follows is not known yet."""
    names = sorted(name for name, user in recommender.users.items() if user.clicks >= 3)
    chosen = [names[at] for at in np.linspace(0, len(names) - 1, min(FRONTIER_USERS, len(names))).astype(int)]
    cases, items = [], []
    for name in chosen:
        user = recommender.user(name)
        found = recommender.shortlist(user, k=settings.pool)
        if found:
            cases.append(Case(make_pool(recommender, user, found)))
            items.append([one.item_id for one in found])
    return trace_frontier(cases, items, k, settings) if cases else []


def _pair() -> object:
    """A place of a list, whatever happened there."""
    return events.c.impression_id + " " + events.c.item_id

"""Invented readers who click what is of their category, more often where it stands higher."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Event
from kits.recommender.log.behaviour import Log, make_log
from tests.kits.recommender.shop import NOW, WORDS, make_items

DAYS = 40
QUICK = {
    "train": {"rungs": ("tfidf",)},
    "model": {"text_dimensions": 16, "history_items": 10},
    "rank": {"trees": 40, "leaves": 7, "min_leaf_rows": 10, "folds": 2},
    "evaluate": {"bootstrap_samples": 100},
    "data": {"negatives": 5, "test_negatives": 10},
}


def quick_config(**sections: dict[str, object]) -> RecommenderConfig:
    """Settings under which training takes a second."""
    merged = {name: {**QUICK.get(name, {}), **sections.get(name, {})} for name in {*QUICK, *sections}}
    return RecommenderConfig.model_validate(merged)


def make_rows(users: int = 40, lists: int = 25, shown: int = 6, seed: int = 0) -> list[Event]:
    """Rows of a log of lists: ``show`` or ``click``, each with its position."""
    random, items, names = Random(seed), make_items(), list(WORDS)
    rows = []
    for user in range(users):
        liked = names[user % len(names)]
        for number in range(lists):
            at = NOW - timedelta(days=random.random() * DAYS)
            published = [item for item in items if item.published_at and item.published_at < at]
            if len(published) < shown:
                continue
            for position, item in enumerate(random.sample(published, shown), start=1):
                chance = (0.7 if item.category == liked else 0.05) / (1 + 0.2 * (position - 1))
                kind = "click" if random.random() < chance else "show"
                name = f"l{user}-{number}"
                rows.append(Event(f"u{user}", item.item_id, kind, at, name, position, propensity=1 / len(published)))
    return rows


def make_reading(*, has_lists: bool = True, **options: int) -> Log:
    """A log with lists, or of clicks alone."""
    rows = make_rows(**options)
    if not has_lists:
        rows = [Event(row.user_id, row.item_id, row.kind, row.at) for row in rows if row.kind == "click"]
    return make_log({item.item_id: item for item in make_items()}, rows)

"""A small recommender that was never trained, over invented items: n-grams, plain towers, no ranker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from core.model.latent import fit_latent
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Event, Item
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.tower import plain_tower
from kits.recommender.state.catalog import Catalog

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WORDS = {
    "sea": ["harbour", "tide", "boat", "sail", "wave", "gull", "anchor", "lighthouse"],
    "sky": ["cloud", "star", "moon", "comet", "telescope", "orbit", "rocket", "planet"],
    "food": ["bread", "soup", "pepper", "oven", "noodle", "kettle", "salt", "cheese"],
    "sport": ["goal", "race", "racket", "sprint", "medal", "coach", "league", "tackle"],
}


def make_items(count: int = 80, seed: int = 0) -> list[Item]:
    """Items of four categories whose titles are words of their own."""
    random, names = Random(seed), list(WORDS)
    items = []
    for number in range(count):
        category = names[number % len(names)]
        title = " ".join(random.sample(WORDS[category], 4))
        at = NOW - timedelta(days=1 + number % 40)
        items.append(Item(f"i{number}", title, "", (category,), category, at, f"author {number % 7}"))
    return items


def make_recommender(items: Sequence[Item] | None = None, version: str = "v-test") -> Recommender:
    """A recommender without users."""
    items = make_items() if items is None else items
    encoder = fit_latent([item.text for item in make_items()], 16)
    texts = encoder.encode([item.text for item in items])
    return Recommender(
        RecommenderConfig(), Catalog(items), encoder, plain_tower(texts.shape[1], 30), texts=texts, version=version
    )


def make_event(user: str, item: str, kind: str = "click", minutes: float = 0.0) -> Event:
    """An event so many minutes after ``NOW``."""
    return Event(user, item, kind, NOW + timedelta(minutes=minutes))

"""One list from its candidates to its reasons: ranked, made diverse, explored, explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from kits.recommender.config import DiversifyConfig
from kits.recommender.event import Item
from kits.recommender.listing.diversify import Displaced, Pool, arrange, explore, find_wanted
from kits.recommender.listing.explain import Reasons, explain_items
from kits.recommender.model.candidate import Filter
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.shortlist import Shortlist
from kits.recommender.model.tower import Floats
from kits.recommender.state.user import User

HISTORY = 50  # latest events that say which categories are wanted


@dataclass(frozen=True, slots=True)
class Instead:
    """An item that an item of the list stands in for, for variety's sake; ``beside``: what it is most like there."""

    item: Item
    reason: str
    beside: Item


@dataclass(frozen=True, slots=True)
class Listed:
    """An item on a list.

    Attributes:
        item: What.
        score: Of the ranker.
        rank: Place among the candidates by score alone, from 1.
        sources: What brought it to the candidates.
        propensity: Probability with which it came to this place.
        is_explored: It was drawn.
        instead: What it stands in for; None: nothing.
        reasons: Why it is here; None if that was not asked for.
    """

    item: Item
    score: float
    rank: int
    sources: tuple[str, ...]
    propensity: float
    is_explored: bool
    instead: Instead | None = None
    reasons: Reasons | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """For whom a list is made, and how.

    Attributes:
        user: A user's state.
        k: Length.
        settings: Variety.
        wishes: Interests as text vectors; None: none.
        chosen: What is left out.
        at: As of when; None: now.
        explain: Give reasons.
        random: Draws what is explored; None: nothing is.
    """

    user: User
    k: int
    settings: DiversifyConfig
    wishes: Floats | None = None
    chosen: Filter | None = None
    at: datetime | None = None
    explain: bool = False
    random: Random | None = None


def make_list(recommender: Recommender, wish: Wish) -> list[Listed]:
    """Make a list.

    Args:
        recommender: That finds and ranks the candidates.
        wish: For whom and how.
    """
    size = max(wish.settings.pool, wish.k)
    found = recommender.shortlist(wish.user, wish.wishes, size, at=wish.at, chosen=wish.chosen)
    pool = make_pool(recommender, wish.user, found)
    arranged = arrange(pool, wish.k, wish.settings)
    slots = explore(
        arranged.places,
        len(found),
        wish.settings.explore_slots if wish.random else 0,
        wish.random or Random(0),
    )
    instead = {one.by: one for one in arranged.displaced}
    listed = [
        Listed(
            found.items[slot.place], float(found.scores[slot.place]), slot.place + 1, found.sources[slot.place],
            slot.propensity, slot.is_explored, None if slot.is_explored else _instead(instead.get(slot.place), found),
        )
        for slot in slots
    ]  # fmt: skip
    if not wish.explain:
        return listed
    reasons = explain_items(recommender, wish.user, [found[slot.place] for slot in slots], found)
    return [replace(one, reasons=why) for one, why in zip(listed, reasons, strict=True)]


def make_pool(recommender: Recommender, user: User, found: Shortlist) -> Pool:
    """What ``arrange`` needs to know of candidates."""
    numbers, weights, _ = user.recent(HISTORY)
    history = [recommender.catalog.items[number].category for number in numbers]
    wanted = find_wanted(history, [weight if name else 0.0 for name, weight in zip(history, weights, strict=True)])
    return Pool(
        found.scores,
        found.texts,
        [item.category for item in found.items],
        [item.author for item in found.items],
        wanted,
    )


def _instead(one: Displaced | None, found: Shortlist) -> Instead | None:
    return None if one is None else Instead(found.items[one.place], one.reason, found.items[one.beside])

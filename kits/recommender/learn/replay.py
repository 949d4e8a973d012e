"""Walks through a log in the order of time: each list meets what was known before it, and nothing later.

One walk gives everything that is learned from or judged by: the features of each candidate, and the
history of its user at that moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.console import progress
from kits.recommender.event import Event, Impression
from kits.recommender.model.feature import FEATURES, HISTORY, Known, forget_user, state_features
from kits.recommender.model.rank import Lists
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.tally import Tally
from kits.recommender.state.user import User

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Replayed:
    """Lists with all that was known when they were shown.

    Attributes:
        lists: Features and weights of the candidates.
        items: Number of each candidate ``(rows,)``.
        histories: Of each list the numbers of the latest ``HISTORY`` items, the newest last.
        history_weights: Of these events.
        users: Of each list.
        names: Of each list its ``impression_id``.
        at: Epoch seconds of each list ``(lists,)``.
        propensities: Of each candidate ``(rows,)``; 0 where not logged.
        positions: Of each candidate ``(rows,)``; 0 where not logged.
    """

    lists: Lists
    items: NDArray[np.int64]
    histories: list[NDArray[np.int64]]
    history_weights: list[Floats]
    users: list[str]
    names: list[str]
    at: NDArray[np.float64]
    propensities: Floats
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Row at which each list begins, and the number of rows at the end ``(lists + 1,)``."""
        return np.concatenate([[0], np.cumsum(self.lists.sizes)])

    @property
    def clicks(self) -> NDArray[np.bool_]:
        """Which candidates were clicked ``(rows,)``."""
        return self.lists.weights >= 1.0

    def take(self, chosen: NDArray[np.bool_]) -> Replayed:
        """Some of the lists, in their order; ``chosen`` is ``(lists,)``."""
        rows = np.repeat(chosen, self.lists.sizes)
        kept = np.flatnonzero(chosen)
        return Replayed(
            Lists(self.lists.features[rows], self.lists.weights[rows], self.lists.sizes[chosen]),
            self.items[rows],
            [self.histories[i] for i in kept],
            [self.history_weights[i] for i in kept],
            [self.users[i] for i in kept],
            [self.names[i] for i in kept],
            self.at[chosen],
            self.propensities[rows],
            self.positions[rows],
        )


def as_newcomers(data: Replayed, catalog: Catalog) -> Replayed:
    """The same lists as if nothing were known of their users."""
    features = data.lists.features.copy()
    forget_user(features, catalog, data.items)
    return replace(
        data,
        lists=replace(data.lists, features=features),
        histories=[history[:0] for history in data.histories],
        history_weights=[weights[:0] for weights in data.history_weights],
    )


def merge_times(events: Sequence[Event], impressions: Sequence[Impression]) -> Iterator[Event | Impression]:
    """Both in the order of time; at one instant the lists first, for what is done then is done with them."""
    place = 0
    for shown in impressions:
        while place < len(events) and events[place].at < shown.at:
            yield events[place]
            place += 1
        yield shown
    yield from events[place:]


def replay(
    catalog: Catalog,
    tally: Tally,
    users: dict[str, User],
    events: Sequence[Event],
    impressions: Sequence[Impression],
    *,
    features_from: float = -np.inf,
) -> Replayed:
    """Move the state on through a log, and note what was known at each list.

    Args:
        catalog: The items.
        tally: Moved on in place.
        users: Likewise.
        events: In the order of time.
        impressions: Likewise. A list whose negatives are sampled is not counted as shown.
        features_from: Lists shown before (epoch seconds) have histories but no features, which are dear.
    """
    features, weights, sizes, numbers = [], [], [], []
    histories, history_weights, owners, names, times = [], [], [], [], []
    propensities, positions = [], []
    known = Known(catalog, tally)
    tally.grow(len(catalog))
    waiting: list[tuple[float, Impression]] = []  # shown at this very instant: other lists of it must not know

    def settle(until: float) -> None:
        while waiting and waiting[0][0] < until:
            _count_shown(catalog, tally, users, waiting.pop(0)[1])

    with progress("Replaying", len(events) + len(impressions)) as tick:
        for step in merge_times(events, impressions):
            at = step.at.timestamp()
            settle(np.nextafter(at, np.inf) if isinstance(step, Event) else at)
            user = users.setdefault(step.user_id, User())
            if isinstance(step, Event):
                number = catalog.number(step.item_id)
                tally.observe(user, number, step.weight, at, step.position)
                user.observe(number, step.weight, at)
            else:
                items = catalog.numbers(step.item_ids)
                if 0 < sum(step.clicks) < len(items):
                    latest, own, _ = user.recent(HISTORY)
                    late = at >= features_from
                    features.append(state_features(known, user, items, at) if late else blank(len(items)))
                    weights.append(np.array(step.weights, dtype=np.float32))
                    sizes.append(len(items))
                    numbers.append(items)
                    histories.append(latest)
                    history_weights.append(own)
                    owners.append(step.user_id)
                    names.append(step.impression_id)
                    times.append(at)
                    propensities.append(np.array(step.propensities or [0.0] * len(items), dtype=np.float32))
                    positions.append(np.array(step.positions or [0] * len(items), dtype=np.int64))
                if not step.is_sampled:
                    waiting.append((at, step))
            tick()
    settle(np.inf)
    none = np.zeros((0, len(FEATURES)), dtype=np.float32)
    return Replayed(
        Lists(
            np.concatenate([none, *features]),
            np.concatenate([none[:, 0], *weights]),
            np.array(sizes, dtype=np.int64),
        ),
        np.concatenate([np.zeros(0, np.int64), *numbers]),
        histories,
        history_weights,
        owners,
        names,
        np.array(times),
        np.concatenate([none[:, 0], *propensities]),
        np.concatenate([np.zeros(0, np.int64), *positions]),
    )


def blank(candidates: int) -> Floats:
    """Features that are not computed."""
    return np.full((candidates, len(FEATURES)), np.nan, dtype=np.float32)


def _count_shown(catalog: Catalog, tally: Tally, users: dict[str, User], shown: Impression) -> None:
    """Count a list as shown; its clicks come as events of their own."""
    user, at = users.setdefault(shown.user_id, User()), shown.at.timestamp()
    positions = shown.positions or (None,) * len(shown.item_ids)
    for item_id, position in zip(shown.item_ids, positions, strict=True):
        number = catalog.number(item_id)
        tally.observe(user, number, 0.0, at, position)
        user.observe(number, 0.0, at)

"""The model in memory, kept in step with the store: what is kept there is applied here, in its order.

    a request ─▶ store (one transaction) ─▶ follow ─▶ memory
    a start   ─▶ model folder ─▶ follow from 0 ─▶ memory

Memory is never changed by anything but ``follow``, and by lists that were written right behind what it
knows. So a killed process loses nothing that it has accepted, and several processes on one database
agree. A model that was trained on a part of the store knows those events already; ``_is_known`` tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from kits.recommender.event import Event, Item
from kits.recommender.live.turn import Turn
from kits.recommender.model.recommender import Neighbour, Recommender
from kits.recommender.model.tower import Floats
from kits.recommender.store.store import Changes, Erased, RecommenderStore, Shown, digest_user

Answer = TypeVar("Answer")
EVENTS_AT_ONCE = 100  # take half a millisecond, for which no list is made


class Living:
    """A recommender that several threads share.

    Args:
        store: What is kept.
        recommender: A model as it was trained.

    Attributes:
        store: What is kept.
        last: Number of the latest change that memory knows.
        changed_items: How many items came or changed since the model was loaded.
    """

    def __init__(self, store: RecommenderStore, recommender: Recommender) -> None:
        self.store, self.last, self.changed_items = store, 0, 0
        self._recommender = recommender
        self._trained_until = recommender.tally.clock
        self._memory, self._following = Turn(), threading.Lock()
        self.follow()

    @classmethod
    def open(cls, store: RecommenderStore, folder: Path) -> Living:
        """Load a model folder and apply everything in the store.

        Raises:
            ModelError: The folder is no model, or damaged.
        """
        return cls(store, Recommender.load(folder))

    @property
    def version(self) -> str:
        """Of the model."""
        return self._recommender.version

    def ask(self, question: Callable[[Recommender], Answer]) -> Answer:
        """Ask the recommender, beside others that ask; a question changes nothing and asks no other."""
        with self._memory.reading():
            return question(self._recommender)

    def rebuild(self) -> None:
        """Bring items that came in the meantime into FAISS; lists are made and events taken in meanwhile."""
        adopt = self._recommender.prepare_rebuild()
        with self._memory.writing():
            adopt()

    def has_item(self, item_id: str) -> bool:
        """Whether there is such an item, be it withdrawn."""
        return item_id in self._recommender.catalog

    def similar(self, item_id: str, k: int) -> list[Neighbour]:
        """The items nearest to an item.

        Raises:
            DataError: There is no such item.
        """
        return self.ask(lambda recommender: recommender.similar(item_id, k))

    def put_events(self, events: Sequence[Event], keys: Sequence[str | None], at: datetime) -> int:
        """Keep events; when it returns they are safe, and the next list knows them. How many were new."""
        kept = self.store.put_events(events, keys, at)
        self.follow()
        return kept

    def put_lists(self, lists: Sequence[Shown]) -> None:
        """Keep lists that were served; memory need not read back what it has just written."""
        with self._following:
            self._follow()
            kept = self.store.put_lists(lists)
            if kept and kept[0][0] == self.last + 1:  # else another process wrote in between: in its order, then
                self._observe(kept)
                self.last = kept[-1][0]

    def put_items(self, items: Sequence[Item]) -> None:
        """Keep items; when it returns they are safe, and the next list may hold them."""
        vectors = self._recommender.encode([item.text for item in items])
        self.store.put_items(items, vectors, self.version)
        self.follow()

    def withdraw(self, item_id: str) -> None:
        """Never recommend an item again.

        Raises:
            DataError: There is no such item.
        """

        def find(recommender: Recommender) -> tuple[Item, Floats]:
            return recommender.catalog.items[recommender.catalog.number(item_id)], recommender.vectors([item_id])

        item, vectors = self.ask(find)
        self.store.put_items([replace(item, is_available=False)], vectors, self.version)
        self.follow()

    def erase(self, user_id: str, at: datetime) -> tuple[Erased, bool]:
        """Forget a user; rows that went, and whether memory knew the user."""
        was_known = self.ask(lambda recommender: user_id in recommender.users)
        gone = self.store.erase(user_id, at)
        self.follow()
        return gone, was_known

    def follow(self) -> int:
        """Apply what the store has and memory has not yet; how many changes."""
        with self._following:
            return self._follow()

    def replace(self, recommender: Recommender) -> None:
        """Go over to another model: it learns all that the store has, then takes the place of the old one."""
        other = Living(self.store, recommender)
        with self._following, self._memory.writing():
            self._recommender, self._trained_until, self.last = recommender, other._trained_until, other.last
        self.follow()

    def check(self) -> list[str]:
        """What of the store memory does not know or knows otherwise: nothing, unless something is wrong."""
        self.follow()
        changes = self.store.changes(0, self.version)
        with self._memory.reading():
            return list(_faults(self._recommender, changes))

    def _follow(self) -> int:
        changes = self.store.changes(self.last, self.version)
        if changes.last == self.last:
            return 0
        vectors = self._read_texts(changes)
        if changes.items or changes.erased:
            with self._memory.writing():
                self._apply(changes, vectors)
        self._observe(changes.events)
        self.last = changes.last
        return len(changes.items) + len(changes.erased) + len(changes.events)

    def _read_texts(self, changes: Changes) -> Floats:
        """Vectors of the changed items ``(items, dimension)``; those of another model are made anew and kept."""
        rows = [vector for _, vector in changes.items]
        unknown = [place for place, vector in enumerate(rows) if vector is None]
        if unknown:
            made = self._recommender.encode([changes.items[place][0].text for place in unknown])
            self.store.put_vectors([changes.items[place][0].item_id for place in unknown], made, self.version)
            for place, vector in zip(unknown, made, strict=True):
                rows[place] = vector
        return np.array(rows, dtype=np.float32)

    def _apply(self, changes: Changes, vectors: Floats) -> None:
        recommender = self._recommender
        if changes.items:
            recommender.put_vectors([item for item, _ in changes.items], vectors)
            self.changed_items += len(changes.items)
        if changes.erased:
            gone = {digest for _, digest in changes.erased}
            for user_id in [user for user in recommender.users if digest_user(user) in gone]:
                recommender.forget(user_id)

    def _observe(self, events: Sequence[tuple[int, Event]]) -> None:
        for start in range(0, len(events), EVENTS_AT_ONCE):  # lists are made in between
            with self._memory.writing():
                for _, event in events[start : start + EVENTS_AT_ONCE]:
                    if event.item_id in self._recommender.catalog and not self._is_known(event):
                        self._recommender.observe(event)

    def _is_known(self, event: Event) -> bool:
        """Whether the model was trained on this event."""
        at = event.at.timestamp()
        if at > self._trained_until:
            return False
        user = self._recommender.users.get(event.user_id)
        if event.kind == "show" or user is None:
            return event.kind == "show"
        number = self._recommender.catalog.number(event.item_id)
        return any(item == number and abs(time - at) < 1.0 for item, time in zip(user.items, user.times, strict=True))


@contextmanager
def opened(store: RecommenderStore, folder: Path) -> Iterator[Living]:
    """A living recommender whose database is let go at the end."""
    try:
        yield Living.open(store, folder)
    finally:
        store.engine.dispose()


def _faults(recommender: Recommender, changes: Changes) -> Iterator[str]:
    for item, vector in changes.items:
        if item.item_id not in recommender.catalog:
            yield f"item {item.item_id}: in the store, not in memory"
            continue
        number = recommender.catalog.number(item.item_id)
        if recommender.catalog.items[number].is_available != item.is_available:
            yield f"item {item.item_id}: availability differs"
        if vector is not None and not np.allclose(recommender.texts[number], vector, atol=1e-3):
            yield f"item {item.item_id}: its vector is another"
    known: dict[str, set[tuple[int, int]]] = {}
    for _, event in changes.events:
        if event.kind == "show" or event.item_id not in recommender.catalog:
            continue
        user = recommender.users.get(event.user_id)
        if user is None:
            yield f"user {event.user_id}: in the store, not in memory"
            continue
        if event.user_id not in known:
            pairs = zip(user.items, user.times, strict=True)
            known[event.user_id] = {(item, round(time * 1000)) for item, time in pairs}
        key = (recommender.catalog.number(event.item_id), round(event.at.timestamp() * 1000))
        if key not in known[event.user_id] and len(known[event.user_id]) < 200:
            yield f"user {event.user_id}: the {event.kind} of {event.item_id} is not in memory"

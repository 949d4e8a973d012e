"""The items by number: what features, vectors and searches look up. Grows and changes while it is served."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from kits.recommender.event import Item

ALWAYS = -np.inf  # when an item without a date was published
LEAST_ROOM = 64


def enlarge(array: NDArray[Any], rows: int, fill: Any = 0) -> NDArray[Any]:
    """The array with room for at least ``rows``, doubled so that growing one by one stays cheap.

    >>> enlarge(np.ones(2), 3).shape
    (64,)
    """
    if rows <= len(array):
        return array
    grown = np.full((max(rows, 2 * len(array), LEAST_ROOM), *array.shape[1:]), fill, dtype=array.dtype)
    grown[: len(array)] = array
    return grown


class Catalog:
    """Items in the order in which they came; an item keeps its number for good.

    Attributes:
        items: By number.
        number_of: Item id to number.
        categories: Names of the categories, by their code.
        tags: Names of the tags, by their code.
        moves: How often an item changed its category or its date.
    """

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.items: list[Item] = []
        self.number_of: dict[str, int] = {}
        self.categories: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        self.tags_of: list[NDArray[np.int64]] = []
        self.moves = 0
        self._published = np.zeros(0, dtype=np.float64)
        self._category = np.zeros(0, dtype=np.int64)
        self._available = np.zeros(0, dtype=bool)
        for item in items:
            self.put(item)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.number_of

    @property
    def state(self) -> tuple[int, int]:
        """Differs whenever an order of the items made earlier no longer holds."""
        return len(self.items), self.moves

    @property
    def published(self) -> NDArray[np.float64]:
        """Epoch seconds of each item ``(items,)``; ``ALWAYS`` where there is no date."""
        return self._published[: len(self)]

    @property
    def category(self) -> NDArray[np.int64]:
        """Code of each item's category ``(items,)``."""
        return self._category[: len(self)]

    @property
    def available(self) -> NDArray[np.bool_]:
        """Which items may be recommended ``(items,)``."""
        return self._available[: len(self)]

    def put(self, item: Item) -> int:
        """Add an item, or replace the one with its id; its number."""
        number = self.number_of.setdefault(item.item_id, len(self.items))
        is_new = number == len(self.items)
        if is_new:
            self.items.append(item)
            self.tags_of.append(np.zeros(0, dtype=np.int64))
            self._published = enlarge(self._published, len(self.items))
            self._category = enlarge(self._category, len(self.items))
            self._available = enlarge(self._available, len(self.items))
        self.items[number] = item
        self.tags_of[number] = np.array(
            [self.tags.setdefault(tag, len(self.tags)) for tag in dict.fromkeys(item.tags)], dtype=np.int64
        )
        published = ALWAYS if item.published_at is None else item.published_at.timestamp()
        category = self.categories.setdefault(item.category, len(self.categories))
        if not is_new and (self._published[number], self._category[number]) != (published, category):
            self.moves += 1
        self._published[number], self._category[number] = published, category
        self._available[number] = item.is_available
        return number

    def withdraw(self, item_id: str) -> None:
        """Never recommend an item again; histories may still hold it.

        Raises:
            DataError: There is no such item.
        """
        self._available[self.number(item_id)] = False

    def number(self, item_id: str) -> int:
        """The number of an item.

        Raises:
            DataError: There is no such item.
        """
        if item_id not in self.number_of:
            raise DataError("no such item", where="item_id", got=item_id, fix="put the item first")
        return self.number_of[item_id]

    def numbers(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """The numbers of items ``(items,)``.

        Raises:
            DataError: There is no such item.
        """
        return np.array([self.number(item_id) for item_id in item_ids], dtype=np.int64)

"""Ranked candidates: hundreds of them for each list, few of which are ever looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from kits.recommender.event import Item
from kits.recommender.model.feature import COLUMN, FEATURES


class Told(Mapping[str, float]):
    """A row of features by their names.

    Args:
        row: ``(features,)``; columns as in ``feature.FEATURES``.
    """

    __slots__ = ("_row",)

    def __init__(self, row: NDArray[np.float32]) -> None:
        self._row = row

    def __getitem__(self, name: str) -> float:
        return float(self._row[COLUMN[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(FEATURES)

    def __len__(self) -> int:
        return len(FEATURES)

    def __repr__(self) -> str:
        return f"Told({dict(self)})"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An item on a list.

    Attributes:
        item: What.
        score: What the list is ordered by; comparable within one list only.
        sources: What brought it: ``interest popular recent category together``, or ``given``.
        features: What the ranker was told of it, by the names in ``feature.FEATURES``.
    """

    item: Item
    score: float
    sources: tuple[str, ...] = ()
    features: Mapping[str, float] = field(default_factory=dict)

    @property
    def item_id(self) -> str:
        """Key of the item."""
        return self.item.item_id


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist(Sequence[Recommendation]):
    """Candidates, the best first; each place becomes a ``Recommendation`` when it is looked at.

    Attributes:
        items: What ``(candidates,)``.
        scores: What they are ordered by, falling ``(candidates,)``.
        sources: What brought each ``(candidates,)``.
        features: What the ranker was told ``(candidates, features)``; columns as in ``feature.FEATURES``.
        texts: Text vectors of length one ``(candidates, dimension)``.
    """

    items: Sequence[Item]
    scores: NDArray[np.float64]
    sources: Sequence[tuple[str, ...]]
    features: NDArray[np.float32]
    texts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> Recommendation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Recommendation]: ...
    def __getitem__(self, place: int | slice) -> Recommendation | list[Recommendation]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return Recommendation(
            self.items[place], float(self.scores[place]), self.sources[place], Told(self.features[place])
        )

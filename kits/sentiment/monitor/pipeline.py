"""The core of the monitor, without a database: items and readings in; rows, counts and signals out.

Live, replayed and in a backtest the same core runs. What it gives is a function of the sequence of
(clock, item) alone: not of how the sequence is cut into batches, nor of restarts in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from kits.sentiment.config import SentimentConfig
from kits.sentiment.item import Item
from kits.sentiment.reading import ErrorRates, Reading
from kits.sentiment.step import BEGINNING, Placed, Step
from kits.sentiment.story.book import Member, StoryBook
from kits.sentiment.story.card import StoryCard
from kits.sentiment.surge.detector import SurgeDetector
from kits.sentiment.surge.signal import KnownAlert, Observation, Signal, WindowCount

Vectors = NDArray[np.float32]


class Pipeline:
    """Stories, counts and surges of one model's readings.

    Args:
        settings: Of stories, surges and alerts.
        errors: Of the model.

    Attributes:
        detector: What knows the counts and what is usual.
        clock: The monitor's time: it never goes back.
        number: Of the item that came last.
    """

    def __init__(self, settings: SentimentConfig, errors: ErrorRates) -> None:
        self.detector = SurgeDetector(settings.surge, settings.alert, settings.story, errors)
        self.clock = BEGINNING
        self.number = 0
        self._keep = timedelta(hours=settings.story.hours)
        self._book = StoryBook(settings.story)
        self._cards: dict[str, StoryCard] = {}
        self._forgot_at = BEGINNING
        self._placed: list[Placed] = []
        self._changed: dict[str, StoryCard] = {}
        self._late_items = 0

    def take_in(self, items: Sequence[Item], readings: Sequence[Reading], vectors: Vectors | None) -> Iterator[Step]:
        """Take items in, in their order; the clock goes on to the arrival of each.

        Args:
            items: Not taken in before. One that arrived before the clock counts as arriving now.
            readings: Of each.
            vectors: ``(items, dimensions)`` of length one; None if the model has none.

        Yields:
            Steps, to be stored one after the other: when a step has signals it holds exactly what
            had been taken in when they arose. Nothing else may be called before the last.
        """
        kept = None if vectors is None else vectors.astype("<f2")  # as it is stored: a restart changes nothing
        arrived = self._arrive(items)
        for start, stop in self._runs(arrived):
            run = arrived[start:stop]
            self._forget(run[0].ingested_at)
            stories = self._assign(run, None if kept is None else kept[start:stop])
            for position, (item, story) in enumerate(zip(run, stories, strict=True), start=start):
                if item.ingested_at > self.clock:
                    self.clock = item.ingested_at
                    yield from self._signalled(self.detector.advance(self.clock))
                self.number += 1
                vector = None if kept is None else kept[position]
                yield from self._signalled(self._place(Placed(self.number, item, story, readings[position], vector)))
        yield self._flush()

    def advance(self, clock: datetime) -> Step:
        """Let time pass without an item: what is due until ``clock`` happens."""
        self.clock = max(self.clock, clock)
        self._forget(self.clock)
        return self._flush(self.detector.advance(self.clock))

    def restore(
        self,
        clock: datetime,
        number: int,
        placed: Iterable[Placed],
        windows: Iterable[WindowCount],
        alerts: Iterable[KnownAlert],
        since: datetime | None = None,
    ) -> None:
        """Go on where another one stopped.

        Args:
            clock: Up to which everything due has happened.
            number: Of the item that came last.
            placed: In order, all items of the stories with an item since ``memory_start``.
            windows: The counts of the detector's history.
            alerts: Those that a surge may still belong to.
            since: Start of the very first window; None: that of the first of ``windows``.
        """
        self.clock, self.number, self._forgot_at = clock, number, _full_hour(clock)
        members: list[Member] = []
        seen: list[Observation] = []
        for one in placed:
            self._join(one)
            seen.append(observation_of(one.item, one.story, one.reading))
            item = one.item
            if item.event_at >= self._horizon():
                members.append(Member(item, one.story, None if one.vector is None else one.vector.astype(np.float32)))
        self._drop_cards()
        self._book.restore(members)
        self.detector.restore(clock, windows, seen, alerts, since)
        self._changed, self._late_items = {}, self.detector.too_late

    def memory_start(self, clock: datetime) -> datetime:
        """Stories whose items are all older are of no importance any more to what comes after that clock."""
        return min(_full_hour(clock) - self._keep, clock - self.detector.memory)

    def _horizon(self) -> datetime:
        """What happened earlier joins no story any more."""
        return self._forgot_at - self._keep

    def _arrive(self, items: Sequence[Item]) -> list[Item]:
        """The items with the clock as their time of arrival, which never goes back."""
        clock, arrived = self.clock, []
        for item in items:
            clock = max(clock, item.ingested_at)
            arrived.append(item if item.ingested_at == clock else replace(item, ingested_at=clock))
        return arrived

    def _runs(self, items: Sequence[Item]) -> Iterator[tuple[int, int]]:
        """Stretches of items between which nothing is forgotten: those that arrive within one hour."""
        start = 0
        for _, hour in groupby(items, key=lambda item: _full_hour(item.ingested_at)):
            stop = start + sum(1 for _ in hour)
            yield start, stop
            start = stop

    def _assign(self, items: Sequence[Item], vectors: NDArray[np.float16] | None) -> list[str]:
        """The story of each item; what is older than the horizon stays alone, whenever it comes."""
        horizon = self._horizon()
        young = [position for position, item in enumerate(items) if item.event_at >= horizon]
        near = None if vectors is None else vectors[young].astype(np.float32)
        stories = [item.key for item in items]
        for position, assignment in zip(young, self._book.assign([items[i] for i in young], near), strict=True):
            stories[position] = assignment.story
        return stories

    def _forget(self, clock: datetime) -> None:
        """Drop what no item can join any more, at each full hour of the clock."""
        hour = _full_hour(clock)
        if hour > self._forgot_at:
            self._forgot_at = hour
            self._book.forget(hour)
            self._drop_cards()

    def _drop_cards(self) -> None:
        horizon = self._horizon()
        self._cards = {key: card for key, card in self._cards.items() if card.last_at >= horizon}

    def _place(self, placed: Placed) -> list[Signal]:
        self._placed.append(placed)
        self._join(placed)
        return self.detector.observe(observation_of(placed.item, placed.story, placed.reading))

    def _join(self, placed: Placed) -> None:
        card = self._cards.get(placed.story)
        if card is None:
            card = self._cards[placed.story] = StoryCard(placed.story, placed.item)
        else:
            card.add(placed.item)
        self._changed[placed.story] = card

    def _signalled(self, signals: Sequence[Signal]) -> Iterator[Step]:
        if signals:
            yield self._flush(signals)

    def _flush(self, signals: Sequence[Signal] = ()) -> Step:
        late_items, self._late_items = self.detector.too_late - self._late_items, self.detector.too_late
        rows = tuple(card.row() for card in self._changed.values())
        placed, self._placed, self._changed = tuple(self._placed), [], {}
        return Step(self.clock, placed, rows, tuple(self.detector.take_changed()), tuple(signals), late_items)


def observation_of(item: Item, story: str, reading: Reading) -> Observation:
    """An item as the detector sees it."""
    return Observation(item.ingested_at, item.event_at, item.key, story, tuple(reading.sentiments().items()))


def _full_hour(clock: datetime) -> datetime:
    return clock.replace(minute=0, second=0, microsecond=0)

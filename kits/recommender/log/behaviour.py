"""A log of behaviour as a whole: items, what users did, and the lists they were shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.data.row import Rejected
from kits.recommender.event import Event, Impression, Item


@dataclass(frozen=True, slots=True)
class Log:
    """Everything that was read.

    Attributes:
        items: By their id.
        events: What users did, in the order of time; without ``show``.
        impressions: Lists that were shown, in the order of time; empty where none were logged.
        rejected: Rows that cannot be used.
        partial: Rows that are used in part, and what of them is left out.
        sources: As given, without passwords.
    """

    items: dict[str, Item]
    events: list[Event]
    impressions: list[Impression]
    rejected: list[Rejected] = field(default_factory=list)
    partial: list[Rejected] = field(default_factory=list)
    sources: tuple[str, ...] = ()

    @property
    def has_lists(self) -> bool:
        """Whether it says what was shown and not clicked."""
        return any(0 < sum(shown.clicks) < len(shown.item_ids) for shown in self.impressions)

    def before(self, instant: datetime) -> Log:
        """What happened before an instant; the items stay."""
        return self.between(None, instant)

    def between(self, start: datetime | None, end: datetime | None) -> Log:
        """What happened from ``start`` on and before ``end``; the items stay."""

        def is_inside(at: datetime) -> bool:
            return (start is None or at >= start) and (end is None or at < end)

        events = [event for event in self.events if is_inside(event.at)]
        impressions = [shown for shown in self.impressions if is_inside(shown.at)]
        return Log(self.items, events, impressions, self.rejected, self.partial, self.sources)


def make_log(
    items: dict[str, Item],
    rows: Iterable[Event],
    rejected: Sequence[Rejected] = (),
    sources: tuple[str, ...] = (),
) -> Log:
    """Put rows in order, and make lists of those that say what was shown."""
    ordered = sorted(rows, key=lambda event: event.at)
    lists: dict[tuple[str, str], list[Event]] = {}
    for event in ordered:
        if event.impression_id is not None:
            lists.setdefault((event.user_id, event.impression_id), []).append(event)
        elif event.kind == "show":
            lists.setdefault((event.user_id, f"at {event.at.isoformat()}"), []).append(event)
    impressions = [_make_impression(key, shown) for key, shown in lists.items()]
    impressions.sort(key=lambda shown: shown.at)
    events = [event for event in ordered if event.kind != "show"]
    return Log(items, events, impressions, list(rejected), [], sources)


def _make_impression(key: tuple[str, str], rows: list[Event]) -> Impression:
    shown: dict[str, list[Event]] = {}
    for row in rows:
        shown.setdefault(row.item_id, []).append(row)
    item_ids = sorted(shown, key=lambda item: min(row.position or 0 for row in shown[item]))
    positions = [next((row.position for row in shown[i] if row.position), 0) for i in item_ids]
    propensities = [next((row.propensity for row in shown[i] if row.propensity), 0.0) for i in item_ids]
    return Impression(
        user_id=key[0],
        at=rows[0].at,
        item_ids=tuple(item_ids),
        weights=tuple(_weight(shown[i]) for i in item_ids),
        positions=tuple(positions) if all(positions) else (),
        propensities=tuple(propensities) if any(propensities) else (),
        impression_id=key[1],
    )


def _weight(rows: list[Event]) -> float:
    """Of what was done with an item of a list: what is wanted most, unless it was disliked alone."""
    weights = [row.weight for row in rows]
    return max(weights) if max(weights) > 0 else min(weights)

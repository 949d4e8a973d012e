"""What may be wrong with a log before anything is learned from it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from core.data.issue import LIMIT_CASES, Case, Issue, Severity
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Event
from kits.recommender.log.behaviour import Log

LONG_LIST = timedelta(hours=24)


def audit_log(log: Log, config: RecommenderConfig, now: datetime | None = None) -> list[Issue]:
    """Everything that is found, the worst first.

    Args:
        log: What was read.
        config: Its settings.
        now: What is later lies in the future; the present if not given.
    """
    instant = now or datetime.now(UTC)
    found = [issue for look in LOOKS for issue in look(log, instant)]
    order = ("error", "warning", "note")
    return sorted(found, key=lambda issue: order.index(issue.severity))


def write_audit(log: Log, issues: Iterable[Issue], folder: Path) -> Path:
    """Write ``audit.json``: the findings, and every row that cannot be used."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "audit.json"
    document = {
        "sources": log.sources,
        "items": len(log.items),
        "events": dict(Counter(event.kind for event in log.events)),
        "impressions": len(log.impressions),
        "findings": [asdict(issue) for issue in issues],
        "rejected": [asdict(row) for row in log.rejected],
        "partial": [asdict(row) for row in log.partial],
    }
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    return file


def _issue(kind: str, severity: Severity, title: str, cases: list[Case], explanation: str, fix: str) -> Iterator[Issue]:
    """The issue, if there are cases."""
    if cases:
        yield Issue(kind, severity, title, len(cases), explanation, fix, tuple(cases[:LIMIT_CASES]))


def _early_events(log: Log, now: datetime) -> Iterator[Issue]:
    cases = []
    for event in log.events:
        published = log.items[event.item_id].published_at
        if published is not None and event.at < published:
            days = (published - event.at).days
            cases.append(_case(event, f"{event.kind} of {event.item_id} {days} days before it was published"))
    yield from _issue(
        "event_before_publication", "warning", "Events before the item was published", cases,
        "An item's age is then negative, and the ranker learns from times that are wrong.",
        "Look at published_at and at time zones.",
    )  # fmt: skip


def _future_events(log: Log, now: datetime) -> Iterator[Issue]:
    cases = [_case(event, event.at.isoformat()) for event in log.events if event.at > now]
    yield from _issue(
        "future_event", "error", "Events in the future", cases,
        "The latest part of the log is what models are judged on; rows of wrong times would stand there.",
        "Correct their times, or leave them out.",
    )  # fmt: skip


def _empty_texts(log: Log, now: datetime) -> Iterator[Issue]:
    cases = [Case((item.place,), item.item_id) for item in log.items.values() if not item.text]
    yield from _issue(
        "item_without_text", "warning", "Items without any text", cases,
        "The language model can place them nowhere; they are recommended by their clicks alone.",
        "Give them at least a title or tags.",
    )  # fmt: skip


def _users_without_history(log: Log, now: datetime) -> Iterator[Issue]:
    clicks = Counter(event.user_id for event in log.events if event.is_click)
    users = dict.fromkeys([event.user_id for event in log.events] + [shown.user_id for shown in log.impressions])
    cases = [Case((), user) for user in users if clicks[user] == 0]
    yield from _issue(
        "user_without_clicks", "note", "Users who never clicked", cases,
        "Nothing is known of their taste; they get what suits most.", "Nothing need be done.",
    )  # fmt: skip


def _duplicates(log: Log, now: datetime) -> Iterator[Issue]:
    seen: dict[tuple[object, ...], Event] = {}
    cases = []
    for event in log.events:
        key = (event.user_id, event.item_id, event.kind, event.at)
        if key in seen:
            cases.append(Case((seen[key].place, event.place), f"{event.kind} of {event.item_id}"))
        seen.setdefault(key, event)
    yield from _issue(
        "duplicate_event", "warning", "Events that are there twice", cases,
        "They count twice in popularity and in what is clicked together.", "Leave one of each.",
    )  # fmt: skip


def _order(log: Log, now: datetime) -> Iterator[Issue]:
    """Files that are not in the order of time: a log usually is, so times may have been damaged."""
    numbered = [(event, event.place.rpartition(":")) for event in log.events]
    lines = [(path, int(line), event) for event, (path, _, line) in numbered if line.isdigit()]
    lines.sort(key=lambda line: line[:2])
    cases = [
        _case(later, f"{later.at.isoformat()} after {earlier.at.isoformat()}")
        for (path, _, earlier), (other, _, later) in pairwise(lines)
        if path == other and later.at < earlier.at
    ]
    yield from _issue(
        "time_order", "note", "Rows that go back in time", cases,
        "Events are sorted on reading; where a log is written as it happens, this may be a fault of its clock.",
        "Nothing need be done where the log is sorted otherwise.",
    )  # fmt: skip


def _leaking_lists(log: Log, now: datetime) -> Iterator[Issue]:
    """Lists whose id is used twice, so that rows of different times would be one list."""
    owners: dict[str, set[str]] = {}
    for shown in log.impressions:
        owners.setdefault(shown.impression_id, set()).add(shown.user_id)
    shared = [Case((), name) for name, users in owners.items() if len(users) > 1]
    ends: dict[tuple[str, str], Event] = {}
    for event in log.events:
        if event.impression_id is not None:
            ends[event.user_id, event.impression_id] = event
    spread = []
    for shown in log.impressions:
        last = ends.get((shown.user_id, shown.impression_id))
        if last is not None and last.at - shown.at > LONG_LIST:
            spread.append(_case(last, f"list {shown.impression_id}, shown {shown.at.isoformat()}"))
    yield from _issue(
        "shared_impression", "warning", "Lists with several users", shared,
        "An id that names several lists mixes what was shown to whom.", "Give each list an id of its own.",
    )  # fmt: skip
    yield from _issue(
        "long_impression", "warning", "Lists whose events lie more than a day apart", spread,
        "One list may then stand on both sides of a split by time, and tell the one of the other.",
        "Give each list an id of its own.",
    )  # fmt: skip


def _negatives(log: Log, now: datetime) -> Iterator[Issue]:
    if not log.has_lists:
        yield Issue(
            "no_impressions", "note", "No lists were logged", 0,
            "What was shown and not clicked is not known; negatives will be sampled, and the report says so.",
            "Log what is shown: rows with the event show and an impression_id.",
        )  # fmt: skip


def _case(event: Event, detail: str) -> Case:
    return Case((event.place,) if event.place else (), detail)


LOOKS: tuple[Callable[[Log, datetime], Iterator[Issue]], ...] = (
    _future_events,
    _early_events,
    _empty_texts,
    _duplicates,
    _leaking_lists,
    _users_without_history,
    _order,
    _negatives,
)

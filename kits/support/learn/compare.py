"""The live model and the candidate on the same texts and conversations: what changed, and whether that is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kits.support.reading import OUT_OF_SCOPE, Understanding

LEAST_ROWS = 5  # of an intent, for its share to say anything
MOST_LOSS = 0.10  # of an intent's rows


@dataclass(frozen=True, slots=True)
class Change:
    """A text of the fixed test that the two models read differently.

    Attributes:
        text: What was read.
        truth: Its intent.
        live: What the live model reads.
        candidate: What the candidate reads.
    """

    text: str
    truth: str
    live: str
    candidate: str

    @property
    def kind(self) -> str:
        """``better``, ``worse`` or ``other``: wrong both times."""
        return "better" if self.candidate == self.truth else "worse" if self.live == self.truth else "other"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the candidate is worth beside the live model.

    Attributes:
        rows: Of the fixed test.
        live: Its share of rows that the live model reads rightly.
        candidate: The candidate's.
        changes: Every prediction that changed.
        lost_intents: Intents whose share fell by more than ``MOST_LOSS``.
        lost_stories: Conversations that passed with the live model and fail with the candidate.
        won_stories: The other way round.
    """

    rows: int
    live: float
    candidate: float
    changes: tuple[Change, ...]
    lost_intents: tuple[str, ...]
    lost_stories: tuple[str, ...]
    won_stories: tuple[str, ...]

    @property
    def objections(self) -> list[str]:
        """What got worse; the candidate is promoted only if nothing did."""
        found = []
        if self.candidate < self.live:
            found.append(f"right on the fixed test: {self.candidate:.4f}, live {self.live:.4f}")
        found += [f"the intent {intent} is found less often" for intent in self.lost_intents]
        found += [f"the conversation {story} goes wrong" for story in self.lost_stories]
        return found


def name_reading(read: Understanding) -> str:
    """What a text is read as, in the words of the data: out of scope where that is likelier than any intent."""
    if read.out_of_scope > read.intents[0][1]:
        return OUT_OF_SCOPE
    return ";".join(sorted(read.asked))


def compare(
    rows: Sequence[tuple[str, str]],
    live: Sequence[str],
    candidate: Sequence[str],
    passed: Mapping[str, tuple[bool, bool]],
) -> Comparison:
    """Compare two models.

    Args:
        rows: Texts of the fixed test with their intents.
        live: What the live model reads in each.
        candidate: What the candidate does.
        passed: Conversations by name, whether each passed with the live model and with the candidate.

    >>> compare([("a", "x"), ("b", "y")], ["x", "x"], ["x", "y"], {}).changes[0].kind
    'better'
    """
    changes = tuple(
        Change(text, truth, old, new)
        for (text, truth), old, new in zip(rows, live, candidate, strict=True)
        if old != new
    )
    counts = Counter(truth for _, truth in rows)
    balance: Counter[str] = Counter()
    for change in changes:
        balance[change.truth] += {"better": 1, "worse": -1, "other": 0}[change.kind]
    lost = [
        intent for intent, count in counts.items() if count >= LEAST_ROWS and balance[intent] < -MOST_LOSS * count
    ]
    right = [sum(got == truth for got, (_, truth) in zip(reads, rows, strict=True)) for reads in (live, candidate)]
    total = max(1, len(rows))
    return Comparison(
        len(rows),
        right[0] / total,
        right[1] / total,
        changes,
        tuple(sorted(lost)),
        tuple(sorted(name for name, (old, new) in passed.items() if old and not new)),
        tuple(sorted(name for name, (old, new) in passed.items() if new and not old)),
    )

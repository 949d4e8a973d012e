"""On which side of a split a row stands: by its time, or by the share that is still missing.

A *bundle* is the rows that must not be parted: those with one text, or of one group. ``sides``
is ``(rows,)`` int64, filled in place by the functions here one after the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.data.example import Example, label_names

TRAIN, VALIDATION, TEST, UNDECIDED = 0, 1, 2, -1
NAMES = ("train", "validation", "test")
LARGE_SHARE = 0.01
LABEL_TEXTS = 3

Sides = NDArray[np.int64]
Fractions = tuple[float, float, float]


def text_key(example: Example) -> str:
    """What makes two texts the same one: everything but case and white space.

    >>> text_key(Example("Buy  NOW")) == text_key(Example("buy now "))
    True
    """
    return " ".join(example.text.casefold().split())


def bundle_rows(examples: Sequence[Example], timed: Collection[str]) -> list[list[int]]:
    """Rows that must stay together, also by way of others: of one text, or of one group.

    Args:
        examples: All of them.
        timed: Sources that are split by time; there a group may be cut.
    """
    parents = list(range(len(examples)))

    def find(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    first: dict[tuple[str, str], int] = {}
    for row, example in enumerate(examples):
        keys = [("text", text_key(example))]
        if example.group is not None and example.source not in timed:
            keys.append(("group", example.group))
        for key in keys:
            parents[find(row)] = find(first.setdefault(key, row))
    bundles: dict[int, list[int]] = defaultdict(list)
    for row in range(len(examples)):
        bundles[find(row)].append(row)
    return list(bundles.values())


def assign_by_time(examples: Sequence[Example], rows: list[int], fractions: Fractions, sides: Sides) -> None:
    """Cut the instants of some rows where the parts come nearest to their fractions.

    Every part gets at least one instant; the caller has made sure that there are enough.
    """
    instants = {row: _instant(examples[row]) for row in rows}
    counts = sorted(Counter(instants.values()).items())
    rows_until = np.cumsum([count for _, count in counts])
    parts = [side for side in (TRAIN, VALIDATION, TEST) if fractions[side] > 0]
    cuts: list[int] = []  # how many instants stand before each boundary
    for done, side in enumerate(parts[:-1], start=1):
        wanted = sum(fractions[: side + 1]) * len(rows)
        lowest, highest = (cuts[-1] if cuts else 0) + 1, len(counts) - (len(parts) - done)
        cuts.append(min(range(lowest, highest + 1), key=lambda cut: abs(rows_until[cut - 1] - wanted)))
    part_of = np.searchsorted(cuts, np.arange(len(counts)), side="right")
    side_of = {instant: parts[part] for (instant, _), part in zip(counts, part_of, strict=True)}
    for row in rows:
        sides[row] = side_of[instants[row]]


def keep_latest(bundles: Sequence[list[int]], sides: Sides) -> None:
    """Let what must stay together follow its latest row, so that training sees no future."""
    for bundle in bundles:
        sides[bundle] = sides[bundle].max()


def assign_by_share(
    examples: Sequence[Example],
    rows: list[int],
    bundles: Sequence[list[int]],
    fractions: Fractions,
    sides: Sides,
    random: np.random.Generator,
) -> None:
    """Give each undecided bundle of a source to the side where most is missing so far.

    Bundles of the same rarest label come one after the other, so each label is shared out as the
    whole is. Large bundles come first, while there is still room to make up for them.
    """
    inside = set(rows)
    undecided = [bundle for bundle in bundles if sides[bundle[0]] == UNDECIDED and not inside.isdisjoint(bundle)]
    counts = Counter(key for row in rows for key in _label_keys(examples[row]))
    large = max(1.0, LARGE_SHARE * len(rows))

    def rank(bundle: list[int]) -> tuple[int, int, tuple[str, str]]:
        rarest = min(((counts[key], key) for row in bundle for key in _label_keys(examples[row])), default=None)
        return (-len(bundle) if len(bundle) > large else 0, *(rarest or (len(examples), ("", ""))))

    wanted = np.asarray(fractions)
    given = np.array([np.sum(sides[rows] == side) for side in (TRAIN, VALIDATION, TEST)], dtype=np.float64)
    shuffled = [undecided[position] for position in random.permutation(len(undecided))]
    for bundle in sorted(shuffled, key=rank):
        missing = wanted * (given.sum() + len(bundle)) - given
        side = int(np.argmax(np.where(wanted > 0, missing, -np.inf)))
        sides[bundle] = side
        given[side] += len(bundle)


def bring_labels_to_train(examples: Sequence[Example], bundles: Sequence[list[int]], sides: Sides) -> None:
    """Move single bundles so that each label with several texts is also trained on.

    Args:
        examples: All of them.
        bundles: Those that may be moved.
        sides: As decided so far; no part is emptied.
    """
    texts: dict[tuple[str, str], set[str]] = defaultdict(set)
    trained = set()
    for row, example in enumerate(examples):
        for key in _label_keys(example):
            texts[key].add(text_key(example))
            if sides[row] == TRAIN:
                trained.add(key)
    for bundle in sorted(bundles, key=lambda bundle: (len(bundle), sides[bundle[0]])):
        keys = {key for row in bundle for key in _label_keys(examples[row])}
        absent = [key for key in keys - trained if len(texts[key]) >= LABEL_TEXTS]
        if absent and np.sum(sides == sides[bundle[0]]) > len(bundle):
            sides[bundle] = TRAIN
            trained |= keys


def _label_keys(example: Example) -> Iterator[tuple[str, str]]:
    """The labels of a row, each with its task."""
    return ((task, name) for task in example.labels for name in label_names(example, task) or ())


def _instant(example: Example) -> datetime:
    if example.time is None:
        raise ValueError(f"{example.place}: the example has no time")
    return example.time if example.time.tzinfo else example.time.replace(tzinfo=UTC)

"""Examples on three sides: to train, to choose (validation), to judge (test).

Two promises hold whatever the method: examples with the same text stand on one side, and the
same seed gives the same sides. Each source is split in its own way, and the sides are joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.data.example import Example
from core.data.side import (
    NAMES,
    TEST,
    TRAIN,
    UNDECIDED,
    VALIDATION,
    Fractions,
    Sides,
    assign_by_share,
    assign_by_time,
    bring_labels_to_train,
    bundle_rows,
    keep_latest,
    text_key,
)
from core.errors import ConfigError, DataError

Method = Literal["auto", "stratified", "group", "time"]


@dataclass(frozen=True)
class Split:
    """Which example stands where.

    Attributes:
        train: ``(rows,)`` int64 positions in the examples, ascending.
        validation: Likewise.
        test: Likewise.
        method: ``time``, ``group`` or ``stratified``; with several methods, one per source.
        reason: Why, in a sentence per source.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    method: str
    reason: str


def split_examples(
    examples: Sequence[Example],
    *,
    method: Method = "auto",
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int,
) -> Split:
    """Decide for each example whether it trains, validates or tests.

    - ``time``: the latest instants test, the latest of the rest validate, and no instant is cut
      through. An example whose text comes again later stands where the last one of them does:
      nothing that is trained on is later than what is validated on.
    - ``group``: examples of one group stand on one side.
    - ``stratified``: each label has its share on each side; a row counts for its rarest label.
      Groups, where some rows have one, are kept whole too.
    - ``auto``: ``time`` when every example of a source has a time and the times differ,
      ``group`` when every one has a group, otherwise ``stratified``.

    Args:
        examples: All of them.
        method: How.
        validation_fraction: Share of all examples; may be 0.
        test_fraction: Likewise.
        seed: What chance depends on; the time method has none.

    Raises:
        ConfigError: The fractions leave nothing to train on.
        DataError: There are too few different texts, or times or groups are missing.
    """
    fractions = (1.0 - validation_fraction - test_fraction, validation_fraction, test_fraction)
    if min(fractions) < 0 or fractions[TRAIN] <= 0:
        raise ConfigError("the fractions leave nothing to train on", got=fractions[1:], expected="a sum below 1")
    sources: dict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        sources[example.source].append(row)
    parts = sum(fraction > 0 for fraction in fractions)
    chosen = {name: _choose(examples, rows, method, parts, name) for name, rows in sources.items()}
    sides = _decide(examples, sources, {name: how for name, (how, _) in chosen.items()}, fractions, seed)
    positions = [np.flatnonzero(sides == side) for side in (TRAIN, VALIDATION, TEST)]
    for name, fraction, found in zip(NAMES, fractions, positions, strict=True):
        if fraction > 0 and not len(found):
            distinct = len({text_key(example) for example in examples})
            raise DataError(
                f"too few examples to split: the {name} part would be empty",
                got=f"{len(examples)} rows, {distinct} different texts",
                fix=f"bring more texts (or groups), or leave the {name} part out",
            )
    train, validation, test = positions
    return Split(train, validation, test, *_summarise(chosen))


def _decide(
    examples: Sequence[Example],
    sources: Mapping[str, list[int]],
    methods: Mapping[str, str],
    fractions: Fractions,
    seed: int,
) -> Sides:
    """A side for each row. Time decides first: what must stay together with it follows."""
    timed = [name for name in sources if methods[name] == "time"]
    bundles = bundle_rows(examples, timed)
    sides = np.full(len(examples), UNDECIDED, dtype=np.int64)
    for name in timed:
        assign_by_time(examples, sources[name], fractions, sides)
    keep_latest(bundles, sides)
    free = [bundle for bundle in bundles if sides[bundle[0]] == UNDECIDED]
    for position, (name, rows) in enumerate(sources.items()):
        if name not in timed:
            random = np.random.default_rng([seed, position])
            assign_by_share(examples, rows, free, fractions, sides, random)
    bring_labels_to_train(examples, free, sides)
    return sides


def _choose(examples: Sequence[Example], rows: list[int], method: Method, parts: int, source: str) -> tuple[str, str]:
    """The method for one source and the reason for it."""
    times = {examples[row].time for row in rows}
    without_group = sum(examples[row].group is None for row in rows)
    if method == "time" and (None in times or len(times) < parts):
        what = "a row has no time" if None in times else f"only {len(times)} different times"
        raise DataError(f"cannot be split by time: {what}", where=source, expected=f"at least {parts} times")
    if method == "group" and without_group:
        raise DataError(f"cannot be split by group: {without_group} rows have no group", where=source)
    if method != "auto":
        return method, "as asked"
    if None not in times and len(times) >= max(parts, 2):
        return "time", f"every row has a time, {len(times)} of them differ"
    if not without_group:
        return "group", "every row has a group"
    return "stratified", "not every row has a time or a group, or the times do not differ"


def _summarise(chosen: dict[str, tuple[str, str]]) -> tuple[str, str]:
    methods = {method for method, _ in chosen.values()}
    reasons = [f"{name or 'the data'}: {method}, {reason}" for name, (method, reason) in chosen.items()]
    if len(methods) == 1:
        return methods.pop(), "; ".join(reasons)
    return "; ".join(f"{name or 'the data'}: {method}" for name, (method, _) in chosen.items()), "; ".join(reasons)

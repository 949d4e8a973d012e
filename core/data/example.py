"""What training and evaluation see: labelled texts, and the tasks their labels belong to.

A kit turns its own rows into ``Example``s; from there on everything in core is the same
for all kits. A label that a row does not carry is simply absent from ``labels``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["single", "multi"]
Text = tuple[str, str | None]
MISSING = -1


@dataclass(frozen=True, slots=True)
class Task:
    """One question that the model answers about a text.

    Attributes:
        name: The label column, such as ``sentiment``.
        kind: ``single``: exactly one label; ``multi``: any number of them, also none.
        labels: The label names; their positions are the model's output positions.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One text with the labels that are known of it.

    Attributes:
        text: What is read.
        pair: A second text read together with the first (an entity, a question), or None.
        labels: Task name to label (single) or tuple of labels (multi; an empty tuple says
            "none of them", an absent key says "not known").
        place: Where it stands: ``file:line``.
        time: When it was published, or None.
        group: Rows of one group never stand on two sides of a split, or None.
        source: Which ``--data`` it came from.
    """

    text: str
    pair: str | None = None
    labels: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    place: str = ""
    time: datetime | None = None
    group: str | None = None
    source: str = ""


def label_names(example: Example, task: str) -> tuple[str, ...] | None:
    """The labels of one task as a tuple, or None when they are not known.

    >>> label_names(Example("a", labels={"sentiment": "positive"}), "sentiment")
    ('positive',)
    """
    value = example.labels.get(task)
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def count_labels(examples: Sequence[Example], task: str) -> Counter[str]:
    """How many examples carry each label of a task."""
    counts: Counter[str] = Counter()
    for example in examples:
        counts.update(label_names(example, task) or ())
    return counts


def encode_labels(
    examples: Sequence[Example], task: Task
) -> tuple[NDArray[np.int64] | NDArray[np.float32], NDArray[np.bool_]]:
    """Labels as numbers, with a mask of the rows that carry them.

    Returns:
        For a single-label task ``(rows,)`` int64 positions (``MISSING`` where not known); for a
        multi-label task ``(rows, labels)`` float32 zeros and ones. Then ``(rows,)`` bool: known.
        A single label outside ``task.labels`` counts as not known; in a multi-label row it is
        left out.
    """
    position = {label: i for i, label in enumerate(task.labels)}
    known = np.zeros(len(examples), dtype=bool)
    if task.kind == "single":
        single = np.full(len(examples), MISSING, dtype=np.int64)
        for row, example in enumerate(examples):
            names = label_names(example, task.name)
            if names and names[0] in position:
                single[row], known[row] = position[names[0]], True
        return single, known
    multi = np.zeros((len(examples), len(task.labels)), dtype=np.float32)
    for row, example in enumerate(examples):
        names = label_names(example, task.name)
        if names is not None:
            known[row] = True
            multi[row, [position[n] for n in names if n in position]] = 1.0
    return multi, known


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples as arrays.

    Attributes:
        texts: ``(rows,)`` texts, each with its pair or None.
        targets: Task name to labels as ``encode_labels`` gives them.
        known: Task name to ``(rows,)`` bool: rows whose labels are known.
    """

    texts: list[Text]
    targets: dict[str, NDArray[Any]]
    known: dict[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.texts)


def make_dataset(examples: Sequence[Example], tasks: Sequence[Task]) -> Dataset:
    """Put the texts and labels of examples into arrays."""
    encoded = {task.name: encode_labels(examples, task) for task in tasks}
    return Dataset(
        [(example.text, example.pair) for example in examples],
        {name: targets for name, (targets, _) in encoded.items()},
        {name: known for name, (_, known) in encoded.items()},
    )


def join_datasets(parts: Sequence[Dataset]) -> Dataset:
    """The rows of several, one after the other; all of the same tasks."""
    first = parts[0]
    return Dataset(
        [text for part in parts for text in part.texts],
        {name: np.concatenate([part.targets[name] for part in parts]) for name in first.targets},
        {name: np.concatenate([part.known[name] for part in parts]) for name in first.known},
    )

"""What a data set looks like: its fields, labels, lengths and scripts, as plain counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.example import Example, Task, count_labels, label_names

QUANTILES = {
    "shortest": 0.0,
    "5 %": 0.05,
    "25 %": 0.25,
    "median": 0.5,
    "75 %": 0.75,
    "95 %": 0.95,
    "longest": 1.0,
}
MIXED_SHARE = 0.25
# A Chinese character says about as much as a word of letters: these are counted alike.
SCRIPTS = {
    "Han (Chinese)": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    "Latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+"),
    "Kana (Japanese)": re.compile("[\u3040-\u30ff]"),
    "Hangul (Korean)": re.compile("[\uac00-\ud7af]+"),
    "Cyrillic": re.compile("[\u0400-\u04ff]+"),
    "Arabic": re.compile("[\u0600-\u06ff]+"),
    "Devanagari": re.compile("[\u0900-\u097f]+"),
    "Thai": re.compile("[\u0e00-\u0e7f]+"),
    "Greek": re.compile("[\u0370-\u03ff]+"),
    "Hebrew": re.compile("[\u0590-\u05ff]+"),
}


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """How many rows fill a field.

    Attributes:
        name: ``text``, ``pair``, ``time``, ``group`` or a task's name.
        filled: Rows with a value.
        missing: Rows without one.
    """

    name: str
    filled: int
    missing: int


@dataclass(frozen=True, slots=True)
class TaskProfile:
    """How the labels of a task are spread.

    Attributes:
        name: The task.
        kind: ``single`` or ``multi``.
        known: Rows whose labels are known.
        missing: Rows whose labels are not.
        without: Rows of a multi-label task that are known to have none.
        counts: Label to rows, the most frequent first; also labels with no row.
        imbalance: Rows of the most frequent label for each row of the rarest that has any.
    """

    name: str
    kind: str
    known: int
    missing: int
    without: int
    counts: dict[str, int]
    imbalance: float


def profile_fields(examples: Sequence[Example], tasks: Sequence[Task]) -> tuple[FieldProfile, ...]:
    """How well the fields of the examples are filled."""
    filled = {
        "text": sum(bool(example.text.strip()) for example in examples),
        "pair": sum(bool((example.pair or "").strip()) for example in examples),
        "time": sum(example.time is not None for example in examples),
        "group": sum(example.group is not None for example in examples),
    }
    for task in tasks:
        filled[task.name] = sum(label_names(example, task.name) is not None for example in examples)
    return tuple(FieldProfile(name, count, len(examples) - count) for name, count in filled.items())


def profile_task(examples: Sequence[Example], task: Task) -> TaskProfile:
    """How the labels of a task are spread over the examples."""
    found = count_labels(examples, task.name)
    counts = Counter({name: found[name] for name in (*task.labels, *found)})
    carried = [counts[name] for name in task.labels if counts[name]]
    names = [label_names(example, task.name) for example in examples]
    known = sum(name is not None for name in names)
    return TaskProfile(
        task.name,
        task.kind,
        known,
        len(examples) - known,
        sum(name == () for name in names),
        dict(counts.most_common()),
        round(max(carried) / min(carried), 1) if carried else 1.0,
    )


def profile_lengths(examples: Sequence[Example]) -> dict[str, int]:
    """Quantiles of the text lengths in characters; empty without rows."""
    lengths = [len(example.text) for example in examples]
    if not lengths:
        return {}
    return {name: int(np.quantile(lengths, share, method="nearest")) for name, share in QUANTILES.items()}


def profile_scripts(examples: Sequence[Example]) -> dict[str, int]:
    """How many texts are written in which script, the most frequent first."""
    return dict(Counter(name_script(example.text) for example in examples).most_common())


def name_script(text: str) -> str:
    """The script of most words of a text, or ``mixed`` when a second one has a fair share.

    >>> name_script("Shares rose"), name_script("股价上涨"), name_script("3 + 4")
    ('Latin', 'Han (Chinese)', 'no letters')
    """
    sample = text[:1_000]
    counts = Counter({name: len(letters.findall(sample)) for name, letters in SCRIPTS.items()})
    (first, most), (_, second) = counts.most_common(2)
    if not most:
        return "other letters" if any(character.isalpha() for character in sample) else "no letters"
    if counts["Kana (Japanese)"] * 5 > counts["Han (Chinese)"] and first in (
        "Kana (Japanese)",
        "Han (Chinese)",
    ):
        return "Kana (Japanese)"
    return "mixed" if second >= MIXED_SHARE * (most + second) else first

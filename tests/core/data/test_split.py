"""A split parts no text and no group, cuts no instant, and keeps to the fractions."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.data.example import Example, label_names
from core.data.split import Split, split_examples
from core.errors import ConfigError, DataError

START = datetime(2024, 1, 1, tzinfo=UTC)


def make_example(number: int, label: str = "a", **options: object) -> Example:
    return Example(f"text {number}", labels={"task": label}, source="s.csv", **options)  # type: ignore[arg-type]


def sides_of(split: Split, rows: int) -> list[int]:
    sides = np.full(rows, -1)
    for side, positions in enumerate((split.train, split.validation, split.test)):
        assert np.all(np.diff(positions) > 0)
        assert positions.dtype == np.int64
        assert np.all(sides[positions] == -1)
        sides[positions] = side
    assert np.all(sides >= 0)
    return [int(side) for side in sides]


def is_one_sided(keys: list[object], sides: list[int]) -> bool:
    found: dict[object, set[int]] = defaultdict(set)
    for key, side in zip(keys, sides, strict=True):
        found[key].add(side)
    return all(len(each) == 1 for each in found.values())


EXAMPLES = st.lists(
    st.builds(
        Example,
        text=st.integers(0, 60).map("Text {}".format) | st.integers(0, 60).map(" TEXT  {}".format),
        labels=st.fixed_dictionaries({}, optional={
            "one": st.sampled_from("abc"),
            "many": st.lists(st.sampled_from("xyzw"), unique=True, max_size=3).map(tuple),
        }),
        time=st.none() | st.integers(0, 40).map(lambda day: START + timedelta(days=day)),
        group=st.none() | st.sampled_from(["g1", "g2", "g3", "g4"]),
        source=st.sampled_from(["a.csv", "b.csv"]),
    ),
    min_size=1, max_size=120,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(examples=EXAMPLES, seed=st.integers(0, 9), has_test=st.booleans())
def test_any_examples_are_parted_whole_or_refused(examples: list[Example], seed: int, has_test: bool) -> None:
    fraction = 0.2 if has_test else 0.0
    try:
        split = split_examples(examples, test_fraction=fraction, seed=seed)
    except DataError as error:
        assert "too few examples" in str(error)  # noqa: PT017
        return
    sides = sides_of(split, len(examples))
    assert is_one_sided([" ".join(example.text.casefold().split()) for example in examples], sides)
    assert (len(split.test) > 0) == has_test
    again = split_examples(examples, test_fraction=fraction, seed=seed)
    assert sides_of(again, len(examples)) == sides


@settings(max_examples=60, deadline=None)
@given(days=st.lists(st.integers(0, 60), min_size=10, max_size=200), seed=st.integers(0, 3))
def test_time_parts_stand_in_order_and_cut_no_instant(days: list[int], seed: int) -> None:
    assume(len(set(days)) >= 3)
    examples = [make_example(n, time=START + timedelta(days=day)) for n, day in enumerate(days)]
    split = split_examples(examples, seed=seed)
    assert split.method == "time"
    train, validation, test = ([days[row] for row in part] for part in (split.train, split.validation, split.test))
    assert max(train) < min(validation)
    assert max(validation) < min(test)


def test_training_sees_no_future_when_a_text_comes_again() -> None:
    examples = [make_example(n % 150, time=START + timedelta(hours=n)) for n in range(200)]
    split = split_examples(examples, seed=0)
    sides = sides_of(split, len(examples))
    assert is_one_sided([example.text for example in examples], sides)
    assert max(split.train) < 140
    assert max(split.train) < max(split.validation) < max(split.test)


@settings(max_examples=60, deadline=None)
@given(groups=st.lists(st.integers(0, 30), min_size=40, max_size=200), seed=st.integers(0, 5))
def test_groups_stay_whole(groups: list[int], seed: int) -> None:
    assume(len(set(groups)) >= 15)
    examples = [make_example(n, group=str(group)) for n, group in enumerate(groups)]
    split = split_examples(examples, seed=seed)
    assert split.method == "group"
    assert is_one_sided(list(groups), sides_of(split, len(examples)))


@pytest.mark.parametrize("method", ["stratified", "group", "time"])
@pytest.mark.parametrize("fractions", [(0.1, 0.2), (0.2, 0.0), (0.05, 0.5), (0.0, 0.1)])
def test_parts_are_near_the_asked_fractions(method: str, fractions: tuple[float, float]) -> None:
    examples = [
        make_example(n, label="abcdefg"[n % 7 % (n % 5 + 1)], group=str(n // 3), time=START + timedelta(hours=n // 2))
        for n in range(1000)
    ]
    split = split_examples(
        examples,
        method=method,  # type: ignore[arg-type]
        validation_fraction=fractions[0],
        test_fraction=fractions[1],
        seed=1,
    )
    assert len(split.validation) == pytest.approx(1000 * fractions[0], abs=10)
    assert len(split.test) == pytest.approx(1000 * fractions[1], abs=10)


def test_each_label_has_its_share_on_each_side() -> None:
    examples = [make_example(n, label="rare" if n % 20 == 0 else "often") for n in range(1000)]
    split = split_examples(examples, seed=2)
    rare = [
        sum(examples[row].labels["task"] == "rare" for row in part)
        for part in (split.train, split.validation, split.test)
    ]
    assert rare == pytest.approx([35, 5, 10], abs=1)


@settings(max_examples=100, deadline=None)
@given(
    labels=st.lists(st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=4), min_size=12, max_size=60),
    seed=st.integers(0, 3),
)
def test_each_label_with_three_texts_is_trained_on(labels: list[list[str]], seed: int) -> None:
    examples = [Example(f"text {n}", labels={"topics": tuple(names)}) for n, names in enumerate(labels)]
    split = split_examples(examples, seed=seed)
    trained = {name for row in split.train for name in label_names(examples[row], "topics") or ()}
    for name in "abcdefghij":
        assert sum(name in names for names in labels) < 3 or name in trained


def test_text_repeated_in_another_source_stays_on_the_side_that_time_gave_it() -> None:
    timed = [Example(f"text {n}", source="a", time=START + timedelta(days=n)) for n in range(100)]
    plain = [Example(f"Text  {n}", source="b") for n in range(50, 150)]
    split = split_examples([*timed, *plain], seed=0)
    sides = sides_of(split, 200)
    assert sides[50:100] == sides[100:150]
    assert split.method == "a: time; b: stratified"


def test_heavy_repetition_does_not_spoil_the_fractions() -> None:
    examples = [make_example(0) for _ in range(300)] + [make_example(n) for n in range(1, 701)]
    split = split_examples(examples, seed=0)
    assert len(split.test) == pytest.approx(200, abs=10)


def test_seed_decides_and_nothing_else() -> None:
    examples = [make_example(n, label="ab"[n % 2]) for n in range(100)]
    first, same, other = (split_examples(examples, seed=seed).test.tolist() for seed in (1, 1, 2))
    assert first == same != other
    code = (
        "from core.data.example import Example as E; from core.data.split import split_examples as s;"
        "print(s([E(f'text {n}', labels={'task': 'ab'[n % 2]}, source='s.csv') for n in range(100)],"
        "seed=1).test.tolist())"
    )
    for hash_seed in ("1", "2"):
        printed = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert printed.strip() == str(first)


def test_auto_says_why() -> None:
    at_once = [make_example(n, time=START, group=str(n)) for n in range(20)]
    assert split_examples(at_once, seed=0).method == "group"
    split = split_examples([make_example(n, time=START) for n in range(20)], seed=0)
    assert split.method == "stratified"
    assert split.reason.startswith("s.csv: stratified, not every row has a time or a group, or the times")


@pytest.mark.parametrize("examples", [[], [make_example(1)], [make_example(1)] * 50], ids=["none", "one", "same"])
def test_too_few_texts_are_refused(examples: list[Example]) -> None:
    with pytest.raises(DataError, match="too few examples to split"):
        split_examples(examples, seed=0)


def test_method_without_what_it_needs_is_refused() -> None:
    examples = [make_example(n) for n in range(30)]
    with pytest.raises(DataError, match=r"s\.csv: cannot be split by time: a row has no time"):
        split_examples(examples, method="time", seed=0)
    with pytest.raises(DataError, match="30 rows have no group"):
        split_examples(examples, method="group", seed=0)
    with pytest.raises(ConfigError, match="nothing to train on"):
        split_examples(examples, validation_fraction=0.5, test_fraction=0.5, seed=0)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.column import build_columns, match_fields, merge_columns, valid_at
from core.index.document import Document, Scalar

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["en", "zh", "1", ""]) | st.floats(0, 1)
METADATA = st.lists(st.dictionaries(st.sampled_from(["a", "b", "键"]), SCALARS), min_size=1, max_size=12)


def make(metadata: list[dict[str, Scalar]]) -> list[Document]:
    return [Document(str(number), "", values) for number, values in enumerate(metadata)]


def find(metadata: list[dict[str, Scalar]], **fields: object) -> list[int]:
    matched = match_fields(build_columns(make(metadata)), fields, len(metadata))  # type: ignore[arg-type]
    return np.flatnonzero(matched).tolist()


def test_value_values_and_test_are_conditions() -> None:
    metadata = [{"locale": "en"}, {"locale": "zh"}, {}, {"locale": "fr"}]
    assert find(metadata, locale="en") == [0]
    assert find(metadata, locale=("en", None)) == [0, 2]
    assert find(metadata, locale=None) == [2]
    assert find(metadata, locale=lambda value: value is not None and value > "f") == [1, 3]
    assert find(metadata, locale=[]) == []


def test_name_that_no_document_has_is_none_everywhere() -> None:
    assert find([{"a": 1}], b=None) == [0]
    assert find([{"a": 1}], b="x") == []


def test_conditions_on_several_names_hold_together() -> None:
    assert find([{"a": 1, "b": 1}, {"a": 1}, {"b": 1}], a=1, b=1) == [0]


def test_true_is_not_one_and_text_is_no_number() -> None:
    metadata: list[dict[str, Scalar]] = [{"a": True}, {"a": 1}, {"a": "1"}, {"a": 1.0}]
    assert find(metadata, a=True) == [0]
    assert find(metadata, a=1) == [1, 3]
    assert find(metadata, a="1") == [2]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-03-01", [0, 1, 3]),
        ("2024-03-10T12:00:00+00:00", [0, 1, 2, 3]),
        ("2024-04-01", [0, 2, 3]),
        ("2023-01-01", [3]),
    ],
)
def test_validity_begins_with_its_day_and_ends_before_its_end(moment: str, expected: list[int]) -> None:
    metadata: list[dict[str, Scalar]] = [
        {"valid_from": "2024-01-01"},
        {"valid_from": "2024-03-01", "valid_until": "2024-04-01"},
        {"valid_from": "2024-03-10T08:00:00+08:00"},
        {},
        {"valid_until": "soon"},
    ]
    assert find(metadata, **valid_at(moment)) == expected


def test_moment_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="no time"):
        valid_at("soon")


@given(METADATA, SCALARS)
def test_columns_find_what_a_look_at_each_document_finds(metadata: list[dict[str, Scalar]], wanted: Scalar) -> None:
    def fits(value: Scalar) -> bool:
        return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted

    expected = [row for row, values in enumerate(metadata) if fits(values.get("a"))]
    assert find(metadata, a=wanted) == expected


@settings(max_examples=50)
@given(METADATA, METADATA, st.integers(0, 2**12))
def test_merged_columns_are_those_of_the_chosen_documents(
    one: list[dict[str, Scalar]], other: list[dict[str, Scalar]], bits: int
) -> None:
    rows = [[row for row in range(len(part)) if bits >> row & 1] for part in (one, other)]
    chosen_parts = list(zip((one, other), rows, strict=True))
    merged = merge_columns(
        [(build_columns(make(part)), np.array(chosen, dtype=np.int64)) for part, chosen in chosen_parts]
    )
    kept = [part[row] for part, chosen in chosen_parts for row in chosen]
    for position, values in enumerate(kept):
        for name in ("a", "b", "键"):
            found = merged[name].value(position) if name in merged else None
            assert (type(found), found) == (type(values.get(name)), values.get(name))

"""A company's own column names and words, turned into ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.columns import Column, convert_row, resolve_columns
from core.data.row import Rejected, Row
from core.errors import DataError

TEXT = Column("text", "text", "What is read", aliases=("headline", "body", "标题"))
LABEL = Column("sentiment", "label", "The opinion", aliases=("label",))
TOPICS = Column("topics", "labels", "What it is about", aliases=("tags",))
TIME = Column("time", "time", "When it was published", aliases=("published_at", "date"))
ID = Column("id", "id", "Its number")
COLUMNS = (TEXT, LABEL, TOPICS, TIME, ID)


def convert(column: Column, cell: object, **options: object) -> object:
    row = Row({"theirs": cell}, "news.csv:7")
    found = convert_row(row, {column.name: "theirs"}, [column], {}, **options)  # type: ignore[arg-type]
    return found if isinstance(found, Rejected) else found[column.name]


def test_mapping_wins_over_the_same_name() -> None:
    assert resolve_columns(["text", "Content"], [TEXT], {"text": "Content"}) == {"text": "Content"}


def test_same_name_wins_over_similar_name_and_alias() -> None:
    assert resolve_columns(["headline", "TEXT", "text"], [TEXT], {}) == {"text": "text"}
    assert resolve_columns(["headline", "T_e xt"], [TEXT], {}) == {"text": "T_e xt"}
    assert resolve_columns(["id", "标题", "Published At"], COLUMNS, {}) == {
        "text": "标题",
        "time": "Published At",
        "id": "id",
    }


def test_column_is_taken_once_and_the_mapping_or_else_the_first_has_it() -> None:
    first, second = Column("a", "text", "", aliases=("x",)), Column("b", "text", "", aliases=("x",))
    assert resolve_columns(["x"], [first, second], {}) == {"a": "x"}
    assert resolve_columns(["x"], [first, second], {"b": "x"}) == {"b": "x"}
    assert resolve_columns(["x", "b"], [first, second], {"a": "b"}) == {"a": "b", "b": "x"}


def test_user_may_use_one_column_for_two() -> None:
    assert resolve_columns(["x"], [TEXT, ID], {"text": "x", "id": "x"}) == {"text": "x", "id": "x"}


def test_all_faults_stand_in_one_error_with_suggestions() -> None:
    with pytest.raises(DataError) as caught:
        resolve_columns(["Headline", "Mood"], COLUMNS, {"txet": "Headline", "sentiment": "Moood"}, where="a.csv")
    message = str(caught.value)
    assert message.startswith("a.csv: ")
    assert "no column 'txet' (did you mean 'text'?" in message
    assert "no column 'Moood' (did you mean 'Mood'?" in message


def test_missing_required_column_names_what_there_is_and_the_option() -> None:
    with pytest.raises(DataError, match=r"no column for text \(What is read\); there is 'q', 'a'.*--map text="):
        resolve_columns(["q", "a"], COLUMNS, {}, required=["text"])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("  a b ", "a b"),
        (None, ""),
        ("", ""),
        (float("nan"), ""),
        (3, "3"),
        (True, "True"),
        ("\u3000好\n", "好"),
    ],
)
def test_text_is_stripped_text(cell: object, expected: str) -> None:
    assert convert(TEXT, cell) == expected


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, b"a", ("a",)])
def test_nested_text_is_rejected_with_place_and_column(cell: object) -> None:
    found = convert(TEXT, cell)
    assert isinstance(found, Rejected)
    assert found.place == "news.csv:7"
    assert found.reason.startswith("column 'theirs': ")


def test_label_goes_through_the_words() -> None:
    words = {"bullish": "positive", "n/a": "", "1": "one"}
    cells = ["bullish", " bullish ", "n/a", "", None, "other", 1]
    rows = [convert_row(Row({"s": cell}, "x:1"), {"sentiment": "s"}, [LABEL], words) for cell in cells]
    assert [row["sentiment"] for row in rows if not isinstance(row, Rejected)] == [
        "positive", "positive", None, None, None, "other", "one",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a; b|c、d；a", ("a", "b", "c", "d")),
        ("M&A, deals", ("M&A, deals",)),
        (["a", " b", "a", None, ""], ("a", "b")),
        ([], ()),
        ("[]", ()),
        (" [ ] ", ()),
        ('["a;b", "c"]', ("a;b", "c")),
        ("[other]", ("[other]",)),
        ("", None),
        (" ; ", None),
        (None, None),
        ([None], None),
        (3, ("3",)),
    ],
)
def test_labels_are_a_tuple_in_order_without_repetition(cell: object, expected: object) -> None:
    assert convert(TOPICS, cell) == expected


def test_labels_are_split_at_the_separator_only_when_one_is_given() -> None:
    assert convert(TOPICS, "a, b;c", separator=",") == ("a", "b;c")


@pytest.mark.parametrize("cell", ["['a', 'b']", {"a": 1}, [["a"]]])
def test_what_is_no_list_of_labels_is_rejected(cell: object) -> None:
    assert isinstance(convert(TOPICS, cell), Rejected)


def test_labels_all_mapped_to_nothing_are_not_known() -> None:
    found = convert_row(Row({"t": "x; y"}, "a:1"), {"topics": "t"}, [TOPICS], {"x": "", "y": ""})
    assert found == {"topics": None}


MOMENT = datetime(2024, 3, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "2024-03-05T09:30:00Z",
        "2024-03-05T09:30:00",
        "2024-03-05 09:30",
        "2024-03-05T17:30:00+08:00",
        "2024-03-05 17:30:00 +0800",
        "2024/03/05 09:30",
        "2024/3/5 9:30:00",
        "2024.03.05 09:30",
        "2024年3月5日 09:30",
        "2024年3月5日9时30分",
        "20240305093000",
        "5 Mar 2024 09:30",
        "Tue, 05 Mar 2024 09:30:00 GMT",
        "Tue, 05 Mar 2024 04:30:00 -0500",
        "March 5, 2024 09:30",
        "Mar 5, 2024, 9:30 UTC",
        "1709631000",
        1709631000,
        1709631000.0,
        1709631000000,
        "1709631000000",
        datetime(2024, 3, 5, 9, 30),
        datetime(2024, 3, 5, 17, 30, tzinfo=timezone(timedelta(hours=8))),
    ],
)
def test_common_forms_of_a_time_are_one_instant_in_utc(cell: object) -> None:
    found = convert(TIME, cell)
    assert found == MOMENT
    assert isinstance(found, datetime)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("cell", ["20240305", 20240305, "2024-03-05", "05 Mar 2024", date(2024, 3, 5), "2024/3/5"])
def test_day_alone_is_its_beginning_in_utc(cell: object) -> None:
    assert convert(TIME, cell) == datetime(2024, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize("cell", [None, "", "  ", float("nan")])
def test_blank_time_is_not_known(cell: object) -> None:
    assert convert(TIME, cell) is None


@pytest.mark.parametrize(
    "cell",
    ["yesterday", "05/03/2024", "2024-13-01", "2024-02-30", "2024", 5, -1, True, "9" * 30,
     "0001-01-01T00:00:00+14:00", "2024-03-05 09:30 HKT", "05 Mon 2024", [2024], 10**40, float("inf")],
)  # fmt: skip
def test_time_that_is_not_certain_is_rejected_with_an_example(cell: object) -> None:
    found = convert(TIME, cell)
    assert isinstance(found, Rejected)
    assert "2024-03-05T09:30" in found.reason


@given(moment=st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)))
def test_iso_round_trip_is_exact(moment: datetime) -> None:
    assert convert(TIME, moment.isoformat()) == moment.replace(tzinfo=UTC)


@given(cell=st.one_of(st.text(), st.integers(), st.floats(), st.lists(st.text()), st.none(), st.binary()))
def test_no_cell_of_any_kind_raises(cell: object) -> None:
    for column in COLUMNS:
        found = convert(column, cell)
        assert found is None or isinstance(found, str | tuple | datetime | Rejected)


def test_all_faults_of_a_row_stand_in_one_rejection() -> None:
    row = Row({"text": ["a"], "time": "soon"}, "a.csv:3")
    found = convert_row(row, {"text": "text", "time": "time"}, COLUMNS, {})
    assert isinstance(found, Rejected)
    assert "column 'text'" in found.reason
    assert "column 'time'" in found.reason


def test_column_that_is_not_there_is_empty() -> None:
    empty = {"text": "", "sentiment": None, "topics": None, "time": None, "id": None}
    assert convert_row(Row({}, "a:1"), {}, COLUMNS, {}) == empty

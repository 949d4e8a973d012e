"""Reading: whatever a company's file looks like, the good rows come and the bad ones are named."""

from __future__ import annotations

import gzip
import io
import json
import logging
import math
import os
import sqlite3
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from core.data.table import Rejected, Row, hide_password, read_table, stream_rows, write_rows
from core.errors import DataError

HEADER = b"text,label\n"


def texts_of(source: Path | str) -> list[object]:
    return [row.values["text"] for row in read_table(str(source)).rows]


def save_zip(path: Path, member: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "<x/>")


def save_gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a" * 50_000_000))


def save_parquet(path: Path, rows: int = 3, cut: int | None = None) -> None:
    table = pyarrow.table({"text": [f"row {i}" for i in range(rows)], "label": ["a"] * rows})
    parquet.write_table(table, path)
    if cut is not None:
        path.write_bytes(path.read_bytes()[:cut])


def save_database(path: Path, rows: int = 3) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE news (text TEXT, label TEXT)")
        connection.executemany("INSERT INTO news VALUES (?, ?)", [(f"t{i}", "a") for i in range(rows)])
    connection.close()
    return f"sqlite:///{path}"


# name, content, texts of the good rows, lines of the rejected ones, words in the first reason
GOOD_AND_BAD: list[tuple[str, bytes, list[str], list[int], str]] = [
    (
        "bad_utf8.csv",
        HEADER + "好,a\n很好,a\n".encode() + b"br\xff\xfeken,a\nfine,b\n",
        ["好", "很好", "fine"],
        [4],
        "not valid UTF-8 at byte 3",
    ),
    (
        "bad_utf8_in_ascii.csv",
        HEADER + b"one,a\nbr\xffken,a\nthree,b\n",
        ["one", "three"],
        [3],
        "not valid UTF-8",
    ),
    ("cut_utf8.csv", HEADER + b"one,a\n" + "好".encode()[:2], ["one"], [3], "not valid UTF-8"),
    ("nul.csv", HEADER + b"one,a\nt\0wo,a\nthree,b\n", ["one", "three"], [3], "NUL byte at character 2"),
    (
        "long_line.csv",
        HEADER + b"one,a\n" + b"x" * 10_000_000 + b",a\nthree,b\n",
        ["one", "three"],
        [3],
        "longer than 4,000,000 bytes",
    ),
    (
        "long_cell.csv",
        HEADER + b"one,a\n" + b"x" * 1_000_001 + b",a\nthree,b\n",
        ["one", "three"],
        [3],
        "cell longer than 1,000,000",
    ),
    (
        "long_quoted.csv",
        HEADER + b'one,a\n"' + b"x" * 1_000_001 + b'",a\nthree,b\n',
        ["one", "three"],
        [3],
        "cell longer than 1,000,000",
    ),
    (
        "too_many.csv",
        HEADER + b"one,a\ntwo,a,b\nthree,b\n",
        ["one", "three"],
        [3],
        "3 cells where the header has 2",
    ),
    (
        "too_few.csv",
        HEADER + b"one,a\ntwo\nthree,b\n",
        ["one", "three"],
        [3],
        "1 cell where the header has 2",
    ),
    ("blank_lines.csv", HEADER + b"\none,a\n\n\nthree,b\n\n", ["one", "three"], [], ""),
    ("only_commas.csv", HEADER + b"one,a\n,\n", ["one", ""], [], ""),
    ("bom.csv", b"\xef\xbb\xbf" + HEADER + b"one,a\n", ["one"], [], ""),
    ("utf16le.csv", b"\xff\xfe" + "text,label\n好,a\ntwo,b\n".encode("utf-16-le"), ["好", "two"], [], ""),
    ("utf16be.csv", b"\xfe\xff" + "text,label\r\n好,a\r\n".encode("utf-16-be"), ["好"], [], ""),
    ("utf16_no_bom.csv", "text,label\none,a\ntwo,b\n".encode("utf-16-le"), ["one", "two"], [], ""),
    (
        "utf16_cut.csv",
        b"\xff\xfe" + "text,label\none,a\ntwo,b".encode("utf-16-le")[:-1],
        ["one"],
        [3],
        "not valid UTF-16",
    ),
    (
        "unclosed.csv",
        HEADER + b'one,a\n"two,a\nthree,b\nfour,b\n',
        ["one", "three", "four"],
        [3],
        "not closed",
    ),
    (
        "unclosed_then_quoted.csv",
        HEADER + b'"one,a\n"two, 2",a\nthree,b\n',
        ["two, 2", "three"],
        [2],
        "not closed",
    ),
    ("unclosed_at_end.csv", HEADER + b'one,a\n"two,a', ["one"], [3], "not closed"),
    ("undoubled.csv", HEADER + b'"say "hi" now",a\ntwo,b\n', ["two"], [2], "not doubled"),
    ("undoubled_lines.csv", HEADER + b'"say "hi"\n now",a\ntwo,b\n', ["two"], [2, 3], "not doubled"),
    (
        "unclosed_ragged.csv",
        b'text,label,id\n"one,a,1\ntwo,b,2\nthree,c",3\n',
        ["two", "three"],
        [2],
        "not closed",
    ),
    (
        "quoted_break.csv",
        HEADER + b'"one\nand more",a\nbad\n"two\r\nmore",b\n',
        ["one\nand more", "two\r\nmore"],
        [4],
        "1 cell",
    ),
    ("crlf.csv", b"text,label\r\none,a\r\ntwo,b\r\n", ["one", "two"], [], ""),
    ("cr.csv", b"text,label\rone,a\rbad\rtwo,b\r", ["one", "two"], [3], "1 cell"),
    ("mixed_ends.csv", b"text,label\none,a\r\ntwo,b\rthree,c", ["one", "two", "three"], [], ""),
    ("semicolon.csv", b"text;label\none, 1;a\ntwo;b\n", ["one, 1", "two"], [], ""),
    ("tabs.csv", b"text\tlabel\none, 1\ta\n", ["one, 1"], [], ""),
    ("tabs.tsv", b"text\tlabel\none; 1\ta\nbad\n", ["one; 1"], [3], "1 cell"),
    ("empty_name.csv", b",text,label\n0,one,a\n", ["one"], [], ""),
    ("inner_quote.csv", HEADER + b'5" pipe,a\n', ['5" pipe'], [], ""),
    (
        "gb18030.csv",
        "text,label\n贵州茅台业绩超预期，股价上涨,正面\n公司债务违约，评级下调,负面\n".encode("gb18030"),
        ["贵州茅台业绩超预期，股价上涨", "公司债务违约，评级下调"],
        [],
        "",
    ),
    (
        "big5.csv",
        "text,label\n台積電第三季營收創新高,正面\n公司債務違約，評等調降,負面\n".encode("big5"),
        ["台積電第三季營收創新高", "公司債務違約，評等調降"],
        [],
        "",
    ),
    (
        "cp1252.csv",
        "text,label\nLe bénéfice a augmenté à Paris,p\nLa société a “fini” déjà,n\n".encode("cp1252"),
        ["Le bénéfice a augmenté à Paris", "La société a “fini” déjà"],
        [],
        "",
    ),
    ("good.jsonl", b'{"text": "one"}\n\n{"text": "two", "n": [1]}\n', ["one", "two"], [], ""),
    ("cr.jsonl", b'{"text": "one"}\r{"text": "two"}\r', ["one", "two"], [], ""),
    ("lines.json", b'{"text": "one"}\n{"text": "two"}', ["one", "two"], [], ""),
    ("comma.jsonl", b'{"text": "one"}\n{"text": "two",}\n', ["one"], [2], "not JSON at character"),
    ("cut.jsonl", b'{"text": "one"}\n{"text": "tw', ["one"], [2], "not JSON"),
    (
        "array.jsonl",
        b'{"text": "one"}\n["two"]\n3\n"x"\nnull\ntrue\n',
        ["one"],
        [2, 3, 4, 5, 6],
        "an array, expected an object",
    ),
    ("nan.jsonl", b'{"text": NaN}\n{"text": "one"}\n{"text": 1e999}\n', ["one"], [1, 3], "NaN or Infinity"),
    ("twins.jsonl", b'{"text": "a", "text": "b"}\n{"text": "one"}\n', ["one"], [1], "'text' stands twice"),
    (
        "deep.jsonl",
        b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b'}\n{"text": "one"}\n',
        ["one"],
        [1],
        "nested deeper",
    ),
    (
        "deepish.jsonl",
        b'{"text": ' + b"[" * 50 + b"]" * 50 + b'}\n{"text": "one"}\n',
        ["one"],
        [1],
        "nested deeper",
    ),
    (
        "surrogate.jsonl",
        b'{"text": "\\ud800"}\n{"text": "\\ud83d\\ude00"}\n',
        ["😀"],
        [1],
        "half a character",
    ),
    ("nul.jsonl", b'{"text": "a\\u0000"}\n{"text": "one"}\n', ["one"], [1], "NUL"),
    ("big_number.jsonl", b'{"text": ' + b"9" * 5000 + b'}\n{"text": "one"}\n', ["one"], [1], "digits"),
    ("bad_utf8.jsonl", '{"text": "好"}\n'.encode() + b'{"text": "\xff"}\n', ["好"], [2], "not valid UTF-8"),
]


@pytest.mark.parametrize(
    ("name", "content", "texts", "bad_lines", "reason"), GOOD_AND_BAD, ids=[case[0] for case in GOOD_AND_BAD]
)
def test_good_rows_are_kept_and_bad_ones_named(
    tmp_path: Path, name: str, content: bytes, texts: list[str], bad_lines: list[int], reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    table = read_table(str(path))
    assert [row.values["text"] for row in table.rows] == texts
    assert [record.place for record in table.rejected] == [f"{path}:{line}" for line in bad_lines]
    assert all("\n" not in record.reason and len(record.reason) < 200 for record in table.rejected)
    if reason:
        assert reason in table.rejected[0].reason


def write(name: str, content: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    return make


def make_with(name: str, save: Callable[[Path], object]) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        save(folder / name)
        return str(folder / name)

    return make


def sql(suffix: str) -> Callable[[Path], str]:
    return lambda folder: save_database(folder / "x.db") + suffix


# name, how to make the source, words of the message
USELESS: list[tuple[str, Callable[[Path], str], str]] = [
    ("empty", write("a.csv", b""), "has no rows"),
    ("header_only", write("a.csv", HEADER), "has no rows"),
    ("bom_only", write("a.csv", b"\xef\xbb\xbf"), "has no rows"),
    ("line_ends_only", write("a.csv", b"\n\r\n\n"), "has no rows"),
    ("empty_jsonl", write("a.jsonl", b"\n \n"), "has no rows"),
    ("empty_parquet", make_with("a.parquet", lambda path: save_parquet(path, rows=0)), "has no rows"),
    (
        "duplicate_columns",
        write("a.csv", b"text,label,text\n1,2,3\n"),
        "a.csv:1: column names stand twice: 'text'",
    ),
    ("nameless_header", write("a.csv", b",,\n1,2,3\n"), "no column names"),
    ("broken_header", write("a.csv", b'"text,label\n' + b"a,b\n" * 3), "header cannot be read"),
    ("gzip_bomb", make_with("a.csv", save_gzip_bomb), "a gzip archive"),
    ("zip", make_with("a.csv", lambda path: save_zip(path, "a.txt")), "a zip archive"),
    ("xlsx", make_with("a.xlsx", lambda path: save_zip(path, "xl/workbook.xml")), "an Excel workbook"),
    ("xlsx_as_csv", make_with("a.csv", lambda path: save_zip(path, "xl/workbook.xml")), "save it as CSV"),
    ("broken_zip", write("a.csv", b"PK\x03\x04 and nothing more"), "a zip archive"),
    ("xls", write("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99), "old Office"),
    ("pdf", write("a.csv", b"%PDF-1.7\n"), "a PDF document"),
    ("png", write("a.csv", b"\x89PNG\r\n\x1a\n"), "a PNG image"),
    ("jpeg", write("a.jsonl", b"\xff\xd8\xff\xe0"), "a JPEG image"),
    ("pickle", write("a.csv", b"\x80\x04\x95abc"), "pickles are never opened"),
    ("web_page", write("a.csv", b"<!DOCTYPE html><html>"), "a web page"),
    ("utf32", write("a.csv", "text".encode("utf-32")), "UTF-32"),
    ("sqlite_as_csv", make_with("a.csv", save_database), "sqlite:///"),
    ("parquet_as_csv", make_with("a.csv", save_parquet), "rename it to a.parquet"),
    ("csv_as_parquet", write("a.parquet", HEADER + b"one,a\n"), "cannot be read as Parquet"),
    ("truncated_parquet", make_with("a.parquet", lambda path: save_parquet(path, cut=300)), "may be cut off"),
    ("json_array", write("a.json", b'[\n{"text": 1}\n]'), "one JSON array"),
    ("unknown_ending", write("a.txt", b"hello"), "'.txt' is not read"),
    ("no_ending", write("data", b"hello"), "has no ending"),
    ("missing", lambda folder: str(folder / "none.csv"), "no such file"),
    ("nul_in_name", lambda folder: str(folder / "a\0.csv"), "cannot be opened"),
    ("empty_folder", lambda folder: str(folder), "holds no file to read (it holds nothing)"),
    ("folder_of_others", lambda folder: str(Path(write("a.txt", b"x")(folder)).parent), "it holds a.txt"),
    ("missing_table", sql("?table=new"), "did you mean 'news'?"),
    ("table_injection", sql("?table=news;DROP TABLE news"), "no such table"),
    ("quoted_injection", sql('?table=news" --'), "no such table"),
    ("drop_query", sql("?query=DROP TABLE news"), "neither with SELECT nor with WITH"),
    ("second_statement", sql("?query=SELECT 1; DROP TABLE news"), "more than one statement"),
    ("writing_cte", sql("?query=WITH x AS (DELETE FROM news) SELECT 1"), "the word DELETE"),
    ("hidden_in_comment", sql("?query=SELECT 1 /*!; DROP TABLE news */"), "more than one statement"),
    ("wrong_column", sql("?query=SELECT nosuch FROM news"), "no such column: nosuch"),
    ("twice_the_column", sql("?query=SELECT text, text FROM news"), "stand twice"),
    ("no_table_named", sql(""), "neither a table nor a query"),
    ("missing_database", lambda folder: f"sqlite:///{folder}/none.db?table=t", "no such file"),
    (
        "csv_as_database",
        lambda folder: f"sqlite:///{write('a.csv', HEADER)(folder)}?table=t",
        "not an SQLite",
    ),
    ("unknown_database", lambda folder: "nosuchdb://host/x?table=t", "no such kind of database"),
    ("no_rows_by_query", sql("?query=SELECT * FROM news WHERE 1=0"), "has no rows"),
]


@pytest.mark.parametrize(("name", "make", "words"), USELESS, ids=[case[0] for case in USELESS])
def test_useless_source_is_one_line_that_says_what_it_is(
    tmp_path: Path, name: str, make: Callable[[Path], str], words: str
) -> None:
    source = make(tmp_path)
    with pytest.raises(DataError) as caught:
        read_table(source)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert message.startswith(hide_password(source).split("?")[0]) or "none.db" in message


def test_database_is_never_changed_by_what_is_refused(tmp_path: Path) -> None:
    source = save_database(tmp_path / "x.db")
    for query in ("DROP TABLE news", "SELECT 1; DELETE FROM news", "PRAGMA writable_schema=1"):
        with pytest.raises(DataError):
            read_table(f"{source}?query={query}")
    assert len(read_table(f"{source}?table=news").rows) == 3
    assert not (tmp_path / "none.db").exists()


def test_gzip_is_never_decompressed(tmp_path: Path) -> None:
    save_gzip_bomb(tmp_path / "a.csv")
    tracemalloc.start()
    with pytest.raises(DataError):
        read_table(str(tmp_path / "a.csv"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_missing_file_suggests_the_name_next_to_it(tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_bytes(HEADER)
    with pytest.raises(DataError, match=r"did you mean .*news\.csv"):
        read_table(str(tmp_path / "nwes.csv"))


def test_symlink_loop_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(DataError, match="cannot be opened"):
        read_table(str(tmp_path / "a.csv"))
    with pytest.raises(DataError, match="cannot be opened"):
        read_table(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(HEADER)
    (tmp_path / "a.csv").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        read_table(str(tmp_path / "a.csv"))


def test_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataError, match="use - for standard input"):
        read_table(str(tmp_path / "a.csv"))


def test_place_is_the_physical_line_where_the_record_begins(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text('text,label\n"a\nb\nc",x\n\nd,y\n', encoding="utf-8")
    assert [row.place for row in read_table(str(path)).rows] == [f"{path}:2", f"{path}:6"]


def test_assumed_encoding_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\n公司债务违约评级下调,负面\n".encode("gb18030"))
    with caplog.at_level(logging.INFO, logger="fieldkits"):
        read_table(str(tmp_path / "a.csv"))
    assert "gb18030" in caplog.text


def test_encoding_is_found_far_behind_a_plain_beginning(tmp_path: Path) -> None:
    line = "公司债务违约，评级下调,负面\n"
    (tmp_path / "a.csv").write_bytes(HEADER + b"plain,a\n" * 20_000 + line.encode("gb18030") * 20_000)
    table = read_table(str(tmp_path / "a.csv"))
    assert not table.rejected
    assert table.rows[-1].values["label"] == "负面"


def test_large_file_streams_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + (b'"' + b"x" * 1_000 + b'",a\n') * 20_000)  # 20 MB
    tracemalloc.start()
    count = sum(1 for _ in stream_rows(str(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 3_000_000


def test_folder_is_read_in_order_of_name_and_says_what_it_leaves_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "b.jsonl").write_text('{"text": "two"}\n')
    (tmp_path / "a.csv").write_text("text,label\none,a\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "README.md").write_text("hello")
    with caplog.at_level(logging.INFO, logger="fieldkits"):
        table = read_table(str(tmp_path))
    assert [row.values["text"] for row in table.rows] == ["one", "two"]
    assert table.columns == ("text", "label")
    assert "README.md" in caplog.text


def test_parquet_rows_are_native_and_numbered(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moment = datetime(2024, 3, 5, tzinfo=UTC)
    parquet.write_table(pyarrow.table({"text": ["a", None], "n": [1, 2], "at": [moment, None], "l": [["x"], []]}), path)
    first, second = read_table(str(path)).rows
    assert first == Row({"text": "a", "n": 1, "at": moment, "l": ["x"]}, f"{path}:row 1")
    assert second == Row({"text": None, "n": 2, "at": None, "l": []}, f"{path}:row 2")


def test_broken_text_in_parquet_costs_its_own_row(tmp_path: Path) -> None:
    column = pyarrow.array([b"one", b"\xff\xfe", b"three"]).cast(pyarrow.string(), safe=False)
    if not isinstance(column, pyarrow.StringArray):
        pytest.skip("this pyarrow refuses such text earlier")
    parquet.write_table(pyarrow.table({"text": column}), tmp_path / "a.parquet")
    table = read_table(str(tmp_path / "a.parquet"))
    assert [row.values["text"] for row in table.rows] == ["one", "three"]
    assert [record.place for record in table.rejected] == [f"{tmp_path}/a.parquet:row 2"]


def test_hub_dataset_on_disk_gives_class_names(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    single = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    single.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": single, "test": single}).save_to_disk(str(tmp_path / "two"))
    rows = read_table(str(tmp_path / "one")).rows
    assert [row.values for row in rows] == [{"text": "a", "label": "pos"}, {"text": "b", "label": "neg"}]
    assert rows[0].place == f"{tmp_path}/one:row 1"
    assert [row.place for row in read_table(str(tmp_path / "two")).rows] == [
        f"{tmp_path}/two/{part}:row {number}" for part in ("train", "test") for number in (1, 2)
    ]


def test_damaged_hub_dataset_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as a dataset"):
        read_table(str(tmp_path))


def test_sql_table_and_query_give_rows_with_places(tmp_path: Path) -> None:
    source = save_database(tmp_path / "x.db")
    by_table = read_table(f"{source}?table=news")
    assert by_table.rows[2] == Row({"text": "t2", "label": "a"}, f"{source}?table=news:row 3")
    by_query = read_table(f"{source}?query=SELECT text FROM news WHERE text LIKE '%1' -- : % ;")
    assert [row.values for row in by_query.rows] == [{"text": "t1"}]


@pytest.mark.parametrize(
    "source",
    [
        "postgresql+psycopg://ann:S3cret@127.0.0.1:1/db?table=t",
        "postgresql+psycopg://ann:S3cret@127.0.0.1:notaport/db?table=t",
        "postgresql://ann:S3cret@h/db",
        "nosuch://ann:S3cret@h/db?table=t&password=S3cret",
        "sqlite://ann:S3cret@h/db?query=SELECT 1",
    ],
)
def test_password_stands_in_no_message(source: str) -> None:
    with pytest.raises(DataError) as caught:
        read_table(source)
    assert "S3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO('{"text": "好"}\noops\n'.encode())))
    table = read_table("-")
    assert table.rows == [Row({"text": "好"}, "stdin:1")]
    assert [record.place for record in table.rejected] == ["stdin:2"]


# Writing


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
BREAKS = st.sampled_from(["", "\n", "\r\n", "\r", '"', ",", ";", "'", "=", " ", "\u2028", "\x1c", "好"])
CELL = st.lists(st.one_of(TEXT, BREAKS), max_size=5).map("".join)
ROWS = st.lists(st.fixed_dictionaries({"text": CELL, "other": CELL}), min_size=1, max_size=8)


def make_safe(cell: str) -> str:
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, ending=st.sampled_from([".csv", ".tsv"]))
def test_csv_round_trip_keeps_every_text(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], ending: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / f"rows{ending}"
    assert write_rows(str(path), rows) == len(rows)
    table = read_table(str(path))
    assert table.rejected == []
    assert [row.values for row in table.rows] == [{k: make_safe(v) for k, v in row.items()} for row in rows]


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.floats(allow_nan=False, allow_infinity=False),
        CELL,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.dictionaries(TEXT, JSON, max_size=3), min_size=1, max_size=5))
def test_jsonl_round_trip_keeps_every_value(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    write_rows(str(path), rows)
    table = read_table(str(path))
    assert table.rejected == []
    assert [row.values for row in table.rows] == rows


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), ending=st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]))
def test_any_bytes_give_rows_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"a{ending}"
    path.write_bytes(content)
    try:
        table = read_table(str(path))
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert len(table.rows) + len(table.rejected) > 0


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.text('ab",;\n', max_size=12), min_size=1, max_size=8),
    tail=st.integers(min_value=0, max_value=5),
)
def test_no_damage_swallows_the_good_rows_after_it(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], tail: int
) -> None:
    path = tmp_path_factory.mktemp("damage") / "a.csv"
    good = [f"x{number},y{number},z{number}" for number in range(tail + 3)]
    path.write_text("\n".join(["text,label,id", *lines, *good]) + "\n", encoding="utf-8")
    texts = [row.values["text"] for row in read_table(str(path)).rows]
    kept = [text for text in texts if str(text).startswith("x")]
    assert kept[-2:] == [f"x{tail + 1}", f"x{tail + 2}"]


def test_parquet_round_trip_keeps_lists_and_late_values(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": "a", "topics": ["x", "y"], "note": None}]
    rows += [{"text": "b", "topics": [], "note": "late"}]
    write_rows(str(tmp_path / "a.parquet"), rows)
    assert [row.values for row in read_table(str(tmp_path / "a.parquet")).rows] == rows


def test_formula_in_text_is_defused_and_numbers_are_not(tmp_path: Path) -> None:
    write_rows(str(tmp_path / "a.csv"), [{"text": "=HYPERLINK(1)", "score": -0.5, "topics": ("@a", "b"), "no": None}])
    assert (tmp_path / "a.csv").read_text() == "text,score,topics,no\n'=HYPERLINK(1),-0.5,'@a;b,\n"


def test_jsonl_keeps_lists_and_writes_times_and_nan_as_json(tmp_path: Path) -> None:
    moment = datetime(2024, 3, 5, tzinfo=UTC)
    write_rows(str(tmp_path / "a.jsonl"), [{"l": ("a", "b"), "t": moment, "x": math.nan, "s": "=1"}])
    expected = {"l": ["a", "b"], "t": "2024-03-05T00:00:00+00:00", "x": None, "s": "=1"}
    assert json.loads((tmp_path / "a.jsonl").read_text()) == expected


def test_dash_writes_json_lines_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_rows("-", [{"text": "好"}]) == 1
    assert capsys.readouterr().out == '{"text": "好"}\n'


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"a{ending}"
    target.write_text("old")

    def rows():  # type: ignore[no-untyped-def]
        yield {"text": "new"}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(str(target), rows())
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == [f"a{ending}"]


def test_write_says_which_row_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 2: a column that the first row has not: 'b'"):
        write_rows(str(tmp_path / "a.csv"), [{"a": 1}, {"b": 2}])
    with pytest.raises(DataError, match=r"two kinds"):
        write_rows(str(tmp_path / "a.parquet"), [{"a": 1}, {"a": "x"}])
    with pytest.raises(DataError, match=r"lone surrogate"):
        write_rows(str(tmp_path / "a.jsonl"), [{"a": "\ud800"}])
    with pytest.raises(DataError, match=r"'\.xlsx' is not written"):
        write_rows(str(tmp_path / "a.xlsx"), [{"a": 1}])
    assert os.listdir(tmp_path) == []


def test_rejected_and_rows_are_told_apart_in_a_stream(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,a\nbad\n")
    assert [type(record) for record in stream_rows(str(tmp_path / "a.csv"))] == [Row, Rejected]

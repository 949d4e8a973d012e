"""A file as a feed: every record once, through rotation, truncation, restarts and broken bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kits.sentiment.feed import DeadRecord, FeedError, Record
from kits.sentiment.feed.file import FileFeed
from tests.kits.sentiment.feed.draining import drain, jsonl, titles


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "news.jsonl"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("news.jsonl", '{"title": "a"}\n\n{"title": "b"}\r\n{"title": "c"}'),
        ("news.csv", 'title,body\na,x\n"b","y\nz"\nc,w'),
        ("news.tsv", "\ufefftitle\tbody\na\tx\nb\ty\nc\tz\n"),
        ("news.csv", "title;body\r\na;x\r\nb;y\r\nc;z\r\n"),
    ],
)
def test_file_is_read_once_to_its_end(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    for limit in (1, 2, 3, 100):
        feed = FileFeed(tmp_path / name, follow=False)
        found, cursor = drain(feed, limit=limit)
        assert found == ["a", "b", "c"]
        assert drain(feed, cursor) == ([], cursor)
        feed.close()


def test_places_are_those_of_an_editor(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text('title,body\n"a","x\ny"\nb,z\n')
    feed = FileFeed(file, follow=False)
    cursor, places = None, []
    for _ in range(2):
        batch = feed.poll(cursor, 1)
        cursor = batch.cursor
        places += [record.place for record in batch.records]
    assert places == [f"{file}:2", f"{file}:4"]
    feed.close()


def test_lines_are_taken_as_they_are_finished(path: Path) -> None:
    path.write_text(jsonl("a") + '{"title": "b"')
    feed = FileFeed(path, follow=True)
    found, cursor = drain(feed)
    assert found == ["a"]
    with path.open("a") as file:
        file.write("}")
        file.flush()
        assert drain(feed, cursor)[0] == [], "more may follow on the line"
        file.write("\n" + jsonl("c"))
    assert drain(feed, cursor)[0] == ["b", "c"]
    feed.close()


def test_half_written_csv_record_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text('title,body\na,x\n"b","first line\nsecond')
    feed = FileFeed(file, follow=True)
    found, cursor = drain(feed)
    assert found == ["a"]
    with file.open("a") as stream:
        stream.write(" line\nthird line")
        stream.flush()
        assert drain(feed, cursor)[0] == []
        stream.write('"\nc,y\n')
    assert drain(feed, cursor)[0] == ["b", "c"]
    feed.close()


def test_broken_quote_costs_its_own_record_only(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text('title,body\na,x\n"b,never closed\nc,y\nd,z\n')
    feed = FileFeed(file, follow=True)
    found, _ = drain(feed)
    assert [found[0], *found[2:]] == ["a", "c", "d"]
    assert "quote" in str(found[1])
    feed.close()


def test_header_alone_is_waited_with(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text("title,bo")
    feed = FileFeed(file, follow=True)
    found, cursor = drain(feed)
    with file.open("a") as stream:
        stream.write("dy\n")
        stream.flush()
        found += drain(feed, cursor)[0]
        stream.write("a,x\n")
    assert found == []
    assert drain(feed, cursor)[0] == ["a"]
    feed.close()


def test_rotated_file_is_read_to_its_end_and_then_the_new_one(path: Path) -> None:
    path.write_text(jsonl("a"))
    feed = FileFeed(path, follow=True)
    _, cursor = drain(feed)
    with path.open("a") as old:
        old.write(jsonl("b"))
        path.rename(path.with_name("news.jsonl.1"))
        path.write_text("")
        old.flush()
        more, cursor = drain(feed, cursor)
        assert more == ["b"]
        old.write(jsonl("c") + '{"title": "d"}')  # its writer has not noticed yet
    path.write_text(jsonl("e"))
    assert drain(feed, cursor)[0] == ["c", "d", "e"]
    feed.close()


def test_rotation_while_nobody_looked_loses_nothing(path: Path) -> None:
    path.write_text(jsonl("a", "b"))
    first = FileFeed(path, follow=True)
    cursor = first.poll(None, 1).cursor
    first.close()
    path.rename(path.with_name("news.jsonl.2"))
    path.write_text(jsonl("c"))
    path.rename(path.with_name("news.jsonl.1"))
    path.write_text(jsonl("d"))
    for age, name in enumerate(("news.jsonl", "news.jsonl.1", "news.jsonl.2")):
        os.utime(path.with_name(name), ns=(0, 10**18 - age * 10**9))
    second = FileFeed(path, follow=True)
    assert drain(second, cursor)[0] == ["b", "c", "d"]
    second.close()


@pytest.mark.parametrize("text", [jsonl("x"), jsonl("long and quite other", "y", "z", "and so on")])
@pytest.mark.parametrize("is_open", [True, False])
def test_truncated_and_rewritten_file_is_read_from_its_beginning(path: Path, text: str, is_open: bool) -> None:
    path.write_text(jsonl("a", "b", "c"))
    feed = FileFeed(path, follow=True)
    _, cursor = drain(feed)
    if not is_open:
        feed.close()
    path.write_text(text)  # the same inode, another content
    assert drain(feed, cursor)[0] == [json.loads(line)["title"] for line in text.splitlines()]
    feed.close()


def test_file_replaced_under_its_name_is_read_from_its_beginning(path: Path) -> None:
    path.write_text(jsonl("a"))
    feed = FileFeed(path, follow=True)
    _, cursor = drain(feed)
    other = path.with_name("other.jsonl")
    other.write_text(jsonl("b"))
    other.replace(path)
    assert drain(feed, cursor)[0] == ["b"]
    feed.close()


def test_file_that_is_gone_is_an_error_until_it_is_there(path: Path) -> None:
    feed = FileFeed(path, follow=True)
    with pytest.raises(FeedError, match=r"news\.jsonl"):
        feed.poll(None, 1)
    path.write_text(jsonl("a"))
    assert drain(feed)[0] == ["a"]
    feed.close()


def test_bad_lines_are_dead_records_and_stop_nothing(path: Path) -> None:
    lines = [
        b'{"title": "a"}', b"not json", b'{"title": "\xff"}', b'{"title": "n\x00ul"}', b"[1]", b'{"a": 1, "a": 2}',
        b'{"title": "' + b"x" * 10_000_000 + b'"}', b'{"title": "b"}', b"\x00" * 5000, b"[" * 100_000,
        b'{"title": "c"}',
    ]  # fmt: skip
    path.write_bytes(b"\n".join(lines) + b"\n")
    for limit in (1, 100):
        feed = FileFeed(path, follow=True)
        found: list[Record | DeadRecord] = []
        cursor, is_last = None, False
        while not is_last:
            batch = feed.poll(cursor, limit)
            found, cursor, is_last = [*found, *batch.records], batch.cursor, batch.is_last
        feed.close()
        assert [r.values["title"] for r in found if isinstance(r, Record)] == ["a", "b", "c"]
        assert [r.place.rpartition(":")[2] for r in found] == [str(n) for n in range(1, 12)]
        assert all(len(r.raw) <= 8000 for r in found if isinstance(r, DeadRecord))


def test_line_too_long_to_be_kept_may_be_finished_later(path: Path) -> None:
    path.write_bytes(b'{"title": "' + b"x" * 5_000_000)
    feed = FileFeed(path, follow=True)
    found, cursor = drain(feed)
    assert len(found) == 1
    assert "longer than" in str(found[0])
    with path.open("ab") as file:
        file.write(b"y" * 1_000_000)
        file.flush()
        assert drain(feed, cursor)[0] == []
        file.write(b'"}\n' + jsonl("b").encode())
    assert drain(feed, cursor)[0] == ["b"]
    feed.close()


def test_older_chinese_encoding_is_noticed_when_chinese_comes(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_bytes(b"title,body\nplain,x\n")
    feed = FileFeed(file, follow=True)
    found, cursor = drain(feed)
    with file.open("ab") as stream:
        stream.write("上市公司发布业绩预告,净利润大幅增长\n交易所对其发出问询函,要求说明原因\n".encode("gb18030"))
    assert found + drain(feed, cursor)[0] == ["plain", "上市公司发布业绩预告", "交易所对其发出问询函"]
    feed.close()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", '[\n{"title": "a"}\n]\n', "one JSON array"),
        ("b.csv", "title,title\na,b\n", "stand twice"),
        ("c.jsonl", "a\n".encode("utf-16"), "UTF-16"),
        ("d.jsonl", b"\x1f\x8bpacked", "gzip"),
        ("e.parquet", b"PAR1", "no text table"),
        ("f.txt", b"text", "ending in"),
    ],
)
def test_file_that_cannot_be_followed_says_why(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    feed = FileFeed(tmp_path / name, follow=True)
    with pytest.raises(FeedError, match=reason):
        feed.poll(None, 10)
    feed.close()


def test_cursor_of_something_else_begins_anew(path: Path) -> None:
    path.write_text(jsonl("a"))
    for cursor in ("", "null", "{}", "[]", '{"inode": "x"}', "nonsense"):
        feed = FileFeed(path, follow=True)
        assert drain(feed, cursor)[0] == ["a"]
        feed.close()


steps = st.lists(st.sampled_from(["line", "half", "poll", "rotate", "restart", "forget"]), min_size=1, max_size=30)


@settings(max_examples=150)
@given(steps=steps, limit=st.integers(1, 4))
def test_every_line_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], limit: int
) -> None:
    """Whatever is written, rotated, polled or killed in between; a batch that was lost comes again."""
    path = tmp_path_factory.mktemp("feed") / "news.jsonl"
    path.write_text("")
    feed = FileFeed(path, follow=True)
    cursor = feed.poll(None, limit).cursor
    written, rest, found, rotations = 0, "", [], 0
    for step in steps:
        if step in ("line", "half"):
            line = jsonl(str(written))
            written += 1
            cut = len(line) // 2 if step == "half" else len(line)
            with path.open("a") as file:
                file.write(rest + line[:cut])
            rest = line[cut:]
        elif step == "rotate" and not rest and path.stat().st_size:
            rotations += 1
            path.rename(path.with_name(f"news.jsonl.{rotations}"))
            os.utime(path.with_name(f"news.jsonl.{rotations}"), ns=(0, rotations * 10**9))
            path.write_text("")
        elif step == "restart":
            feed.close()
            feed = FileFeed(path, follow=True)
        else:
            batch = feed.poll(cursor, limit)
            if step == "poll":  # else it was read, and lost before it was stored
                found, cursor = found + titles(batch), batch.cursor
    with path.open("a") as file:
        file.write(rest)
    try:
        found += drain(feed, cursor, limit)[0]
    finally:
        feed.close()
    assert found == [str(number) for number in range(written)]

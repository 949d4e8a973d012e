"""A folder as a feed: what lies in it and what is put there later, each record once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kits.sentiment.feed import DeadRecord, FeedError
from kits.sentiment.feed.folder import LIMIT_FILES, SETTLE_SECONDS, FolderFeed
from tests.kits.sentiment.feed.draining import drain, jsonl


def test_every_file_is_read_in_order_of_arrival(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(jsonl("a", "b"))
    (tmp_path / "a.csv").write_text("title\nc\n")
    for name in (".hidden.jsonl", "notes.txt", "d.jsonl.tmp"):
        (tmp_path / name).write_text(jsonl("no"))
    (tmp_path / "inner.jsonl").mkdir()
    found, cursor = drain(FolderFeed(tmp_path, follow=False))
    assert sorted(map(str, found)) == ["a", "b", "c"]
    assert drain(FolderFeed(tmp_path, follow=False), cursor)[0] == []


def test_files_that_are_added_renamed_in_or_grow_are_read_on(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(jsonl("a"))
    feed = FolderFeed(tmp_path, follow=True)
    found, cursor = drain(feed)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write(jsonl("b"))
    (tmp_path / "part").write_text(jsonl("c"))
    os.utime(tmp_path / "part", (0, 0))
    (tmp_path / "part").rename(tmp_path / "old.jsonl")  # keeps its old time of modification
    more, cursor = drain(feed, cursor)
    assert (found, sorted(map(str, more))) == (["a"], ["b", "c"])
    (tmp_path / "a.jsonl").write_text(jsonl("d"))
    assert drain(feed, cursor)[0] == ["d"]


def test_file_that_cannot_be_read_is_one_dead_record(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\x1f\x8bpacked")
    (tmp_path / "b.jsonl").write_text("[\n1\n]\n")
    (tmp_path / "c.jsonl").write_text("not json\n" + jsonl("c"))
    feed = FolderFeed(tmp_path, follow=True)
    batch = feed.poll(None, 10)
    reasons = sorted(record.reason for record in batch.records if isinstance(record, DeadRecord))
    assert len(batch.records) == 4
    assert any("gzip" in reason for reason in reasons)
    assert any("JSON array" in reason for reason in reasons)
    assert feed.poll(batch.cursor, 10).records == (), "it is told once"


def test_last_line_without_an_end_counts_when_the_file_is_at_rest(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("title\na\nb")
    clock = [file.stat().st_ctime + 1]
    feed = FolderFeed(tmp_path, follow=True, now=lambda: clock[0])
    found, cursor = drain(feed)
    assert found == ["a"]
    assert drain(feed, cursor)[0] == []
    clock[0] += SETTLE_SECONDS
    found, cursor = drain(feed, cursor)
    assert found == ["b"]
    assert drain(feed, cursor)[0] == []


def test_cursor_stays_small_however_many_files_there_were(tmp_path: Path) -> None:
    for number in range(4 * LIMIT_FILES):
        (tmp_path / f"{number:04}.jsonl").write_text(jsonl(str(number)))
    later = [max(file.stat().st_ctime for file in tmp_path.iterdir()) + 2 * SETTLE_SECONDS]
    feed = FolderFeed(tmp_path, follow=True, now=lambda: later[0])
    found, cursor = drain(feed, limit=50)
    assert len(found) == len(set(found)) == 4 * LIMIT_FILES
    assert cursor is not None
    assert len(json.loads(cursor)["files"]) <= LIMIT_FILES
    assert drain(feed, cursor)[0] == []
    for file in sorted(tmp_path.iterdir())[:10]:
        file.unlink()
    (tmp_path / "0001.jsonl").write_text(jsonl("new"))
    assert drain(feed, cursor)[0] == ["new"]


def test_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    feed = FolderFeed(tmp_path / "absent", follow=True)
    with pytest.raises(FeedError, match="cannot be listed"):
        feed.poll(None, 1)
    feed.close()


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(0, 7), max_size=6),
    limit=st.integers(1, 5),
    lost=st.sets(st.integers(0, 20)),
)
def test_every_record_is_read_once_whatever_the_limit_and_what_is_lost(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int, lost: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("in")
    expected = []
    for number, size in enumerate(sizes):
        names = [f"{number}-{line}" for line in range(size)]
        (folder / f"{number}.jsonl").write_text(jsonl(*names))
        expected += names
    cursor, found, polls, is_last = None, [], 0, False
    while not is_last:
        batch = FolderFeed(folder, follow=True).poll(cursor, limit)
        polls += 1
        if polls in lost:  # read, and lost before it was stored
            continue
        found += [record.values["title"] for record in batch.records]  # type: ignore[union-attr]
        cursor, is_last = batch.cursor, batch.is_last
    assert sorted(found) == sorted(expected)

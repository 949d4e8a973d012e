from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, DataError, StoreError
from core.index import dense, plan, view
from core.index.column import Filter
from core.index.document import Document
from core.index.hybrid import Query
from core.index.index import Index, open_index
from core.index.writer import Writer, open_writer
from tests.core.index.oracle import Oracle, assert_best, make_documents, make_vectors

ROOT = Path(__file__).parents[3]
NUMBERS = st.lists(st.integers(0, 30), max_size=12, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), NUMBERS, NUMBERS),
        st.tuples(st.sampled_from(["compact", "reopen", "refresh"]), st.just([]), st.just([])),
    ),
    max_size=12,
)


def names(numbers: Sequence[int]) -> list[str]:
    return [f"id {number} 号" for number in numbers]


def assert_agrees(index: Index, oracle: Oracle, seed: int) -> None:
    """That the index holds what the oracle holds, and finds what it finds."""
    assert {document.id: document for document in index.documents()} == oracle.documents
    assert len(index) == len(oracle.documents)
    assert index.check(None) == []
    [vector] = make_vectors(1, seed)
    for where in (None, Filter({"locale": "en"}, forbidden=names([3, 4]))):
        kept = set(oracle.documents)
        if where:
            kept -= {d.id for d in oracle.documents.values() if d.metadata["locale"] != "en"} | set(names([3, 4]))
        for query, scores in (
            (Query("refund late 运费"), oracle.bm25("refund late 运费")),
            (Query(vector=vector), oracle.cosines(vector)),
        ):
            hits = [(hit.document.id, hit.score) for hit in index.search(query, 5, where=where)]
            assert_best(hits, {name: score for name, score in scores.items() if name in kept}, 5)


@settings(max_examples=60)
@given(STEPS, st.sampled_from([1, 10, 2_000]))
def test_any_sequence_of_steps_equals_a_dictionary(
    steps: list[tuple[str, list[int], list[int]]], journal_rows: int
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "JOURNAL_ROWS", journal_rows)
        folder, oracle = Path(name), Oracle()
        writer = open_writer(folder, dimension=8)
        reader = open_index(folder)
        for seed, (step, numbers, deleted) in enumerate(steps):
            if step == "change":
                documents, vectors = make_documents(numbers, seed), make_vectors(len(numbers), seed)
                known = sum(name in oracle.documents for name in names(deleted))
                assert writer.change(documents, vectors, names(deleted)) == known
                oracle.change(documents, vectors, names(deleted))
            elif step == "compact":
                writer.compact()
            elif step == "reopen":
                writer.close()
                writer = open_writer(folder, dimension=8)
            else:
                reader.refresh()
                assert reader.version == writer.index.version
            assert_agrees(writer.index, oracle, seed)
        reader.refresh()
        for index in (reader, open_index(folder)):
            assert_agrees(index, oracle, len(steps))
        writer.close()


def test_many_vectors_go_through_lists_and_stay_right_while_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (dense, plan, view):
        monkeypatch.setattr(module, "EXACT_ROWS", 400)
    oracle, numbers = Oracle(), list(range(1_000))
    with open_writer(tmp_path, dimension=8) as writer:
        for seed, chosen in ((1, numbers), (2, numbers[100:300]), (3, list(range(1_000, 1_100)))):
            documents, vectors = make_documents(chosen, seed), make_vectors(len(chosen), seed)
            writer.put(documents, vectors)
            oracle.change(documents, vectors, ())
        writer.delete(names(numbers[500:600]))
        oracle.change([], np.zeros((0, 8)), names(numbers[500:600]))
        for _ in range(2):
            assert writer.index.check(None) == []
            assert any("inverted lists" in str(part["vectors"]) for part in writer.index.describe()["segments"])
            found = 0
            for vector in make_vectors(50, 9):
                scores = oracle.cosines(vector)
                best = sorted(scores, key=lambda name: -scores[name])[:10]
                hits = writer.index.search(Query(vector=vector), 10)
                expected = [scores[hit.document.id] for hit in hits]
                np.testing.assert_allclose([hit.score for hit in hits], expected, atol=1e-5)
                found += len({hit.document.id for hit in hits} & set(best))
            assert found / 500 >= 0.95
            writer.compact()
        assert len(writer.index.state.view.parts) == 1


def test_index_of_texts_only_needs_no_vectors(tmp_path: Path) -> None:
    with open_writer(tmp_path, dimension=0) as writer:
        writer.put([Document("a", "late fee"), Document("b", "运费")])
        writer.compact()
        assert [hit.document.id for hit in writer.index.search(Query("运费"))] == ["b"]
        assert writer.index.check() == []
        with pytest.raises(DataError, match="expected no vector"):
            writer.index.search(Query(vector=np.ones(3)))
        with pytest.raises(DataError, match="expected documents without vectors"):
            writer.put([Document("a")], np.ones((1, 3)))


@pytest.mark.parametrize(
    ("documents", "vectors", "message"),
    [
        ([Document("")], np.ones((1, 4)), "its id has 0 characters"),
        ([Document("a"), Document("a")], np.ones((2, 4)), "stands twice"),
        ([Document("a")], None, "expected vectors of 4 dimensions"),
        ([Document("a")], np.ones((2, 4)), "not one vector for each document"),
        ([Document("a")], np.ones((1, 3)), "another shape"),
        ([Document("a")], np.zeros((1, 4)), "no direction"),
    ],
)
def test_refused_change_changes_nothing_and_the_writer_goes_on(
    tmp_path: Path, documents: list[Document], vectors: np.ndarray | None, message: str
) -> None:
    with open_writer(tmp_path, dimension=4) as writer:
        writer.put([Document("b", "fee")], np.ones((1, 4)))
        with pytest.raises(DataError, match=message):
            writer.change(documents, vectors, ["b"])
        assert [document.id for document in writer.index.documents()] == ["b"]
        assert writer.delete(["b", "b", "x"]) == 1


def test_maintenance_compacts_when_many_rows_no_longer_hold_and_says_why(tmp_path: Path) -> None:
    with open_writer(tmp_path, dimension=0) as writer:
        writer.put([Document(str(number), "late fee") for number in range(100)])
        assert writer.maintain() is None
        writer.delete([str(number) for number in range(40)])
        assert writer.maintain() == "40 of 100 rows no longer hold"
        assert writer.maintain() is None
        assert b"late fee" not in b"".join(file.read_bytes() for file in tmp_path.glob("journal-*"))


def test_deleted_text_is_gone_from_the_disk_after_compaction(tmp_path: Path) -> None:
    with open_writer(tmp_path, dimension=0) as writer:
        writer.put([Document("a", "a secret"), Document("b", "late fee")])
        writer.compact()
        writer.delete(["a"])
        writer.compact()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"secret" in file.read_bytes()]


def test_change_of_nothing_is_not_written(tmp_path: Path) -> None:
    with open_writer(tmp_path, dimension=4) as writer:
        before = writer.index.version
        assert writer.delete(["unknown"]) == 0
        assert not writer.compact()
        assert writer.index.version == before


def test_second_writer_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from core.errors import StoreError; from core.index.writer import *\n"
        "try: open_writer(Path(sys.argv[1]), dimension=4)\n"
        "except StoreError as error: print(error)"
    )
    with open_writer(tmp_path, dimension=4) as writer:
        with pytest.raises(StoreError, match="another process writes this index"):
            open_writer(tmp_path, dimension=4)
        command = [sys.executable, "-c", script, str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert "another process writes this index" in done.stdout
        timer = threading.Timer(0.01, writer.close)
        timer.start()
        open_writer(tmp_path, dimension=4, wait_seconds=30).close()
        timer.join()


def test_closed_writer_refuses_to_write_and_its_index_can_still_be_searched(tmp_path: Path) -> None:
    writer = open_writer(tmp_path, dimension=0)
    writer.put([Document("a", "late fee")])
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="was closed"):
        writer.delete(["a"])
    assert len(writer.index.search(Query("fee"))) == 1


def test_full_disk_is_told_and_the_writer_must_be_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with open_writer(tmp_path, dimension=0) as writer:
        writer.put([Document("a", "late fee")])
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", refuse)
            with pytest.raises(StoreError, match="No space left"):
                writer.put([Document("b", "card")])
        with pytest.raises(StoreError, match="open a new writer"):
            writer.put([Document("c", "card")])
        assert [document.id for document in writer.index.documents()] == ["a"]
    with open_writer(tmp_path, dimension=0) as again:
        again.put([Document("c", "card")])
        assert [document.id for document in again.index.documents()] == ["a", "c"]


@pytest.mark.parametrize(("dimension", "encoder"), [(4, "model 2"), (5, "model 1"), (0, "model 1")])
def test_vectors_of_another_encoder_never_meet_in_one_index(tmp_path: Path, dimension: int, encoder: str) -> None:
    open_writer(tmp_path, dimension=4, encoder="model 1").close()
    with pytest.raises(ConfigError, match="made for other vectors"):
        open_writer(tmp_path, dimension=dimension, encoder=encoder)
    open_writer(tmp_path, dimension=4, encoder="model 1").close()
    assert open_index(tmp_path).encoder == "model 1"


def test_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match=r"in use by something else.*letters\.txt"):
        open_writer(tmp_path, dimension=4)
    with pytest.raises(ConfigError, match="not a folder"):
        open_writer(tmp_path / "letters.txt", dimension=4)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_searches_of_other_threads_see_whole_changes_while_one_writes(tmp_path: Path) -> None:
    """Every change puts one document and deletes another, so a search that sees half of one counts 9 or 11."""
    counts: set[int] = set()
    is_done = threading.Event()

    def search(index: Index) -> None:
        while not is_done.is_set():
            counts.add(len(index.search(Query("fee"), 50)))

    with open_writer(tmp_path, dimension=0) as writer:
        writer.put([Document(str(number), "fee") for number in range(10)])
        threads = [threading.Thread(target=search, args=[writer.index]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(60):
            writer.change([Document(str(number + 10), "fee")], deleted=[str(number)])
            if number % 20 == 19:
                writer.compact()
        is_done.set()
        for thread in threads:
            thread.join()
    assert counts == {10}


def test_threads_may_write_at_the_same_time(tmp_path: Path) -> None:
    def write(writer: Writer, begin: int) -> None:
        for number in range(begin, begin + 20):
            writer.put([Document(str(number), "fee")])

    with open_writer(tmp_path, dimension=0) as writer:
        threads = [threading.Thread(target=write, args=[writer, begin]) for begin in (0, 20, 40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {document.id for document in open_index(tmp_path).documents()} == {str(number) for number in range(60)}

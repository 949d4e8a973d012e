from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, StoreError
from core.index.change import Change
from core.index.check import find_faults
from core.index.column import Filter, valid_at
from core.index.dense import unit_vectors
from core.index.document import Document
from core.index.hybrid import Query
from core.index.index import Index, open_index
from core.index.segment import Segment
from core.index.view import View, apply_change, make_part
from core.index.writer import open_writer
from tests.core.index.oracle import make_documents, make_vectors

PASSAGES = [
    Document("en-1", "Refunds are issued within 7 days.", {"locale": "en", "source": "faq"}),
    Document("en-2", "Shipping is paid by the buyer.", {"locale": "en", "source": "kb", "valid_until": "2024-02-01"}),
    Document("en-3", "Shipping is free.", {"locale": "en", "source": "kb", "valid_from": "2024-02-01"}),
    Document("zh-1", "七天内可以申请退款。", {"locale": "zh", "source": "faq"}),
    Document("zh-2", "运费由买家承担。型号 XK-200 除外。", {"locale": "zh", "source": "kb"}),
]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    with open_writer(tmp_path, dimension=5, encoder="toy") as writer:
        writer.put(PASSAGES, np.eye(5))
    return open_index(tmp_path)


def find(index: Index, text: str, **options: object) -> list[str]:
    return [hit.document.id for hit in index.search(Query(text), **options)]  # type: ignore[arg-type]


def test_questions_in_both_languages_find_their_passage(index: Index) -> None:
    assert find(index, "when is my refund issued?")[0] == "en-1"
    assert find(index, "退款要几天")[0] == "zh-1"
    assert find(index, "运费谁出")[0] == "zh-2"
    assert find(index, "型号ＸＫ２００")[0] == find(index, "xk-200")[0] == "zh-2"


def test_filter_leaves_the_locale_and_what_holds_that_day(index: Index) -> None:
    january, march = ({"locale": "en", **valid_at(day)} for day in ("2024-01-15", "2024-03-01"))
    assert find(index, "shipping", where=Filter(january)) == ["en-2"]
    assert find(index, "shipping", where=Filter(march)) == ["en-3"]


def test_hit_shows_the_document_as_it_was_put(index: Index) -> None:
    assert index.search(Query(vector=np.eye(5)[4]), 1)[0].document == PASSAGES[4]


def test_documents_and_vectors_are_found_by_id(index: Index) -> None:
    assert index.get(["zh-1", "none", "en-1"]) == [PASSAGES[3], None, PASSAGES[0]]
    vectors = index.vectors(["none", "zh-1"])
    assert np.isnan(vectors[0]).all()
    np.testing.assert_array_equal(vectors[1], np.eye(5)[3])
    assert [document.id for document in index.documents(Filter({"source": "faq"}))] == ["en-1", "zh-1"]


def test_description_says_what_is_held_and_how_it_is_searched(index: Index) -> None:
    described = index.describe()
    assert (described["documents"], described["dimension"], described["encoder"]) == (5, 5, "toy")
    vectors = "exact: 5 rows, at most 20,000 are compared one by one"
    assert described["segments"] == [{"name": "in the journal", "documents": 5, "dead": 0, "vectors": vectors}]
    assert described["compaction"] is None


def test_version_grows_with_every_change_and_is_the_same_for_every_reader(index: Index) -> None:
    versions = [index.version]
    with open_writer(index.folder, dimension=5, encoder="toy") as writer:
        for step in (lambda: writer.delete(["en-1"]), writer.compact, lambda: writer.delete(["en-2"])):
            step()
            versions.append(writer.index.version)
    assert versions == sorted(set(versions))
    assert index.refresh()
    assert index.version == open_index(index.folder).version == versions[-1]
    assert not index.refresh()


def test_reader_sees_one_state_until_it_refreshes(index: Index) -> None:
    with open_writer(index.folder, dimension=5, encoder="toy") as writer:
        writer.delete(["en-1", "zh-1"])
        writer.compact()
    assert len(index) == 5
    assert find(index, "退款")[0] == "zh-1"
    index.refresh()
    assert len(index) == 3
    assert find(index, "退款") == []


def test_vector_of_another_dimension_is_refused(index: Index) -> None:
    with pytest.raises(DataError, match=r"got \(4,\), expected \(5,\)"):
        index.search(Query(vector=np.ones(4)))
    with pytest.raises(DataError, match="zero or not finite"):
        index.search(Query(vector=np.zeros(5)))


def test_folder_without_an_index_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="index your documents first"):
        open_index(tmp_path)


def test_verification_finds_damage_that_came_after_opening(index: Index) -> None:
    with open_writer(index.folder, dimension=5, encoder="toy") as writer:
        writer.compact()
    index.refresh()
    index.verify()
    file = next(index.folder.glob("segment-*/documents.jsonl"))
    file.write_bytes(file.read_bytes().replace("退款".encode(), "退换".encode()))
    with pytest.raises(StoreError, match="has changed"):
        index.verify()


def make_view(seed: int = 1, rows: int = 20) -> View:
    vectors = unit_vectors(make_vectors(rows, seed), 8)
    return apply_change(View(), Change(make_documents(range(rows), seed), vectors))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("records", "terms instead of"),
        ("postings", "terms instead of"),
        ("columns", "other metadata than its document"),
        ("vectors", "vectors of 19 rows instead of 20"),
    ],
)
def test_check_finds_a_part_that_belongs_to_other_documents(name: str, message: str) -> None:
    view, other = make_view(), make_view(2, rows=19 if name == "vectors" else 20)
    parts = {key: getattr(view.parts[0].segment, key) for key in ("records", "columns", "postings", "vectors")}
    mixed = Segment(**(parts | {name: getattr(other.parts[0].segment, name)}))
    assert find_faults(view, 8, None) == []
    assert any(message in fault for fault in find_faults(View((make_part(mixed),)), 8, None))


def test_check_finds_an_id_that_holds_twice_and_a_missing_dimension() -> None:
    [part] = make_view().parts
    assert find_faults(View((part, part)), 8, 5) == ["20 ids hold in more than one row"]
    assert find_faults(View((part,)), 9, 5) == ["the journal: vectors of 8 dimensions instead of 9"]


def test_rarity_counts_only_documents_that_hold(tmp_path: Path) -> None:
    with open_writer(tmp_path, dimension=0) as writer:
        writer.put([Document("a", "refund card"), Document("b", "card"), Document("c", "card fee")])
        both, one, none = writer.index.rarity(["card", "refund", "gold"])
        assert both < one < none
        writer.delete(["a"])
        assert writer.index.rarity(["refund"]) == writer.index.rarity(["gold"])

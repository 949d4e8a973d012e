from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.index.document import Document, check_documents, decode_document, encode_document, encode_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
METADATA = st.dictionaries(TEXT, st.none() | st.booleans() | NUMBERS | TEXT, max_size=3)
DOCUMENTS = st.builds(Document, TEXT.filter(bool), TEXT, METADATA)


@given(DOCUMENTS)
def test_document_comes_back_from_its_line(document: Document) -> None:
    check_documents([document])
    line = encode_document(document)
    assert decode_document(line) == document
    assert line.count(b"\n") == 1


@given(DOCUMENTS, TEXT)
def test_line_begins_with_its_own_id_only(document: Document, other: str) -> None:
    assert encode_document(document).startswith(encode_id(other)) == (document.id == other)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Document(""), "its id has 0 characters, expected 1 to 512"),
        (Document("x" * 513), "its id has 513"),
        (Document("a", "x" * 60_001), "split it into passages"),
        (Document("a", "\ud800"), "half a character"),
        (Document("\udc00"), "half a character"),
        (Document("a", metadata={"b": float("nan")}), "'b' is no text, finite number"),
        (Document("a", metadata={"b": 2**63}), "'b' is no text"),
        (Document("a", metadata={"b": ["x"]}), "'b' is no text"),  # type: ignore[dict-item]
        (Document("a", metadata={"\ud800": 1}), "half a character"),
    ],
)
def test_what_could_not_be_kept_is_refused(document: Document, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_documents([document])


def test_all_faults_are_told_at_once_with_their_place() -> None:
    with pytest.raises(DataError, match=r"document 0: its id has 0.*document 2: the id 'a' stands twice"):
        check_documents([Document(""), Document("a"), Document("a")])

"""One passage, question or item: what is searched, and what is shown when it is found."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from core.errors import DataError

Scalar = str | int | float | bool | None
LIMIT_ID_CHARACTERS = 512
LIMIT_TEXT_CHARACTERS = 60_000  # a count of terms must fit in 16 bits; so long a text is no passage
LIMIT_INTEGER = 2**63
LIMIT_FAULTS = 20
HALF_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Document:
    """What the index holds under one id.

    Attributes:
        id: The caller's name for it; a document with the same id takes its place.
        text: What BM25 reads, and what a hit shows.
        metadata: Plain values to show and to filter by, such as source, heading, locale.
    """

    id: str
    text: str = ""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


def check_documents(documents: Sequence[Document]) -> None:
    """Refuse what could not be kept or found again.

    Raises:
        DataError: Names all that is wrong with the first documents that have a fault.
    """
    faults: list[str] = []
    seen: set[str] = set()
    for position, document in enumerate(documents):
        faults += [f"document {position}: {fault}" for fault in _find_faults(document)]
        if document.id in seen:
            faults.append(f"document {position}: the id {document.id!r} stands twice in one change")
        seen.add(document.id)
        if len(faults) >= LIMIT_FAULTS:
            break
    if faults:
        raise DataError("; ".join(faults[:LIMIT_FAULTS]))


def encode_document(document: Document) -> bytes:
    """One line of JSON, with its line break."""
    record = {"text": document.text, "metadata": dict(document.metadata)}
    return encode_id(document.id) + _to_json(record)[1:].encode() + b"\n"


def encode_id(name: str) -> bytes:
    """How the line of the document with this id begins, and that of no other.

    >>> encode_document(Document("a", "b")).startswith(encode_id("a"))
    True
    """
    return b'{"id":' + _to_json(name).encode() + b","


def decode_document(line: bytes) -> Document:
    """The document that ``encode_document`` wrote.

    >>> decode_document(encode_document(Document("a", "退款", {"locale": "zh"})))
    Document(id='a', text='退款', metadata={'locale': 'zh'})
    """
    record = json.loads(line)
    return Document(record["id"], record["text"], record["metadata"])


@lru_cache(maxsize=10_000)
def recall_document(line: bytes) -> Document:
    """As ``decode_document``; what is found is found again, and is one and the same document then."""
    return decode_document(line)


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _find_faults(document: Document) -> list[str]:
    faults = []
    if not document.id or len(document.id) > LIMIT_ID_CHARACTERS:
        faults.append(f"its id has {len(document.id)} characters, expected 1 to {LIMIT_ID_CHARACTERS}")
    if len(document.text) > LIMIT_TEXT_CHARACTERS:
        limit = f"expected at most {LIMIT_TEXT_CHARACTERS}; split it into passages"
        faults.append(f"its text has {len(document.text)} characters, {limit}")
    texts = [document.id, document.text, *document.metadata]
    for name, value in document.metadata.items():
        if isinstance(value, str):
            texts.append(value)
        elif not _is_plain(value):
            faults.append(f"{name!r} is no text, finite number, boolean or None")
    if any(map(HALF_CHARACTER.search, texts)):
        faults.append("half a character (a lone surrogate) cannot be kept")
    return faults


def _is_plain(value: object) -> bool:
    if isinstance(value, int):  # booleans, too
        return -LIMIT_INTEGER <= value < LIMIT_INTEGER
    return value is None or (isinstance(value, float) and math.isfinite(value))

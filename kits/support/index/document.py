"""Entries of the FAQ and passages of pages as documents of the index, and which of them customers must not see."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from core.index.document import Document, Scalar
from kits.support.answer.evidence import ENTRY, split_text
from kits.support.answer.quote import find_objection
from kits.support.answer.sentence import split_sentences
from kits.support.source.faq import FaqEntry
from kits.support.source.knowledge import Passage

WITHHELD = ("command", "markup")  # a passage with a link is used without the sentence that holds it


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a document is withheld.

    Attributes:
        id: Of the document.
        reason: ``command`` or ``markup``.
        sentence: Which speaks against it.
    """

    id: str
    reason: str
    sentence: str


def faq_document(entry: FaqEntry) -> Document:
    """The document of an entry; it holds until the end of its last day."""
    until = entry.valid_until + timedelta(days=1) if entry.valid_until else None
    name = f"{ENTRY}{entry.id}"
    fields: dict[str, Scalar] = {
        "kind": "faq",
        "source": name,
        "intent": entry.intent,
        "audience": entry.audience,
        "valid_from": entry.valid_from.isoformat() if entry.valid_from else None,
        "valid_until": until.isoformat() if until else None,
    }
    return Document(name, _join(entry.question, entry.answer), _present(fields))


def page_document(passage: Passage, folder: str = "") -> Document:
    """The document of a passage.

    Args:
        passage: What it says.
        folder: Name of the knowledge base; stands before the page in what is cited.
    """
    before = f"{folder}/" if folder else ""
    fields: dict[str, Scalar] = {"kind": "page", "source": f"{before}{passage.source}", "page": passage.page}
    return Document(f"{before}{passage.id}", _join(" > ".join(passage.heading), passage.text), _present(fields))


def make_page(id: str, heading: str, text: str, source: str) -> Document:
    """The document of a passage that was not read from a file."""
    return Document(id, _join(heading, text), {"kind": "page", "source": source})


def find_withheld(documents: Iterable[Document], hosts: Collection[str] = ()) -> list[Objection]:
    """The documents that speak to the assistant, or hold markup, with the sentence that does."""
    found = []
    for document in documents:
        heading, body = split_text(document)
        for sentence in (heading, *split_sentences(body), " ".join(body.split())):
            reason = find_objection(sentence, hosts)
            if reason in WITHHELD:
                found.append(Objection(document.id, str(reason), sentence))
                break
    return found


def _join(heading: str, body: str) -> str:
    return f"{' '.join(heading.split())}\n{body.strip()}"


def _present(fields: dict[str, Scalar]) -> dict[str, Scalar]:
    return {name: value for name, value in fields.items() if value is not None}

"""The API's knowledge: read, put and delete FAQ entries and passages, without a rebuild."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field
from pydantic.dataclasses import dataclass
from starlette.concurrency import run_in_threadpool

from core.errors import DataError
from core.index.document import Document
from core.serve.auth import caller_of
from kits.support.answer.evidence import split_text
from kits.support.index.document import faq_document, find_withheld, make_page
from kits.support.serve.front import At, Front
from kits.support.source.faq import FaqEntry
from kits.support.store.shelf import Entry, Shelf

router = APIRouter(tags=["knowledge"])
MOST_LISTED = 500
Language = Literal["en", "zh"]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Line = Annotated[str, Field(min_length=1, max_length=1_000)]


@dataclass(frozen=True)
class Faq:
    """A question with its approved answer."""

    question: Line
    answer: Text
    intent: Annotated[str | None, Field(max_length=200)] = None
    audience: Literal["any", "private", "business"] = "any"
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True)
class Page:
    """A passage of a page."""

    heading: Line
    text: Text
    source: Line


@router.get("/knowledge/{language}")
def list_knowledge(front: At, language: Language, after: str = "", limit: int = 100) -> list[Mapping[str, Any]]:
    """Entries and passages in the order of their ids, behind an id."""
    most = min(max(limit, 1), MOST_LISTED)
    return [show_entry(entry) for entry in find_shelf(front, language).list(after=after[:512], most=most)]


@router.get("/knowledge/{language}/{id:path}")
def show_knowledge(front: At, language: Language, id: str) -> Mapping[str, Any]:
    """One entry or passage."""
    entry = find_shelf(front, language).get(id)
    if entry is None:
        raise HTTPException(404, "no such document")
    return show_entry(entry)


@router.put("/knowledge/{language}/faq/{id}")
async def put_faq(front: At, request: Request, language: Language, id: str, faq: Faq) -> Mapping[str, Any]:
    """Put an FAQ entry; it is found as soon as the answer comes."""
    return await run_in_threadpool(put_entry, front, caller_of(request).name, language, id, faq)


@router.put("/knowledge/{language}/page/{id:path}")
async def put_page(front: At, request: Request, language: Language, id: str, page: Page) -> Mapping[str, Any]:
    """Put a passage of a page; it is found as soon as the answer comes."""
    document = make_page(id, page.heading, page.text, page.source)
    return await run_in_threadpool(_put, front, caller_of(request).name, language, document)


@router.delete("/knowledge/{language}/{id:path}", status_code=204)
async def delete_knowledge(front: At, request: Request, language: Language, id: str) -> None:
    """Delete an entry or a passage; it is found no more as soon as the answer comes."""
    await run_in_threadpool(drop, front, caller_of(request).name, language, id)


def put_entry(front: Front, by: str, language: str, id: str, faq: Faq) -> Mapping[str, Any]:
    """Put an FAQ entry and let the index follow."""
    if faq.valid_from and faq.valid_until and faq.valid_from > faq.valid_until:
        raise HTTPException(422, "it ends before it begins")
    entry = FaqEntry(
        id, faq.question, faq.answer, faq.intent, language, faq.valid_from, faq.valid_until, faq.audience
    )
    return _put(front, by, language, faq_document(entry))


def drop(front: Front, by: str, language: str, id: str) -> None:
    """Delete a document and let the index follow.

    Raises:
        HTTPException: 404, there is none.
    """
    shelf = find_shelf(front, language)
    if not shelf.change(deleted=[id], by=by).deleted:
        raise HTTPException(404, "no such document")
    front.assistant.follow()


def find_shelf(front: Front, language: str) -> Shelf:
    """The knowledge in a language.

    Raises:
        HTTPException: 404, the assistant does not speak it.
    """
    if language not in front.assistant.voices:
        raise HTTPException(404, "the assistant does not speak this language")
    return front.assistant.voices[language].follower.shelf


def show_entry(entry: Entry) -> dict[str, Any]:
    """A document as programs and pages get it."""
    heading, text = split_text(entry.document)
    return {
        "id": entry.document.id, "heading": heading, "text": text, **entry.document.metadata,
        "is_withheld": entry.is_withheld, "at": entry.at.isoformat(), "by": entry.by,
    }  # fmt: skip


def _put(front: Front, by: str, language: str, document: Document) -> Mapping[str, Any]:
    shelf = find_shelf(front, language)
    withheld = {one.id for one in find_withheld([document], front.assistant.settings.answer.hosts)}
    try:
        shelf.change([document], by=by, withheld=withheld)
    except DataError as error:
        raise HTTPException(422, str(error)) from error
    front.assistant.follow()
    entry = shelf.get(document.id)
    if entry is None:
        raise HTTPException(409, "it was deleted at the same moment")
    return show_entry(entry)

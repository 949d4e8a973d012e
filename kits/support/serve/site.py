"""The pages: the customer's chat, the agents' desk, the knowledge, the figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import HTMLResponse

from core.serve.clock import choose_zone, time_shower
from core.serve.page import choose_language
from core.store.database import reading
from kits.support.answer.evidence import split_text
from kits.support.serve.chat import Name, show_turn
from kits.support.serve.front import At, Front
from kits.support.serve.shelves import find_shelf
from kits.support.store.desk import list_waiting
from kits.support.view.figures import read_figures

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
DAYS = (2, 7, 28)
SHOWN_DOCUMENTS, SHOWN_CLUSTERS, SHOWN_INTENTS = 60, 20, 20


def render(front: Front, request: Request, template: str, page: str, **values: Any) -> HTMLResponse:
    """A page, with what its frame shows."""
    now = datetime.now(UTC)
    caller = request.scope["state"]["caller"]
    when = time_shower(choose_language(request), choose_zone(request), now)
    waiting = [one for one in list_waiting(front.assistant.store) if one.taken_by is None]
    return front.pages.render(
        request, template, page=page, when=when, open_count=len(waiting), can_write=caller.may("write"),
        speaks=sorted(front.assistant.voices), **values,
    )  # fmt: skip


@router.get("/")
def chat_page(front: At, request: Request) -> HTMLResponse:
    """The customer's chat; what is said comes by script, from the same API that programs use."""
    return render(front, request, "chat.html", "chat")


@router.get("/page/desk")
def desk_page(front: At, request: Request) -> HTMLResponse:
    """Who waits for a person, and who is taken care of."""
    found = list_waiting(front.assistant.store)
    return render(
        front, request, "desk.html", "desk",
        waiting=[one for one in found if one.taken_by is None],
        in_hand=[one for one in found if one.taken_by is not None],
    )  # fmt: skip


@router.get("/page/desk/{id}")
def conversation_page(front: At, request: Request, id: Name) -> HTMLResponse:
    """One conversation, as an agent sees it."""
    store = front.assistant.store
    found = store.read([id]).get(id)
    if found is None:
        raise HTTPException(404, "no such conversation")
    turns = [
        show_turn(turn) | {"at": turn["at"], "slots": (turn["said"] or {}).get("slots", {})}
        for turn in store.transcript(id)
    ]
    open_one = next((one for one in list_waiting(store, 10_000) if one.conversation == id), None)
    me = request.scope["state"]["caller"].name
    return render(
        front, request, "conversation.html", "desk", conversation=found, turns=turns, handover=open_one, me=me
    )


@router.get("/page/knowledge")
def knowledge_page(
    front: At, request: Request, language: str = "", find: Annotated[str, Query(max_length=200)] = "", edit: str = ""
) -> HTMLResponse:
    """The knowledge in one language; entries of the FAQ can be changed here."""
    speaks = sorted(front.assistant.voices)
    chosen = language if language in speaks else speaks[0]
    shelf = find_shelf(front, chosen)
    entries = shelf.list()
    needle = find.casefold().strip()
    kept = [entry for entry in entries if needle in f"{entry.document.id}\n{entry.document.text}".casefold()]
    kept.sort(key=lambda entry: (not entry.is_withheld, entry.document.metadata.get("kind") != "faq"))
    edited = next((entry for entry in entries if entry.document.id == edit), None)
    return render(
        front, request, "knowledge.html", "knowledge",
        chosen=chosen, find=find, total=len(entries), found=len(kept), split=split_text,
        entries=kept[:SHOWN_DOCUMENTS], edited=edited,
        intents=sorted(front.assistant.voices[chosen].voice.responses),
    )  # fmt: skip


@router.get("/page/figures")
def figures_page(front: At, request: Request, days: Annotated[int, Query(ge=1, le=400)] = 7) -> HTMLResponse:
    """How the assistant does."""
    store = front.assistant.store
    with reading(store.engine) as connection:
        found = read_figures(connection, store.tenant, datetime.now(UTC) - timedelta(days=days))
    return render(
        front, request, "figures.html", "figures", figures=found, days=days, choices=DAYS,
        clusters=found.unanswered[:SHOWN_CLUSTERS], intents=found.intents[:SHOWN_INTENTS],
    )  # fmt: skip

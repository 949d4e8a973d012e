"""What all routes of the assistant's server share; messages of many customers are answered in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import func, select

from core.serve.batcher import Batcher
from core.serve.events import Pulse
from core.serve.page import Pages
from core.store.database import reading
from kits.support.assistant.talk import Assistant, Message
from kits.support.dialogue.reply import Reply
from kits.support.store.schema import changes, conversations, handovers, turns

MOST_TOGETHER = 32
MOST_WAITING = 256


@dataclass(frozen=True)
class Front:
    """Handed to every route.

    Attributes:
        assistant: Who answers.
        batcher: Lets it answer several customers at once, on one thread.
        pages: Renders the page.
        pulse: Tells when something has changed.
        wake: To be called when something was said: there may be something to send.
    """

    assistant: Assistant
    batcher: Batcher[Message, Reply]
    pages: Pages
    pulse: Pulse
    wake: Callable[[], None]


def make_batcher(assistant: Assistant, wake: Callable[[], None]) -> Batcher[Message, Reply]:
    """Answers whole batches; between two of them the index follows the database.

    Args:
        assistant: Who answers.
        wake: Called when a batch is kept: there may be something to send.
    """

    def work(messages: Sequence[Message]) -> list[Reply]:
        try:
            return assistant.reply_many(messages)
        finally:
            wake()

    return Batcher(work, max_rows=MOST_TOGETHER, max_waiting_rows=MOST_WAITING)


def read_version(assistant: Assistant) -> tuple[object, ...]:
    """What changes with every turn, hand-over and change of the knowledge."""
    tenant = assistant.store.tenant
    with reading(assistant.store.engine) as connection:
        waiting = connection.execute(
            select(func.count(), func.max(handovers.c.number), func.max(handovers.c.taken_at)).where(
                handovers.c.tenant == tenant, handovers.c.resolved_at.is_(None)
            )
        ).one()
        return (
            tuple(waiting),
            connection.execute(select(func.max(turns.c.number)).where(turns.c.tenant == tenant)).scalar(),
            connection.execute(select(func.sum(changes.c.last)).where(changes.c.tenant == tenant)).scalar(),
            connection.execute(select(func.count()).where(conversations.c.tenant == tenant)).scalar(),
        )


async def _front_of(request: Request) -> Any:  # a plain function would cost every request a thread
    return request.app.state.front


At = Annotated[Front, Depends(_front_of)]

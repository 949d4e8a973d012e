"""Past conversations between customers and agents, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.config import DataConfig
from core.data.columns import Column
from core.data.load import Record
from core.data.row import Rejected
from kits.support.source.loaded import Loaded, load_rows

Speaker = Literal["customer", "agent"]
SPEAKERS: dict[str, Speaker] = {
    "customer": "customer", "user": "customer", "client": "customer", "visitor": "customer", "caller": "customer",
    "guest": "customer", "客户": "customer", "用户": "customer", "顾客": "customer", "买家": "customer",
    "agent": "agent", "support": "agent", "operator": "agent", "assistant": "agent", "staff": "agent", "bot": "agent",
    "advisor": "agent", "客服": "agent", "坐席": "agent", "人工": "agent", "卖家": "agent",
}  # fmt: skip
_CONVERSATIONS = ("conversation_id", "dialogue", "session", "ticket")
COLUMNS = (
    Column("conversation", "id", "Which conversation a turn belongs to", (*_CONVERSATIONS, "会话")),
    Column("speaker", "label", "Who speaks: customer or agent", ("role", "author", "sender", "from", "角色", "发送者")),
    Column("text", "text", "What is said", ("message", "utterance", "content", "body", "内容", "消息")),
    Column("at", "time", "When", ("time", "timestamp", "date", "created_at", "时间")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """What one of the two said.

    Attributes:
        speaker: ``customer`` or ``agent``.
        text: What was said.
        at: When, or None.
        place: Where it stands.
    """

    speaker: Speaker
    text: str
    at: datetime | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of one conversation, in their order."""

    id: str
    turns: tuple[Turn, ...]


def load_transcripts(sources: Sequence[str], config: DataConfig | None = None) -> Loaded[Conversation]:
    """Read conversations; the turns of each are put in the order of their times, where all have one.

    Args:
        sources: Files, folders or SQL URLs with a row for each turn.
        config: Column map (``--map``) and words for the speakers (``--label``).

    Raises:
        DataError: A source cannot be read, or lacks a column.
    """
    rows = load_rows(sources, COLUMNS, ("conversation", "speaker", "text"), _make_turn, config)
    turns: dict[str, list[Turn]] = {}
    for conversation, turn in rows.items:
        turns.setdefault(conversation, []).append(turn)
    return Loaded([Conversation(name, _in_order(said)) for name, said in turns.items()], rows.rejected)


def _in_order(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    if any(turn.at is None for turn in turns):
        return tuple(turns)
    return tuple(sorted(turns, key=lambda turn: turn.at or datetime.min))


def _make_turn(record: Record, place: str) -> tuple[str, Turn] | Rejected:
    given = record["speaker"] or ""
    speaker = SPEAKERS.get(given.casefold())
    if speaker is None:
        shown = given[:40]
        return Rejected(place, f"unknown speaker {shown!r}, expected customer or agent; map it: --label {shown}=agent")
    if not record["conversation"]:
        return Rejected(place, "no conversation: which one does the turn belong to?")
    if not record["text"]:
        return Rejected(place, "no text")
    return record["conversation"], Turn(speaker, record["text"], record["at"], place)

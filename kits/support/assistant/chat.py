"""The verb ``chat``: a conversation in the terminal, or out of a file with a message on each line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from core.console import say, stderr, stdout
from core.errors import DataError
from kits.support.assistant.talk import Assistant
from kits.support.dialogue.reply import Reply

PROMPT = "You: "


def run(
    *,
    assistant: Path,
    customer: str = "private",
    conversation: str | None = None,
    store: str | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: talk until the end of the input, or until the conversation is closed.

    Raises:
        KitError: The assistant cannot be opened.
    """
    opened = Assistant.load(assistant, config=config, set=set, store=store, seed=seed)
    name = conversation or f"cli-{uuid4().hex[:12]}"
    said: list[dict[str, Any]] = []
    for text in _read_lines():
        try:
            reply = opened.reply(name, text, user="cli", customer=customer, channel="cli")  # type: ignore[arg-type]
        except DataError as error:
            say(str(error))
            continue
        said.append({"user": text, **reply.to_json()})
        if not as_json:
            show_reply(reply)
        if reply.action == "close":
            break
    return {"conversation": name, "turns": said}


def show_reply(reply: Reply) -> None:
    """Print a reply with its sources."""
    if reply.action is None:
        stdout.print("(a person takes care of this conversation)", style="dim")
        return
    stdout.print(reply.text, markup=False, style="bold", soft_wrap=True)
    for citation in reply.citations:
        stdout.print(f"  {citation.source}", markup=False, style="dim", soft_wrap=True)
    if reply.action == "hand_over":
        stdout.print(f"  (handed over: {reply.reason})", style="dim")


def _read_lines() -> Iterator[str]:
    """What is typed, or stands on standard input."""
    is_typed = sys.stdin.isatty()
    while True:
        if is_typed:
            stderr.print(PROMPT, end="")
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()

"""The verb ``test``: holds all conversations of some files with an assistant, in a database that is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.console import progress, say, show_table
from core.errors import DataError, KitError
from kits.support.assistant.talk import Assistant
from kits.support.assistant.voices import open_assistant_store, read_settings
from kits.support.rehearse.hold import Held, hold_story
from kits.support.rehearse.junit import write_junit
from kits.support.rehearse.story import Story, read_stories
from kits.support.store.store import open_store


class StoriesFailed(KitError):
    """A conversation went otherwise than it should."""


def run(
    *,
    assistant: Path,
    stories: list[Path],
    junit: Path | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb.

    Raises:
        DataError: A file is wrong.
        StoriesFailed: A conversation went otherwise than it should.
    """
    told = [story for file in stories for story in read_stories(file)]
    if not told:
        raise DataError("no conversation", where=", ".join(map(str, stories)))
    with TemporaryDirectory(prefix="fieldkits-test-") as place:
        held = hold_all(open_rehearsal(assistant, Path(place), config=config, set=set, seed=seed), told)
    if junit is not None:
        write_junit(junit, held)
    failed = [(story, turns) for story, turns in held if any(turn.faults for turn in turns)]
    _report(held, failed, as_json)
    result = {
        "conversations": len(held),
        "passed": len(held) - len(failed),
        "failed": [
            {"id": story.id, "file": story.file, "faults": [
                {"turn": turn.number, "text": turn.text, "fault": fault} for turn in turns for fault in turn.faults
            ]}
            for story, turns in failed
        ],
    }  # fmt: skip
    if failed:
        names = ", ".join(story.id for story, _ in failed[:10])
        if as_json:
            from core.console import emit_json

            emit_json(result)
        raise StoriesFailed(f"{len(failed)} of {len(held)} conversations went wrong: {names}")
    return result


def open_rehearsal(folder: Path, place: Path, **options: Any) -> Assistant:
    """An assistant that reads the index of another, and keeps its own conversations elsewhere.

    Args:
        folder: Of the assistant.
        place: Where the conversations are kept.
        options: Settings, as ``read_config`` takes them.
    """
    settings = read_settings(folder, **options)
    open_assistant_store(folder, settings).engine.dispose()
    rehearsed = Assistant.load(folder, may_write=False, **options)
    return Assistant(rehearsed.voices, open_store(f"sqlite:///{place / 'test.db'}"), rehearsed.settings)


def hold_all(assistant: Assistant, told: Sequence[Story]) -> list[tuple[Story, list[Held]]]:
    """Hold conversations, one after the other."""
    held = []
    with progress("Conversations", len(told)) as tick:
        for story in told:
            held.append((story, hold_story(assistant, story)))
            tick()
    return held


def _report(
    held: Sequence[tuple[Story, Sequence[Held]]], failed: Sequence[tuple[Story, Sequence[Held]]], as_json: bool
) -> None:
    for story, turns in failed:
        say(f"{story.id} ({story.file}): {story.about}")
        for turn in turns:
            for fault in turn.faults:
                say(f"  turn {turn.number} {turn.text!r}: {fault}")
    if not as_json:
        by_file: dict[str, list[int]] = {}
        for story, turns in held:
            by_file.setdefault(story.file, []).append(not any(turn.faults for turn in turns))
        rows = [(file, sum(passed), len(passed)) for file, passed in by_file.items()]
        show_table("Conversation tests", ("file", "passed", "of"), rows)

"""The verb ``learn``: without ``--review`` it proposes; with it, it trains a candidate, compares, and may promote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.console import say, show_table
from core.data.example import Example
from core.data.table import write_rows
from core.errors import ConfigError
from kits.support.assistant.home import Room, choose_room
from kits.support.assistant.talk import Assistant
from kits.support.assistant.voices import open_assistant_store, open_reader, open_voice, read_settings
from kits.support.config import SupportConfig
from kits.support.data import load, replace_sources
from kits.support.learn.compare import Comparison, compare, name_reading
from kits.support.learn.propose import propose, read_accepted, write_proposals
from kits.support.predict import Reader
from kits.support.reading import Language
from kits.support.rehearse.run import hold_all
from kits.support.rehearse.story import Story, read_stories
from kits.support.store.shelf import Shelf
from kits.support.store.store import Store, open_store
from kits.support.train import train_model

PROPOSALS, CHANGES, MODEL, ACCEPTED = "proposals.csv", "changes.csv", "model", "accepted.csv"
SHOWN = 30


def run(
    *,
    assistant: Path,
    out: Path,
    review: Path | None = None,
    data: list[str] | None = None,
    test: list[str] | None = None,
    stories: list[Path] | None = None,
    days: int = 90,
    promote: bool = False,
    preset: str | None = None,
    map: list[str] | None = None,
    label: list[str] | None = None,
    budget: str | None = None,
    store: str | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb.

    Raises:
        ConfigError: The options do not go together.
        DataError: A file is wrong.
    """
    settings = read_settings(
        assistant, config=config, set=set, store=store, seed=seed, map=map, label=label, budget=budget
    )
    language, room = choose_room(assistant, preset)
    opened = open_assistant_store(assistant, settings)
    if review is None:
        since = datetime.now(UTC) - timedelta(days=days)
        proposals = propose(opened, open_reader(language, room, settings), since, language)
        write_proposals(out / PROPOSALS, proposals)
        if not as_json and proposals:
            rows = [(p.text, p.source, p.count, p.intent or f"? {p.suggested}") for p in proposals[:SHOWN]]
            show_table("Proposals", ("text", "source", "alike", "intent"), rows)
        say(f"Give each text an intent, or none, in {out / PROPOSALS}; then: learn --review {out / PROPOSALS}")
        return {"proposals": len(proposals), "file": str(out / PROPOSALS)}
    if room.is_untaught:
        raise ConfigError(
            "no model has been trained that a new one could be compared with", where="learn",
            fix=f"train --data YOURS --data {review}, then index --model",
        )  # fmt: skip
    live = Reader.load(room.model)
    if not data or not test:
        raise ConfigError("to train, name the rows: --data, and a fixed test: --test", where="learn")
    accepted = read_accepted(review)
    candidate = _train(out, settings, live, data, accepted)
    fixed = _read_fixed(settings, test)
    told = [story for file in stories or () for story in read_stories(file)]
    found = _compare(room, opened, settings, language, (live, candidate), fixed, told)
    write_rows(str(out / CHANGES), iter([asdict(change) | {"kind": change.kind} for change in found.changes]))
    _report(found, as_json)
    is_promoted = promote and not found.objections
    if is_promoted:
        room.add_model(out / MODEL, candidate.version)
        room.promote(candidate.version)
        say(f"Promoted: {candidate.version}. Run the verb index once, so that the index follows; then serve anew")
    return {
        "accepted": len(accepted), "rows": found.rows, "live": round(found.live, 4),
        "candidate": round(found.candidate, 4), "changed": len(found.changes), "file": str(out / CHANGES),
        "lost_stories": list(found.lost_stories), "won_stories": list(found.won_stories),
        "objections": found.objections, "promoted": is_promoted, "model_version": candidate.version,
    }  # fmt: skip


def _train(
    out: Path, settings: SupportConfig, live: Reader, data: Sequence[str], accepted: Sequence[tuple[str, str]]
) -> Reader:
    """A candidate, trained as the live model was, on the rows and what was accepted."""
    sources = list(data)
    if accepted:
        write_rows(str(out / ACCEPTED), iter([{"text": text, "intent": intent} for text, intent in accepted]))
        sources.append(str(out / ACCEPTED))
    own = live.config.model_copy(
        update={"data": settings.data.model_copy(update={"sources": tuple(sources)}), "seed": settings.seed}
    )
    own = own.model_copy(update={"train": own.train.model_copy(update={"budget": settings.train.budget})})
    train_model(own, out / MODEL)
    return Reader.load(out / MODEL)


def _read_fixed(settings: SupportConfig, test: Sequence[str]) -> list[tuple[str, str]]:
    examples = load(settings.model_copy(update={"data": replace_sources(settings, test)})).examples
    return [(example.text, _truth(example)) for example in examples if example.labels]


def _truth(example: Example) -> str:
    several = example.labels.get("intents")
    return ";".join(sorted(several)) if several else str(example.labels["intent"])


def _compare(
    room: Room,
    store: Store,
    settings: SupportConfig,
    language: Language,
    readers: tuple[Reader, Reader],
    fixed: Sequence[tuple[str, str]],
    told: Sequence[Story],
) -> Comparison:
    """Both models on the fixed test and in the conversations, each over an index made for it."""
    texts = [text for text, _ in fixed]
    reads = [[name_reading(read) for read in reader.read(texts)] for reader in readers]
    passed: dict[str, tuple[bool, bool]] = {}
    if told:
        held = [_rehearse(room, store, settings, language, reader, told) for reader in readers]
        passed = {name: (held[0][name], held[1][name]) for name in held[0]}
    return compare(fixed, reads[0], reads[1], passed)


def _rehearse(
    room: Room, store: Store, settings: SupportConfig, language: Language, reader: Reader, told: Sequence[Story]
) -> dict[str, bool]:
    """Which conversations pass with a reader; everything is kept in a place that is thrown away."""
    with TemporaryDirectory(prefix="fieldkits-learn-") as place:
        own = open_store(f"sqlite:///{Path(place) / 'learn.db'}")
        entries = Shelf(store, language).list()
        withheld = {entry.document.id for entry in entries if entry.is_withheld}
        Shelf(own, language).change([entry.document for entry in entries], by="learn", withheld=withheld)
        there = Room(Path(place) / language)
        there.put_file(room.responses, there.responses)
        there.put_file(room.slots, there.slots)
        spoken = open_voice(language, there, own, settings, reader)
        spoken.follower.follow()
        held = hold_all(Assistant({language: spoken}, own, settings), told)
        spoken.follower.close()
        own.engine.dispose()
        return {f"{story.file}:{story.id}": not any(turn.faults for turn in turns) for story, turns in held}


def _report(found: Comparison, as_json: bool) -> None:
    if not as_json:
        rows = [(change.text, change.truth, change.live, change.candidate) for change in found.changes[:SHOWN]]
        if rows:
            show_table(f"Changed predictions: {len(found.changes)}", ("text", "truth", "live", "candidate"), rows)
        shares = [("live", f"{found.live:.4f}"), ("candidate", f"{found.candidate:.4f}")]
        show_table("The fixed test", ("model", "right"), shares)
    for objection in found.objections:
        say(f"Not promoted: {objection}")

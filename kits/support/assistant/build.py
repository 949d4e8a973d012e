"""The verb ``index``: makes an assistant out of a model, approved answers, FAQ and pages, or brings one up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.config import dump_config
from core.console import say, show_table
from core.errors import ConfigError, DataError
from core.index.document import Document
from kits.support.answer.response import read_responses
from kits.support.assistant.home import CONFIG, LANGUAGES, LIVE, UNTAUGHT, Room, replace_text
from kits.support.assistant.voices import Reads, choose_embed, open_assistant_store, open_reader, read_settings
from kits.support.config import PolicyConfig, SupportConfig
from kits.support.dialogue.slot import read_slots
from kits.support.index.document import Objection, faq_document, find_withheld, page_document
from kits.support.index.follow import Follower, name_folder
from kits.support.predict import Reader
from kits.support.reading import Language
from kits.support.source.faq import load_faq
from kits.support.source.knowledge import load_knowledge
from kits.support.store.shelf import Shelf, Tally

SHOWN = 20


def run(
    *,
    out: Path,
    model: Path | None = None,
    faq: list[str] | None = None,
    knowledge: list[Path] | None = None,
    responses: Path | None = None,
    slots: Path | None = None,
    store: str | None = None,
    preset: str | None = None,
    map: list[str] | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb. What is given replaces what was there of its kind; what is not given stays.

    Raises:
        ConfigError: The options do not go together.
        DataError: A file cannot be read, or holds nothing that can be used.
        StoreError: The database or the index cannot be written.
    """
    reader = None if model is None else Reader.load(model)
    policy = None if reader is None else reader.config.policy
    settings = read_settings(out, policy=policy, config=config, set=set, store=store, seed=seed, map=map)
    _check_secrets(settings)
    language = _choose_language(out, preset, reader)
    room = Room(out / language)
    if room.live is None and not (faq or knowledge or (responses and model)):
        raise ConfigError("has nothing to answer with", where="index", fix="give --faq or --knowledge")
    if reader is not None and room.is_untaught and settings.policy == PolicyConfig():
        settings = settings.model_copy(update={"policy": reader.config.policy})  # as if it had begun with the model
    given = _read_documents(faq, knowledge, language, settings)
    _furnish(room, responses, slots)
    if model is not None and reader is not None:
        room.add_model(model, reader.version)
        room.promote(reader.version)
    elif room.live is None:
        room.promote(UNTAUGHT)
    replace_text(out / CONFIG, dump_config(settings))
    opened = open_assistant_store(out, settings)
    shelf = Shelf(opened, language)
    withheld: list[Objection] = []
    tallies = {kind: _put(shelf, kind, documents, settings, withheld) for kind, documents in given.items()}
    result = _follow(room, shelf, settings, reader or open_reader(language, room, settings))
    _report(tallies, withheld, result, as_json)
    if room.is_untaught:
        say("No model yet: no intent is read, and only the FAQ and the pages answer. Train one, then: index --model")
    return {
        "out": str(out), "language": language, "model_version": room.live,
        "changes": {kind: asdict(tally) for kind, tally in tallies.items()},
        "withheld": [asdict(one) for one in withheld], **result,
    }  # fmt: skip


def _choose_language(out: Path, preset: str | None, reader: Reader | None) -> Language:
    if reader is not None:
        return reader.config.preset
    there = [language for language in LANGUAGES if (out / language / LIVE).is_file()]
    if preset is None and len(there) != 1:
        fix = "name it: --preset en or --preset zh" + ("" if there else "; or a model: --model DIR")
        raise ConfigError("for which language?", where="index", fix=fix)
    for language in LANGUAGES if preset else there:
        if preset in (None, language):
            return language
    raise ConfigError("no such language", where="--preset", got=preset, expected=" or ".join(LANGUAGES))


def _check_secrets(settings: SupportConfig) -> None:
    """Refuse to write down a secret of a channel: the folder is copied from machine to machine."""
    for channel in settings.channels:
        for name in ("secret", "token"):
            value = getattr(channel, name)
            if value is not None and not value.startswith("env:"):
                fix = "name a variable that holds it, or give the channels to serve only"
                raise ConfigError("would be written into the folder", where=f"channels.{channel.name}.{name}", fix=fix)


def _furnish(room: Room, responses: Path | None, slots: Path | None) -> None:
    """Check and copy what is given, before anything is changed; a new assistant may begin without either file."""
    known = read_slots(slots or room.slots) if slots or room.slots.is_file() else {}
    if responses or room.responses.is_file():
        read_responses(responses or room.responses, known)
    for source, target in ((responses, room.responses), (slots, room.slots)):
        if source is not None:
            room.put_file(source, target)
        elif not target.is_file():
            replace_text(target, "")


def _read_documents(
    faq: list[str] | None, knowledge: list[Path] | None, language: Language, settings: SupportConfig
) -> dict[str, list[Document]]:
    """What is given of the FAQ and of pages, by its kind.

    Raises:
        DataError: A file cannot be read, or has no entry in the language and would take the place of all there are.
    """
    given = {}
    if faq:
        entries = load_faq(faq, settings.data).items
        given["faq"] = [faq_document(entry) for entry in entries if entry.locale == language]
        if not given["faq"]:
            raise DataError(
                "no entry is in the assistant's language", where=", ".join(faq), expected=language,
                got=", ".join(sorted({entry.locale for entry in entries})), fix="give --preset, or the column locale",
            )  # fmt: skip
    if knowledge:
        given["page"] = [document for folder in knowledge for document in _read_pages(folder, settings)]
    return given


def _read_pages(folder: Path, settings: SupportConfig) -> list[Document]:
    name = folder.name if folder.is_dir() else ""
    return [page_document(passage, name) for passage in load_knowledge(folder, settings.index.passage_width).items]


def _put(
    shelf: Shelf, kind: str, documents: Sequence[Document], settings: SupportConfig, withheld: list[Objection]
) -> Tally:
    found = find_withheld(documents, settings.answer.hosts)
    withheld += found
    ids = {objection.id for objection in found}
    return shelf.change(documents, by="index", withheld=ids, replaces=kind)


def _follow(room: Room, shelf: Shelf, settings: SupportConfig, reader: Reads) -> dict[str, Any]:
    """Bring the index up to date, or leave it to the process that has it open."""
    embed, dimension, encoder = choose_embed(reader, settings)
    follower = Follower(shelf, room.folder / name_folder(encoder), embed, dimension, encoder)
    if not follower.is_writer:
        return {"documents": shelf.count(), "followed": False}
    follower.follow()
    documents = len(follower.index) - 1
    follower.close()
    return {"documents": documents, "followed": True}


def _report(tallies: dict[str, Tally], withheld: Sequence[Objection], result: dict[str, Any], as_json: bool) -> None:
    if not as_json and tallies:
        rows = [(kind, tally.added, tally.changed, tally.deleted, tally.same) for kind, tally in tallies.items()]
        show_table("Knowledge", ("kind", "added", "changed", "deleted", "same"), rows)
    for objection in withheld[:SHOWN]:
        say(f"Kept from customers ({objection.reason}): {objection.id}: {objection.sentence[:100]!r}")
    if len(withheld) > SHOWN:
        say(f"… and {len(withheld) - SHOWN} more")
    if not result["followed"]:
        say("Another process has the index open; it brings it up to date itself")
    say(f"Documents in the index: {result['documents']}")

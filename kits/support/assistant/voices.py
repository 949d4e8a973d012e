"""Opens what an assistant's folder holds: for each language a reader, an index that follows the database, a voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kits.support.answer.compose import Composer
from kits.support.answer.evidence import Embed, Library
from kits.support.answer.generate import Generator
from kits.support.answer.local import LocalGenerator
from kits.support.answer.remote import open_remote
from kits.support.answer.response import read_responses
from kits.support.assistant.home import CONFIG, Room, open_rooms, place_database
from kits.support.config import GenerateConfig, PolicyConfig, SupportConfig, read_config
from kits.support.dialogue.slot import read_slots
from kits.support.dialogue.voice import Voice
from kits.support.index.follow import Follower, name_folder
from kits.support.scope.policy import Policy
from kits.support.store.shelf import Shelf
from kits.support.store.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from kits.support.reading import Language, Understanding


class Reads(Protocol):
    """Who reads what customers write: ``kits.support.Reader``, or who stands in for one."""

    @property
    def version(self) -> str:
        """Tells what makes these vectors from every other."""

    @property
    def dimension(self) -> int:
        """Of the vectors that ``embed`` makes."""

    @property
    def is_semantic(self) -> bool:
        """Whether near vectors mean the same; else they only share words."""

    def read(self, texts: Sequence[str], *, may_ask_two: bool = True) -> list[Understanding]:
        """What each text asks for."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts."""

    def warm(self) -> Iterator[int]:
        """Get ready, step by step."""


@dataclass(frozen=True)
class Spoken:
    """One language of an assistant.

    Attributes:
        reader: Reads what customers want.
        voice: What is known.
        follower: Keeps the index.
    """

    reader: Reads
    voice: Voice
    follower: Follower


def read_settings(
    folder: Path,
    *,
    policy: PolicyConfig | None = None,
    store: str | None = None,
    set: list[str] | None = None,
    **options: Any,
) -> SupportConfig:
    """The settings of an assistant: those of its folder, then those of the command line.

    Args:
        folder: Of the assistant.
        policy: The costs that a new assistant starts with: those that its model was trained for.
        store: URL of another database than the folder's.
        set: Single settings, as ``section.key=value``.
        options: The others, as ``read_config`` takes them.
    """
    options["set"] = [*(set or ()), *([f"store.url={store}"] if store else [])]
    file = folder / CONFIG
    if file.is_file():
        return read_config(base=read_config(config=file), **options)
    base = SupportConfig() if policy is None else SupportConfig(policy=policy)
    return read_config(base=base, **options)


def open_assistant_store(folder: Path, settings: SupportConfig) -> Store:
    """The database of an assistant."""
    return open_store(place_database(folder, settings), settings.dialogue.tenant, settings.told_channels)


def open_voices(folder: Path, store: Store, settings: SupportConfig, may_write: bool = True) -> Mapping[str, Spoken]:
    """Everything that an assistant speaks.

    Args:
        folder: As the verb ``index`` made it.
        store: Its database.
        settings: As ``read_settings`` gives them.
        may_write: Whether to bring the index up to date; else it is used as it is.

    Raises:
        ConfigError: There is no assistant in the folder.
        DataError: Responses or slots are wrong.
        ModelError: A model is damaged.
    """
    return {
        language: open_voice(language, room, store, settings, open_reader(language, room, settings), may_write)
        for language, room in open_rooms(folder).items()
    }


def open_reader(language: Language, room: Room, settings: SupportConfig) -> Reads:
    """The model that answers, or who stands in for it where none has been trained.

    Raises:
        ModelError: A model is damaged.
    """
    from kits.support.assistant.untaught import Untaught  # torch, which who brings a reader of their own need not have
    from kits.support.predict import Reader

    return Untaught.open(language, settings) if room.is_untaught else Reader.load(room.model)


def choose_embed(reader: Reads, settings: SupportConfig) -> tuple[Embed | None, int, str]:
    """How vectors are made: the function, their dimension, and a name for what makes them."""
    if not settings.index.dense:
        return None, 0, "words"
    return reader.embed, reader.dimension, reader.version


@cache
def open_generator(settings: GenerateConfig) -> Generator | None:
    """Who writes answers, if anybody is named; both languages share one.

    Raises:
        ConfigError: The server's address is wrong.
        ModelError: There is no such model.
    """
    if settings.url:
        return open_remote(settings.url, settings.model, settings.seconds, settings.key)
    return LocalGenerator.load(settings.folder) if settings.folder else None


def open_voice(
    language: Language, room: Room, store: Store, settings: SupportConfig, reader: Reads, may_write: bool = True
) -> Spoken:
    """One language of an assistant, with a reader that is loaded.

    Raises:
        DataError: Responses or slots are wrong.
        StoreError: The index is damaged.
    """
    slots = read_slots(room.slots)
    responses = read_responses(room.responses, slots)
    embed, dimension, encoder = choose_embed(reader, settings)
    folder = room.folder / name_folder(encoder)
    follower = Follower(Shelf(store, language), folder, embed, dimension, encoder, may_write)
    answer = settings.answer
    voice = Voice(
        language=language,
        responses=responses,
        slots=slots,
        policy=Policy.of(settings.policy),
        library=Library(follower, embed, reader.is_semantic, settings.index.searched),
        composer=Composer(embed, answer.hosts, answer.sentences, answer.characters, answer.least_likeness),
        settings=answer,
        person_intents=frozenset(settings.dialogue.person_intents),
        generator=open_generator(settings.generate),
    )
    return Spoken(reader, voice, follower)

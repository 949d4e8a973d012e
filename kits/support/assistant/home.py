"""The folder of an assistant: for each language its models, approved answers, slots and index, and one database.

assistant/
config.toml            settings, as the verb index was given them
support.db             conversations and knowledge, if no other database is named
en/  zh/
models/VERSION/      trained models; ``live`` names the one that answers, or is ``untaught``
responses.toml  slots.toml
index-…/             made from the database, one for each encoder
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from core.errors import ConfigError
from kits.support.config import SupportConfig
from kits.support.reading import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
CONFIG, DATABASE, LIVE = "config.toml", "support.db", "live"
UNTAUGHT = "untaught"
_VERSION = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Room:
    """The part of the folder that belongs to one language."""

    folder: Path

    @property
    def responses(self) -> Path:
        """The approved answers."""
        return self.folder / "responses.toml"

    @property
    def slots(self) -> Path:
        """What they may need."""
        return self.folder / "slots.toml"

    @property
    def model(self) -> Path:
        """The model that answers.

        Raises:
            ConfigError: There is none yet.
        """
        version = self.live
        if version is None:
            raise ConfigError("no model yet", where=str(self.folder), fix="run the verb index with --model")
        return self.folder / "models" / version

    @property
    def live(self) -> str | None:
        """The version of the model that answers."""
        try:
            version = (self.folder / LIVE).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        if not _VERSION.fullmatch(version):
            raise ConfigError("names no model", where=str(self.folder / LIVE), got=version)
        return version

    @property
    def is_untaught(self) -> bool:
        """Whether the assistant has begun without a model."""
        return self.live == UNTAUGHT

    def add_model(self, source: Path, version: str) -> Path:
        """Copy a trained model here; it does not answer yet."""
        target = self.folder / "models" / version
        if not target.exists() and source.resolve() != target.resolve():
            shutil.copytree(source, target.with_suffix(".part"), dirs_exist_ok=True)
            os.replace(target.with_suffix(".part"), target)
        return target

    def promote(self, version: str) -> None:
        """Let a model answer from now on; whoever runs sees it at the next start."""
        replace_text(self.folder / LIVE, version)

    def put_file(self, source: Path, target: Path) -> None:
        """Copy responses or slots here, whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_text(target, source.read_text(encoding="utf-8-sig"))


def open_rooms(folder: Path) -> Mapping[Language, Room]:
    """The languages that an assistant speaks.

    Raises:
        ConfigError: There is no assistant in the folder.
    """
    rooms = {language: Room(folder / language) for language in LANGUAGES if (folder / language / LIVE).is_file()}
    if not rooms:
        raise ConfigError("no assistant here", where=str(folder), fix="make one with the verb index")
    return rooms


def choose_room(folder: Path, language: str | None) -> tuple[Language, Room]:
    """The language that is named, or the only one there is.

    Raises:
        ConfigError: No assistant is in the folder, it does not speak the language, or none of several is named.
    """
    rooms = open_rooms(folder)
    if language is None and len(rooms) > 1:
        raise ConfigError("for which language?", where="--preset", expected=" or ".join(rooms))
    for spoken, room in rooms.items():
        if language in (None, spoken):
            return spoken, room
    raise ConfigError("the assistant does not speak it", where="--preset", got=language)


def place_database(folder: Path, settings: SupportConfig) -> str:
    """The URL of the database: as set, else a file in the folder."""
    if settings.store.url != SupportConfig().store.url:
        return settings.store.url
    return f"sqlite:///{folder / DATABASE}"


def replace_text(file: Path, text: str) -> None:
    """Write a small file so that it is never seen half written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)

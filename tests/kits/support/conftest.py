"""An assistant that reads by words, over the sample's knowledge."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kits.support.assistant.talk import Assistant
from tests.kits.support.fake import close, fill, open_assistant


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with database and index, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder, f"sqlite:///{folder / 'support.db'}")
    return folder


@pytest.fixture
def assistant(filled: Path, tmp_path: Path) -> Iterator[Assistant]:
    """English only, in a folder of its own."""
    folder = tmp_path / "assistant"
    shutil.copytree(filled, folder)
    opened = open_assistant(folder, f"sqlite:///{folder / 'support.db'}")
    yield opened
    close(opened)

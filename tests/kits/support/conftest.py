"""An assistant that reads by words, over the sample's knowledge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kits.support.assistant.talk import Assistant
from tests.kits.support.fake import make_assistant


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    """English only, in a folder of its own."""
    made = make_assistant(tmp_path / "assistant", f"sqlite:///{tmp_path / 'support.db'}")
    yield made
    for spoken in made.voices.values():
        spoken.follower.close()
    made.store.engine.dispose()

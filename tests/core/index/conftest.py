"""What the tests of the index share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def disk_that_never_loses_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out waiting for the disk, which no test of one process can tell from a disk that is fast."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

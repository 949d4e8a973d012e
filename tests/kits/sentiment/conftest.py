"""What all tests of the kit share: a small trained model, and an empty database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import KINDS, own_database
from tests.kits.sentiment.command import SAMPLE, succeed


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tasks, learnt from the sample data by the quickest rung."""
    folder = tmp_path_factory.mktemp("models") / "news"
    succeed(
        "train", "--data", SAMPLE / "train.csv", "--out", folder,
        "--set", "train.rungs=tfidf", "--set", "evaluate.bootstrap_samples=50",
    )  # fmt: skip
    return folder


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on SQLite and on PostgreSQL."""
    with own_database(request.param, tmp_path) as url:
        yield url

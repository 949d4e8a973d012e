"""A small trained model for all tests of the kit."""

from __future__ import annotations

from pathlib import Path

import pytest

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

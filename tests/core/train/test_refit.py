from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import KitConfig, ModelConfig, TrainConfig
from core.data.example import Dataset, join_datasets, make_dataset
from core.model.linear import fit_linear
from core.train.ladder import Ladder, climb
from core.train.refit import refit
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)
ALL = ("tfidf", "probe", "blend", "tuned", "tuned_blend")


@pytest.fixture
def rows() -> tuple[Dataset, Dataset]:
    return make_dataset(make_examples(60, 1), TASKS), make_dataset(make_examples(40, 2), TASKS)


def configure(backbone: Path, rungs: tuple[str, ...]) -> KitConfig:
    model = ModelConfig(backbone=str(backbone), max_tokens=32)
    return KitConfig(model=model, train=TrainConfig(epochs=1, rungs=rungs))  # type: ignore[arg-type]


def choose(ladder: Ladder, name: str) -> Ladder:
    """The ladder as if a rung had won."""
    (rung,) = [rung for rung in ladder.rungs if rung.name == name]
    assert rung.classifier is not None
    return Ladder(ladder.rungs, rung, rung.classifier)


def by_name(ladder: Ladder) -> dict[str, Any]:
    return {rung.name: rung for rung in ladder.rungs}


def test_ngrams_have_learned_from_all_rows_and_are_read_as_they_were(
    tiny_backbone: Path, rows: tuple[Dataset, Dataset]
) -> None:
    config = configure(tiny_backbone, ("tfidf",))
    before = climb(*rows, TASKS, config)
    after = refit(before, *rows, TASKS, config, None)
    both = join_datasets(rows)
    expected = fit_linear(both.texts, TASKS, both.targets, both.known, analyzer="word+char", seed=config.seed)
    for found, wanted in zip(after.classifier.logits(both.texts), expected.logits(both.texts), strict=True):
        assert np.array_equal(found, wanted)
    assert after.chosen.calibration == before.chosen.calibration
    assert after.chosen is after.rungs[0]


@pytest.mark.parametrize("name", ["blend", "tuned_blend"])
def test_a_blend_is_put_together_of_new_parts_but_for_an_encoder_that_was_tuned(
    tiny_backbone: Path, rows: tuple[Dataset, Dataset], name: str
) -> None:
    config = configure(tiny_backbone, ALL)
    before = choose(climb(*rows, TASKS, config), name)
    after = refit(before, *rows, TASKS, config, None)
    old, new = (ladder.classifier for ladder in (before, after))
    texts = rows[1].texts
    same = [np.array_equal(a, b) for a, b in zip(old.encoder.logits(texts), new.encoder.logits(texts), strict=True)]  # type: ignore[attr-defined]
    assert all(same) == (name == "tuned_blend")
    assert not np.array_equal(old.linear.logits(texts)[0], new.linear.logits(texts)[0])  # type: ignore[attr-defined]
    assert after.chosen.calibration == before.chosen.calibration
    assert after.chosen.shares == before.chosen.shares


def test_what_is_compared_with_has_learned_from_all_rows_too(
    tiny_backbone: Path, rows: tuple[Dataset, Dataset]
) -> None:
    config = configure(tiny_backbone, ALL)
    before = choose(climb(*rows, TASKS, config), "tuned")
    after = refit(before, *rows, TASKS, config, None)
    assert after.classifier is before.classifier
    assert by_name(after)["tfidf"].classifier is not by_name(before)["tfidf"].classifier
    assert by_name(after)["probe"].classifier is not by_name(before)["probe"].classifier


def test_what_there_is_no_time_for_stays(tiny_backbone: Path, rows: tuple[Dataset, Dataset]) -> None:
    config = configure(tiny_backbone, ("tfidf", "probe"))
    before = climb(*rows, TASKS, config)
    assert refit(before, *rows, TASKS, config, 0.0) is before
    assert refit(before, *rows, TASKS, config, 600.0) is not before

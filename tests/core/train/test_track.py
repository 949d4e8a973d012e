from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from core.config import KitConfig, TrainConfig
from core.errors import ConfigError
from core.train.track import FOLDER, open_tracker


def test_without_a_tracker_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_tracker(KitConfig()) as log:
        log({"train/loss": 1.0}, 1)
    assert not list(tmp_path.iterdir())


def test_tracker_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = KitConfig(train=TrainConfig(tracker="mlflow"))
    with pytest.raises(ConfigError, match=r"train\.tracker.*fieldkits\[mlflow\]"), open_tracker(config):
        pass


def test_curves_reach_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.chdir(tmp_path)
    with open_tracker(KitConfig(train=TrainConfig(tracker="tensorboard", precision="fp32"))) as log:
        for step in (1, 2, 3):
            log({"train/loss": 1.0 / step}, step)
    folder = next(file.parent for file in (tmp_path / FOLDER).rglob("*tfevents*") if "hparams" not in str(file))
    read = events.EventAccumulator(str(folder))
    read.Reload()
    assert [(point.step, round(point.value, 3)) for point in read.Scalars("train/loss")] == [
        (1, 1.0),
        (2, 0.5),
        (3, 0.333),
    ]

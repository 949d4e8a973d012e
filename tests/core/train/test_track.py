from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.config import KitConfig, TrainConfig
from core.errors import ConfigError
from core.train import track
from core.train.track import FOLDER, open_tracker

LOSSES = [(1, 1.0), (2, 0.5), (3, 0.25)]


class Talker:
    """Accelerate with a tracker that prints, and that fails where it is told to."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at, self.logged = fails_at, list[int]()
        self.trackers = [self]

    def _do(self, what: str) -> None:
        print(f"view run: {what}")
        if what == self.fails_at:
            raise OSError("no server")

    def init_trackers(self, name: str, config: Mapping[str, object]) -> None:
        self._do("open")

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._do(f"step {step}")
        self.logged.append(step)

    def finish(self) -> None:
        self._do("finish")


@pytest.fixture
def talker(monkeypatch: pytest.MonkeyPatch) -> Talker:
    talker = Talker()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(track, "make_accelerator", lambda *arguments, **options: talker)
    return talker


def log_losses(tracker: str) -> None:
    with open_tracker(KitConfig(train=TrainConfig(tracker=tracker, precision="fp32"))) as log:  # type: ignore[arg-type]
        for step, loss in LOSSES:
            log({"train/loss": loss}, step)


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
    log_losses("tensorboard")
    folder = next(file.parent for file in (tmp_path / FOLDER).rglob("*tfevents*") if "hparams" not in str(file))
    read = events.EventAccumulator(str(folder))
    read.Reload()
    assert [(point.step, point.value) for point in read.Scalars("train/loss")] == LOSSES


@pytest.mark.filterwarnings("ignore")
def test_curves_and_settings_reach_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/curves.db")
    log_losses("mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/curves.db")
    (run,) = client.search_runs([client.get_experiment_by_name("fieldkits").experiment_id])
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "train/loss")] == LOSSES
    assert (run.info.status, run.data.params["train.tracker"]) == ("FINISHED", "mlflow")
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore")
def test_curves_and_settings_reach_an_offline_run_of_wandb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    log_losses("wandb")
    (written,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    content = written.read_bytes()
    assert content.count(b"train/loss") >= len(LOSSES)
    assert b"train.tracker" in content
    assert capsys.readouterr().out == ""


def test_tracker_that_cannot_be_opened_says_so(talker: Talker) -> None:
    talker.fails_at = "open"
    with pytest.raises(ConfigError, match=r"train\.tracker.*no server.*'mlflow'"):
        log_losses("mlflow")


def test_tracker_that_fails_on_the_way_is_told_once_and_stops_nothing(
    talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(track, "say", said.append)
    talker.fails_at = "step 2"
    log_losses("mlflow")
    assert talker.logged == [1]
    assert said == ["mlflow failed and gets no more of this run: no server"]


def test_what_a_tracker_prints_keeps_off_standard_output(talker: Talker, capsys: pytest.CaptureFixture[str]) -> None:
    log_losses("wandb")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "view run: finish" in printed.err

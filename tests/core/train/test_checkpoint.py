from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ResumeError
from core.train.checkpoint import KEEP, Checkpoint, load_checkpoint, save_checkpoint

FLIPS = 200


def checkpoint(step: int) -> Checkpoint:
    tensors = {"weight/a": torch.arange(6.0) + step, "optimizer/step/a": torch.tensor(float(step))}
    return Checkpoint(step, tensors, {"best_score": -float("inf"), "curve": [{"loss": 0.1 + step}]})


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(7), "run")
    loaded = load_checkpoint(tmp_path, "run")
    assert loaded is not None
    assert (loaded.step, loaded.values) == (7, checkpoint(7).values)
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in checkpoint(7).tensors.items())


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "absent", "run") is None
    (tmp_path / ".step-000000003.partial").mkdir()
    (tmp_path / "step-000000002").mkdir()
    assert load_checkpoint(tmp_path, "run") is None


def test_only_the_newest_stay(tmp_path: Path) -> None:
    for step in (2, 9, 10, 100):
        save_checkpoint(tmp_path, checkpoint(step), "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000010", "step-000000100"]
    assert len(list(tmp_path.iterdir())) == KEEP


def test_half_written_one_is_not_seen_and_does_not_hinder_the_next(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), "run")
    partial = tmp_path / ".step-000000002.partial"
    partial.mkdir()
    (partial / "state.safetensors").write_bytes(b"half")
    found = load_checkpoint(tmp_path, "run")
    assert found is not None
    assert found.step == 1
    save_checkpoint(tmp_path, checkpoint(2), "run")
    found = load_checkpoint(tmp_path, "run")
    assert found is not None
    assert found.step == 2


def test_bit_flipped_anywhere_in_the_newest_brings_back_the_one_before(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), "run")
    newest = save_checkpoint(tmp_path, checkpoint(2), "run")
    random = np.random.default_rng(0)
    for flip in range(FLIPS):
        file = newest / ("state.json" if flip % 2 else "state.safetensors")
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        found = load_checkpoint(tmp_path, "run")
        assert found is not None
        assert found.step == 1
        file.write_bytes(whole)


@pytest.mark.parametrize("text", ["", "[]", "null", "5", "{}", '{"sha256": 1}', "[" * 100_000])
def test_nonsense_for_a_state_brings_back_the_one_before(tmp_path: Path, text: str) -> None:
    save_checkpoint(tmp_path, checkpoint(1), "run")
    newest = save_checkpoint(tmp_path, checkpoint(2), "run")
    (newest / "state.json").write_text(text, encoding="utf-8")
    found = load_checkpoint(tmp_path, "run")
    assert found is not None
    assert found.step == 1


def test_damaged_newer_ones_never_push_out_what_is_written_now(tmp_path: Path) -> None:
    for step in (8, 9):
        (save_checkpoint(tmp_path, checkpoint(step), "run") / "state.safetensors").write_bytes(b"damaged")
    save_checkpoint(tmp_path, checkpoint(5), "run")
    found = load_checkpoint(tmp_path, "run")
    assert found is not None
    assert found.step == 5


def test_one_of_another_run_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), "run")
    with pytest.raises(ResumeError, match="without --resume"):
        load_checkpoint(tmp_path, "another")


def test_files_are_plain(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, checkpoint(1), "run")
    assert {file.name for file in folder.iterdir()} == {"state.json", "state.safetensors"}
    assert json.loads((folder / "state.json").read_text(encoding="utf-8"))["step"] == 1

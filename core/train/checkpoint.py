"""Checkpoints that are whole or absent: written aside, synced, renamed; verified when read.

No pickle: tensors are one safetensors file, everything else is JSON that holds the sha256 of both.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import ResumeError
from core.model.backbone import file_sha256

KEEP = 2
_PREFIX = "step-"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that training needs to go on exactly where it was.

    Attributes:
        step: Updates done.
        tensors: Weights, optimizer state and best weights, by name.
        values: JSON values: counters, scores, the learning curve.
    """

    step: int
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, run: str) -> Path:
    """Write a checkpoint so that a crash at any moment leaves an older one usable.

    Args:
        folder: Holds the checkpoints of one run; the newest ``KEEP`` stay.
        checkpoint: What to keep.
        run: Fingerprint of settings and data, compared on resuming.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{_PREFIX}{checkpoint.step:09d}"
    partial = folder / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    save_file(dict(checkpoint.tensors), partial / "state.safetensors")
    document = {"run": run, "step": checkpoint.step, "values": dict(checkpoint.values)}
    document["sha256"] = _digest(document, partial / "state.safetensors")
    (partial / "state.json").write_text(json.dumps(document), encoding="utf-8")
    for file in partial.iterdir():
        _sync(file)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    _sync(folder)
    kept = [path for path in _newest_first(folder) if path <= final][:KEEP]
    for other in set(_newest_first(folder)) - set(kept):  # also newer ones, which are damaged or of an earlier run
        shutil.rmtree(other, ignore_errors=True)
    return final


def load_checkpoint(folder: Path, run: str) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None when there is none.

    Raises:
        ResumeError: It was written with other settings or other data.
    """
    for path in _newest_first(folder):
        try:
            document = json.loads((path / "state.json").read_text(encoding="utf-8"))
            whole = document.pop("sha256") == _digest(document, path / "state.safetensors")
            if whole and document["run"] == run:
                return Checkpoint(document["step"], load_file(path / "state.safetensors"), document["values"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError):
            continue
        if whole:
            raise ResumeError(
                "the checkpoint belongs to other settings or data",
                where=str(path),
                fix="train with the same data and settings, or without --resume to start anew",
            )
    return None


def _digest(document: Mapping[str, Any], tensors: Path) -> str:
    return hashlib.sha256(f"{json.dumps(document, sort_keys=True)} {file_sha256(tensors)}".encode()).hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_PREFIX}*"), reverse=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A damaged, full or unwritable cache costs time, never correctness."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from core.data import cache
from core.data.cache import Arrays, cached_arrays

ARRAYS = {"ids": np.arange(40, dtype=np.int32), "offsets": np.arange(5.0)}
FLIPS = 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDKITS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Computer:
    """Computes the arrays and counts how often."""

    times = 0

    def __call__(self) -> Arrays:
        self.times += 1
        return ARRAYS


def are_right(arrays: Arrays) -> bool:
    return set(arrays) == set(ARRAYS) and all(
        arrays[name].dtype == values.dtype and np.array_equal(arrays[name], values) for name, values in ARRAYS.items()
    )


def test_arrays_are_computed_once(folder: Path) -> None:
    compute = Computer()
    assert all(are_right(cached_arrays("tokens", "a", compute)) for _ in range(3))
    assert compute.times == 1
    cached_arrays("tokens", "b", compute)
    cached_arrays("embeddings", "a", compute)
    assert compute.times == 3


def test_bit_flipped_anywhere_is_noticed(folder: Path) -> None:
    cached_arrays("tokens", "a", Computer())
    (file,) = (folder / "tokens").iterdir()
    whole = file.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(FLIPS):
        damaged, compute = bytearray(whole), Computer()
        damaged[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        assert are_right(cached_arrays("tokens", "a", compute))
        assert compute.times == 1


@pytest.mark.parametrize("kept", [0, 1, 31, 32, 33, 200])
def test_file_cut_short_is_computed_and_written_again(folder: Path, kept: int) -> None:
    cached_arrays("tokens", "a", Computer())
    (file,) = (folder / "tokens").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:kept])
    assert are_right(cached_arrays("tokens", "a", Computer()))
    assert file.read_bytes() == whole


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("FIELDKITS_CACHE", str(tmp_path / "file"))
    compute = Computer()
    assert all(are_right(cached_arrays("tokens", "a", compute)) for _ in range(2))
    assert compute.times == 2


def test_oldest_files_go_when_the_cache_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_arrays("tokens", "0", Computer())
    size = (folder / "tokens" / "0.npz").stat().st_size
    monkeypatch.setattr(cache, "LIMIT_BYTES", int(2.5 * size))
    for age, name in enumerate("0123"):
        cached_arrays("tokens", name, Computer())
        os.utime(folder / "tokens" / f"{name}.npz", (1000 + age, 1000 + age))
    cached_arrays("tokens", "4", Computer())
    assert sorted(file.name for file in (folder / "tokens").iterdir()) == ["3.npz", "4.npz"]

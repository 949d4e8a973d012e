"""The machine: each choice with its reason, each random number from the seed."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.runtime import choose_device, choose_precision, derive_seed, is_offline, seed_everything


def test_device_is_one_that_works() -> None:
    choice = choose_device()
    assert torch.zeros(1, device=choice.value).item() == 0
    assert choice.reason


@pytest.mark.parametrize("wanted", ["fp32", "bf16", "fp16"])
def test_configured_precision_is_taken(wanted: str) -> None:
    assert choose_precision(wanted, "cpu") == (wanted, "as configured")


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [({"amx_tile": True}, "bf16"), ({"avx512_bf16": True}, "bf16"), ({"bf16": True}, "bf16"), ({"avx2": True}, "fp32")],
)
def test_bf16_is_chosen_where_the_processor_has_it(
    capabilities: dict[str, bool], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    choice = choose_precision("auto", "cpu")
    assert choice.value == chosen
    assert choice.reason


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_seed_repeats_every_generator() -> None:
    seed_everything(3, "epoch", 1)
    first = draw()
    draw()
    seed_everything(3, "epoch", 1)
    assert draw() == first
    seed_everything(3, "epoch", 2)
    assert draw() != first


@given(seed=st.integers(0, 2**31 - 1), parts=st.lists(st.integers() | st.text(max_size=5), max_size=4))
def test_derived_seed_is_63_bits_and_repeatable(seed: int, parts: list[object]) -> None:
    number = derive_seed(seed, *parts)
    assert number == derive_seed(seed, *parts)
    assert 0 <= number < 2**63
    assert number != derive_seed(seed, *parts, "more")


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize(("value", "offline"), [("1", True), ("true", True), ("0", False), ("", False), (None, False)])
def test_offline_is_what_the_environment_says(
    name: str, value: str | None, offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    if value is not None:
        monkeypatch.setenv(name, value)
    assert is_offline() == offline

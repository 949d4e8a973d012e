"""The machine a run is on: device, number format, threads, seed, network. Each with its reason."""

from __future__ import annotations

import hashlib
import os
import random
from typing import NamedTuple

import numpy as np
import torch


class Choice(NamedTuple):
    """A decision about the machine, and why it was taken."""

    value: str
    reason: str


def choose_device() -> Choice:
    """Where tensors live: ``cuda``, ``mps`` or ``cpu``."""
    if torch.cuda.is_available():
        return Choice("cuda", torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return Choice("mps", "Apple GPU")
    return Choice("cpu", f"no GPU found; {torch.get_num_threads()} threads")


def choose_precision(wanted: str, device: str) -> Choice:
    """The number format of the matrix work: ``fp32``, ``bf16`` or ``fp16``.

    ``auto`` takes bf16 where the hardware multiplies it: elsewhere it is emulated, and slower.
    """
    if wanted != "auto":
        return Choice(wanted, "as configured")
    if device == "cuda":
        return Choice("bf16", "GPU with bf16") if torch.cuda.is_bf16_supported() else Choice("fp16", "older GPU")
    if device == "cpu" and _cpu_multiplies_bf16():
        return Choice("bf16", "CPU with bf16 instructions")
    return Choice("fp32", "no bf16 instructions")


def _cpu_multiplies_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_tile", "bf16"))


def seed_everything(seed: int, *parts: object) -> None:
    """Start every random generator from a function of ``seed`` and ``parts``.

    Called anew for each step of training, it makes a step independent of what ran before,
    and so exactly repeatable after an interruption.
    """
    number = derive_seed(seed, *parts)
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)


def derive_seed(seed: int, *parts: object) -> int:
    """A 63-bit number that depends on every argument and on nothing else.

    >>> derive_seed(1, "epoch", 2) == derive_seed(1, "epoch", 2) != derive_seed(1, "epoch", 3)
    True
    """
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def is_offline() -> bool:
    """True when the user has forbidden the network (``HF_HUB_OFFLINE`` or ``TRANSFORMERS_OFFLINE``)."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))

"""Processes that train together decide as one: what may differ between them is settled here.

Each has a clock of its own and sees its own share of the rows. Whatever decides how many updates
are made must be the same number on all: one that stopped alone would leave the rest waiting.
"""

from __future__ import annotations

import torch
from accelerate import PartialState

from core.runtime import choose_device


def joined() -> PartialState:
    """The processes that train together, which those that torchrun started now join; else one alone."""
    return PartialState(cpu=choose_device().value == "cpu")  # unless told so, Accelerate joins GPUs only


def of_first(*values: float) -> tuple[float, ...]:
    """The values that the first process holds, on every process; a process alone keeps its own.

    >>> of_first(2.5, 4.0)
    (2.5, 4.0)
    """
    processes = joined()
    if processes.num_processes == 1:
        return values
    numbers = torch.tensor(values, dtype=torch.float64, device=processes.device)
    torch.distributed.broadcast(numbers, src=0)
    return tuple(numbers.tolist())


def sum_of_all(value: float) -> float:
    """The sum over all processes, the same on each.

    >>> sum_of_all(0.75)
    0.75
    """
    processes = joined()
    if processes.num_processes == 1:
        return value
    number = torch.tensor(value, dtype=torch.float64, device=processes.device)
    torch.distributed.all_reduce(number)
    return float(number)

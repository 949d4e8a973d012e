"""What changes while a model is trained, and its way into a checkpoint and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from core.train.checkpoint import Checkpoint, save_checkpoint

Named = dict[str, torch.nn.Parameter]


@dataclass(slots=True)
class State:
    """What changes while training; together with the weights it is the checkpoint."""

    step: int = 0
    total: int = 0
    best_score: float = -math.inf
    best_step: int = 0
    validations_without_best: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)


def save_state(
    folder: Path,
    state: State,
    named: Named,
    optimizer: torch.optim.Optimizer,
    fingerprint: str,
    accelerator: Accelerator,
) -> None:
    """Write weights, optimizer state, best weights and counters as a checkpoint, on the main process."""
    if not accelerator.is_main_process:
        return
    tensors: dict[str, Tensor] = {f"best/{name}": value for name, value in state.best.items()}
    tensors |= {f"average/{name}": value for name, value in state.average.items()}
    for name, parameter in named.items():
        tensors[f"weight/{name}"] = parameter.detach()
        for key, value in optimizer.state[parameter].items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{key}/{name}"] = value
    values = {key: value for key, value in _values(state).items() if key not in ("best", "average")}
    scaler = getattr(accelerator, "scaler", None)
    if scaler is not None:
        values["scaler"] = scaler.state_dict()
    save_checkpoint(
        folder, Checkpoint(state.step, {k: v.contiguous() for k, v in tensors.items()}, values), fingerprint
    )


def restore_state(
    state: State,
    named: Named,
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    checkpoint: Checkpoint | None,
) -> None:
    """Put everything back as ``save_state`` found it; without a checkpoint nothing changes."""
    if checkpoint is None:
        return
    for key, value in checkpoint.values.items():
        if key == "scaler":
            accelerator.scaler.load_state_dict(value)
        else:
            setattr(state, key, value)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in checkpoint.tensors.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = tensor
    copy_into(named, parts["weight"])
    state.best, state.average = parts.get("best", {}), parts.get("average", {})
    for key, tensor in parts.get("optimizer", {}).items():
        kind, _, name = key.partition("/")
        parameter = named[name]
        optimizer.state[parameter][kind] = tensor.to(parameter.device)


def copy_into(named: Named, values: dict[str, Tensor]) -> None:
    """Overwrite parameters by name."""
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(values[name])


def _values(state: State) -> dict[str, Any]:
    return {name: getattr(state, name) for name in state.__slots__}

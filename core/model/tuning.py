"""Decides which weights of a model are trained: the heads, LoRA adapters, or all."""

from __future__ import annotations

from typing import Any

from core.config import ModelConfig
from core.errors import ConfigError
from core.model.dropout import hasten_dropout
from core.model.heads import TextClassifier


def apply_tuning(model: TextClassifier, config: ModelConfig) -> TextClassifier:
    """Make a model ready to be trained: mark what is to change, with LoRA adapters where asked. The heads always are.

    Source:
        Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models; adapters by peft.

    Raises:
        ConfigError: ``model.lora_targets`` names no layer of this encoder.
    """
    model.requires_grad_(True)
    if config.tuning == "head":
        model.encoder.requires_grad_(False)
    elif config.tuning == "lora":
        _add_lora(model, config)
    for name, weight in model.encoder.named_parameters():
        is_frozen_embedding = config.freeze_embeddings and "embeddings." in name and "lora_" not in name
        if is_frozen_embedding or "pooler." in name:  # a pooler's output is not used here
            weight.requires_grad_(False)
    hasten_dropout(model)
    return model


def merge_tuning(model: TextClassifier) -> TextClassifier:
    """Fold LoRA adapters into the weights they adapt, so that the encoder is a plain one again."""
    merge: Any = getattr(model.encoder, "merge_and_unload", None)
    if merge is not None:
        model.encoder = merge()
    return model


def _add_lora(model: TextClassifier, config: ModelConfig) -> None:
    from peft import LoraConfig, get_peft_model

    linear = {n.rpartition(".")[2] for n, m in model.encoder.named_modules() if hasattr(m, "in_features")}
    absent = sorted(set(config.lora_targets) - linear)
    if absent:
        raise ConfigError(
            "no such linear layers in this encoder",
            where="model.lora_targets",
            got=absent,
            expected=f"some of {sorted(linear)}",
        )
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=config.dropout,
        target_modules=list(config.lora_targets),
    )
    model.encoder = get_peft_model(model.encoder, lora)  # type: ignore[arg-type]

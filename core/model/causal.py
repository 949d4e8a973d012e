"""Causal language models, which write texts: from a local folder and into one.

Nothing is downloaded, and no code of a folder is run. What is written is a plain folder as transformers reads it,
so that other servers of language models can load it as well.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from core.config import CausalConfig
from core.errors import ConfigError, ModelError
from core.model.bundle import replace_folder

FACTS = "tuned.json"
_PARITY = 1e-3  # of logits that were written and read again


def load_causal(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in fp32, ready to write, and its tokenizer.

    Raises:
        ModelError: There is no such model, or it knows no token that ends a text.
    """
    if not folder.is_dir():
        raise ModelError("no such folder", where="generate.folder", got=str(folder))
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # bars are ours to draw
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        opened: Any = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
        )
    except Exception as error:  # what files that do not fit make transformers raise is not foreseeable
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"no language model: {what}", where=str(folder)) from error
    model, loaded = opened
    if absent := sorted(loaded["missing_keys"]):  # transformers would go on with random ones
        raise ModelError("weights of the language model are missing", where=str(folder), got=", ".join(absent[:3]))
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer has no token that ends a text", where=str(folder), expected="eos_token")
    model.train(False)
    return model, tokenizer


def encode_request(tokenizer: PreTrainedTokenizerBase, request: str) -> list[int]:
    """Token ids of what is asked of a model, as its chat template has it; without one, a line of its own."""
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": request}]
        text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has written them
    return list(tokenizer(request + "\n")["input_ids"])


def encode_answer(tokenizer: PreTrainedTokenizerBase, answer: str) -> list[int]:
    """Token ids of what is to be written after a request, with the one that ends it."""
    return [*tokenizer(answer, add_special_tokens=False)["input_ids"], int(tokenizer.eos_token_id)]


def make_tunable(model: PreTrainedModel, config: CausalConfig) -> Any:
    """The model with what is to be changed marked: LoRA adapters beside its linear layers, or all weights.

    Raises:
        ConfigError: ``tune.lora_targets`` names no layer of this model.

    Source:
        Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models; adapters by peft.
    """
    if config.tuning == "full":
        return model.requires_grad_(True)
    from peft import LoraConfig, get_peft_model

    every = config.lora_targets == ("all-linear",)
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=config.lora_dropout,
        target_modules="all-linear" if every else list(config.lora_targets),
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise ConfigError(
            "no such linear layers in this model", where="tune.lora_targets", got=", ".join(config.lora_targets),
            fix="all-linear takes all",
        ) from error  # fmt: skip


def merge_adapters(model: Any) -> PreTrainedModel:
    """The model with LoRA adapters folded into the weights beside which they stand."""
    merged: PreTrainedModel = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    return merged


def known_arguments(model: PreTrainedModel) -> frozenset[str]:
    """What its forward pass can be told."""
    return frozenset(inspect.signature(type(model).forward).parameters)


def check_place(folder: Path) -> None:
    """Refuse to write where something else stands.

    Raises:
        ConfigError: It is a file, or a folder that is neither empty nor was written by ``save_causal``.
    """
    if folder.exists() and not (folder / FACTS).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        fix = "name a new folder"
        raise ConfigError("is in use by something else", where="--out", got=str(folder), fix=fix)


def save_causal(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, facts: Mapping[str, Any]
) -> None:
    """Write model, tokenizer and facts, whole or not at all; what is read back has to compute the same.

    Args:
        model: On a CPU, without adapters.
        tokenizer: Its own.
        folder: Replaced if it was written by this.
        facts: Kept beside it as ``tuned.json``.

    Raises:
        ConfigError: Something else stands there.
        ModelError: What was written is not what is in memory.
    """
    check_place(folder)
    with replace_folder(folder) as part:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / FACTS).write_text(json.dumps(dict(facts), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        again, _ = load_causal(part)
        ids = torch.tensor([encode_request(tokenizer, "1 2 3")])
        with torch.inference_mode():
            difference = float((model(input_ids=ids).logits - again(input_ids=ids).logits).abs().max())
        if not difference <= _PARITY:
            raise ModelError("reads back as another model", where=str(folder), got=f"logits differ by {difference:.2g}")

"""Runs a causal language model from a local folder; nothing is downloaded, and no code of the folder is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import ModelError

MOST_TOKENS = 200
MOST_PROMPT_TOKENS = 3_000


class LocalGenerator:
    """A causal language model.

    Args:
        folder: With config, tokenizer and safetensors.

    Raises:
        ModelError: There is no such model.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not folder.is_dir():
            raise ModelError("no such folder", where="generate.folder", got=str(folder))
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            self._model: Any = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **options)
            self._model.train(False)
        except (OSError, ValueError) as error:
            raise ModelError(f"no language model: {str(error).splitlines()[0]}", where=str(folder)) from error

    def write(self, instruction: str, passages: Sequence[str], question: str) -> str:
        """The model's likeliest answer."""
        import torch

        numbered = "\n\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, start=1))
        content = f"{instruction}\n\n<passages>\n{numbered}\n</passages>\n\n<question>{question}</question>"
        if self._tokenizer.chat_template:
            messages = [{"role": "user", "content": content}]
            content = str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        else:
            content += "\n"
        tokens = self._tokenizer(content, return_tensors="pt", truncation=True, max_length=MOST_PROMPT_TOKENS)
        end = self._tokenizer.eos_token_id
        with torch.inference_mode():
            made = self._model.generate(**tokens, max_new_tokens=MOST_TOKENS, do_sample=False, pad_token_id=end)
        return str(self._tokenizer.decode(made[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True))

"""Runs a causal language model from a local folder; nothing is downloaded, and no code of the folder is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kits.support.answer.generate import format_request

MOST_TOKENS = 200
MOST_REQUEST_TOKENS = 3_000


class LocalGenerator:
    """A causal language model.

    Args:
        model: As ``core.model.causal.load_causal`` gives it.
        tokenizer: Likewise.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    @classmethod
    def load(cls, folder: Path) -> LocalGenerator:
        """The model of a folder with config, tokenizer and safetensors.

        Raises:
            ModelError: There is no such model.
        """
        from core.model.causal import load_causal  # imports torch

        return cls(*load_causal(folder))

    def write(self, instruction: str, passages: Sequence[str], question: str) -> str:
        """The model's likeliest answer; what is too long for it is asked with fewer passages."""
        import torch

        from core.model.causal import encode_request

        for count in range(len(passages), 0, -1):
            request = encode_request(self._tokenizer, format_request(instruction, passages[:count], question))
            if len(request) <= MOST_REQUEST_TOKENS:
                break
        else:
            return ""
        ids = torch.tensor([request])
        end = self._tokenizer.eos_token_id
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=MOST_TOKENS, do_sample=False,
                pad_token_id=end,
            )  # fmt: skip
        return str(self._tokenizer.decode(made[0, len(request) :], skip_special_tokens=True))

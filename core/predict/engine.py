"""Runs an encoder over texts: batches of like length, the fastest exact-enough number format.

Scores come back in the order the texts went in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from core.console import progress
from core.data.batch import Tokens, collate, sorted_batches, tight_batches, tokenize
from core.data.example import Task, Text
from core.errors import ModelError
from core.model.backbone import check_length, load_config, load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from core.predict.bert import FastBert
from core.predict.parallel import map_batches
from core.predict.recent import Recent
from core.runtime import choose_device, choose_precision

MOST_REMEMBERED_AT_ONCE = 128
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class EncoderClassifier:
    """An encoder with heads that scores texts.

    Args:
        model: Encoder and heads in fp32. It is not changed.
        tokenizer: Its tokenizer.
        max_tokens: Longer texts are cut.
        batch_size: Most texts in one forward pass.
        precision: ``auto``, ``fp32`` or ``bf16``; the heads are always fp32.
        recent_texts: Of so many texts the states are kept, for who asks for the same ones soon. 0: of none.
    """

    kind = "encoder"

    def __init__(
        self,
        model: TextClassifier,
        tokenizer: Tokenizer,
        *,
        max_tokens: int,
        batch_size: int = 128,
        precision: str = "auto",
        recent_texts: int = 0,
    ) -> None:
        self.tasks = model.tasks
        self.model = model
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.batch_size = batch_size
        self.device = choose_device().value
        self.precision = choose_precision(precision, self.device)
        self._fast = fast_copy(model, precision)
        self._bert = FastBert(self._fast.encoder) if FastBert.can_be(self._fast.encoder) else None
        self._recent = Recent(self._embed, recent_texts, MOST_REMEMBERED_AT_ONCE) if recent_texts else None

    @property
    def parameters(self) -> int:
        """How many numbers the model holds."""
        return sum(p.numel() for p in self.model.parameters())

    def logits(self, texts: Sequence[Text]) -> list[NDArray[np.float32]]:
        """Logits of each task, ``(rows, labels)`` float32 each, in the order of ``texts``."""
        return decide_states(self._fast, self.embeddings(texts))

    def read(self, texts: Sequence[Text]) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
        """Logits of each task, and mean-pooled states ``(rows, hidden)`` float32, out of one pass."""
        states = self.embeddings(texts)
        return decide_states(self._fast, states), states

    def embeddings(self, texts: Sequence[Text]) -> NDArray[np.float32]:
        """Mean-pooled encoder states, ``(rows, hidden)`` float32."""
        return self._embed(texts) if self._recent is None else self._recent.get(texts)

    def embed_tokens(self, tokens: Tokens) -> NDArray[np.float32]:
        """Mean-pooled encoder states of tokenised texts, ``(rows, hidden)`` float32."""
        return embed_tokens(self._fast, tokens, self.batch_size, self._bert)

    def warm(self) -> Iterator[int]:
        """Get ready for batches of any size, step by step; yields how many tokens of no meaning were read."""
        yield from () if self._bert is None else self._bert.warm()

    def scaled(self, factors: Sequence[float]) -> EncoderClassifier:
        """The same encoder with each task's logits multiplied by a factor."""
        other = copy(self)
        other.model, other._fast = (_with_scaled_heads(model, factors) for model in (self.model, self._fast))
        return other  # the encoder is the same, and so are the states that are kept

    def save(self, folder: Path) -> None:
        """Write encoder weights (fp32), configuration, tokenizer and heads as plain files."""
        folder.mkdir(parents=True, exist_ok=True)
        encoder: Any = self.model.encoder
        config = deepcopy(encoder.config)
        config.architectures = [type(encoder).__name__]
        config.save_pretrained(folder)
        save_file({k: v.contiguous().cpu() for k, v in encoder.state_dict().items()}, folder / "model.safetensors")
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(folder / "tokenizer.json"))
        self.save_heads(folder)

    def save_heads(self, folder: Path) -> None:
        """Write the heads alone."""
        folder.mkdir(parents=True, exist_ok=True)
        heads = {k: v.contiguous().cpu() for k, v in self.model.heads.state_dict().items()}
        save_file(heads, folder / "heads.safetensors")

    @classmethod
    def load(cls, folder: Path, tasks: Sequence[Task], *, max_tokens: int, **options: Any) -> EncoderClassifier:
        """Read what ``save`` wrote, running no code of the folder.

        Raises:
            ModelError: Files are absent, refused, or do not fit together.
        """
        config = load_config(folder, strict=True)
        if not (folder / "tokenizer.json").is_file():
            raise ModelError("no tokenizer.json", where=str(folder))
        tokenizer = load_tokenizer(folder)
        try:
            check_length(config, max_tokens)
            names = _tensor_names(folder / "model.safetensors")
            if getattr(config, "num_hidden_layers", 0) > len(names):  # building them would take for ever
                raise ValueError("more layers than weights")
            model = TextClassifier(load_encoder(folder), tasks)
            model.heads.load_state_dict(load_file(folder / "heads.safetensors"))
            _check_fit(model, tokenizer, names)
        except Exception as error:  # what files that do not fit make transformers raise is not foreseeable
            raise ModelError("encoder and heads do not fit together", where=str(folder), got=str(error)) from error
        return cls(model, tokenizer, max_tokens=max_tokens, **options)

    def _embed(self, texts: Sequence[Text]) -> NDArray[np.float32]:
        return self.embed_tokens(tokenize(self.tokenizer, texts, self.max_tokens))


def _tensor_names(file: Path) -> set[str]:
    with safe_open(file, "pt") as tensors:
        return set(tensors.keys())


def _check_fit(model: TextClassifier, tokenizer: Tokenizer, names: set[str]) -> None:
    """Refuse weights that are not those of this encoder: transformers would make up what is missing."""
    encoder: Any = model.encoder
    if other := names ^ set(encoder.state_dict()):
        raise ValueError(f"weights that are missing or unknown: {sorted(other)[:3]}")
    if max(tokenizer.get_vocab().values(), default=0) >= encoder.config.vocab_size:
        raise ValueError("the tokenizer knows more tokens than the encoder")
    # Whoever explains or tunes it further reads with transformers' own module, not with the fast one.
    model.eval()
    with torch.inference_mode():
        model.embed(**collate(tokenize(tokenizer, [("a", None)], 8), np.arange(1), 0))


def fast_copy(model: TextClassifier, precision: str = "auto") -> TextClassifier:
    """The model as it scores fastest here: encoder in the chosen format, on the chosen device.

    In fp32 on a CPU that is the model itself.
    """
    device = choose_device().value
    chosen = choose_precision(precision, device).value
    if chosen == "fp32" and device == "cpu":
        return model.eval()
    fast = TextClassifier(deepcopy(model.encoder).to(_DTYPES[chosen]), model.tasks)
    fast.heads.load_state_dict(model.heads.state_dict())
    return fast.to(device).eval()


def _with_scaled_heads(model: TextClassifier, factors: Sequence[float]) -> TextClassifier:
    """A model on the same encoder whose heads are multiplied."""
    other = TextClassifier(model.encoder, model.tasks).to(next(model.heads.parameters()).device)
    other.heads.load_state_dict(model.heads.state_dict())
    with torch.no_grad():
        for head, factor in zip(other.heads, factors, strict=True):
            for parameter in head.parameters():
                parameter.mul_(factor)
    return other.eval()


def score_tokens(model: TextClassifier, tokens: Tokens, batch_size: int) -> list[NDArray[np.float32]]:
    """Logits of each task for tokenised rows, ``(rows, labels)`` float32 each, in their order."""
    outputs = [np.zeros((len(tokens), len(task.labels)), dtype=np.float32) for task in model.tasks]
    _fill(model, tokens, batch_size, "Scoring", outputs, lambda batch: model(**batch))
    return outputs


def decide_states(model: TextClassifier, states: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Logits of each task for states ``(rows, hidden)`` float32: ``(rows, labels)`` float32 each, in their order."""
    with torch.inference_mode():
        pooled = torch.from_numpy(states).to(next(model.parameters()).device)
        return [logits.float().cpu().numpy() for logits in model.decide(pooled)]


def embed_tokens(
    model: TextClassifier, tokens: Tokens, batch_size: int, bert: FastBert | None = None
) -> NDArray[np.float32]:
    """Mean-pooled states for tokenised rows, ``(rows, hidden)`` float32, in their order.

    Args:
        model: The encoder.
        tokens: The rows.
        batch_size: Most rows in one forward pass.
        bert: What reads for it, if that is made already.
    """
    if bert is None and FastBert.can_be(model.encoder):
        bert = FastBert(model.encoder)
    if bert is not None:
        with progress("Embedding", len(tokens)) as tick:
            return bert.embed(tokens, batch_size, tick)
    states = np.zeros((len(tokens), int(model.encoder.config.hidden_size)), dtype=np.float32)  # type: ignore[union-attr, arg-type]
    _fill(model, tokens, batch_size, "Embedding", [states], lambda batch: (model.embed(**batch),))
    return states


def _fill(
    model: TextClassifier,
    tokens: Tokens,
    batch_size: int,
    title: str,
    outputs: Sequence[NDArray[np.float32]],
    forward: Callable[[dict[str, Tensor]], tuple[Tensor, ...]],
) -> None:
    """Write what ``forward`` makes of each batch into the rows of ``outputs``."""
    was_training = model.training
    if was_training:  # else it is left alone: to go over all its parts takes as long as a short text
        model.eval()
    device = next(model.parameters()).device
    pad_id = int(getattr(model.encoder.config, "pad_token_id", 0) or 0)  # type: ignore[union-attr, arg-type]
    # Whether to cast belongs to a thread; each batch may have one of its own.
    dtype, is_cast = torch.get_autocast_dtype(device.type), torch.is_autocast_enabled(device.type)

    def work(rows: NDArray[np.int64]) -> int:
        with torch.inference_mode(), torch.autocast(device.type, dtype, is_cast):
            batch = {k: v.to(device) for k, v in collate(tokens, rows, pad_id).items()}
            for output, result in zip(outputs, forward(batch), strict=True):
                output[rows] = result.float().cpu().numpy()
        return len(rows)

    batches = tight_batches if device.type == "cpu" else sorted_batches
    plan = list(batches(tokens.lengths, batch_size))
    try:
        with progress(title, len(tokens)) as tick:
            for count in map_batches(work, plan) if device.type == "cpu" else map(work, plan):
                tick(count)
    finally:
        if was_training:
            model.train()

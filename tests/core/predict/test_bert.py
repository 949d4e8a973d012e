"""A BERT that reads faster says what transformers' own says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model

from core.config import KitConfig
from core.data.batch import Tokens, collate, tokenize
from core.predict.bert import FastBert
from core.predict.engine import EncoderClassifier
from core.predict.match import frozen_matcher
from core.predict.pack import usual_numbers

TEXTS = [("profit rises", None), ("a", None), ("shares fall", "b c d"), ("w " * 40, None), ("loss", None)] * 5


def load(backbone: Path, precision: str) -> EncoderClassifier:
    model = {"backbone": str(backbone), "max_tokens": 48}
    config = KitConfig.model_validate({"model": model, "predict": {"precision": precision}})
    return frozen_matcher(config).encoder


def ignore(count: int) -> None:
    """Nobody waits for it."""


def read_padded(encoder: EncoderClassifier, tokens: Tokens) -> np.ndarray:
    with torch.inference_mode():
        return encoder.model.embed(**collate(tokens, np.arange(len(tokens)), 0)).numpy()


@pytest.mark.parametrize("count", [1, 2, 7, 25])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.03)])
def test_states_are_those_of_transformers(
    tiny_backbone: Path, count: int, precision: str, tolerance: float
) -> None:
    encoder = load(tiny_backbone, precision)
    tokens = tokenize(encoder.tokenizer, TEXTS[:count], 48)
    np.testing.assert_allclose(encoder.embeddings(TEXTS[:count]), read_padded(encoder, tokens), atol=tolerance)


def test_neither_batches_nor_threads_change_a_state(tiny_backbone: Path) -> None:
    encoder = load(tiny_backbone, "fp32")
    tokens = tokenize(encoder.tokenizer, TEXTS, 48)
    bert = FastBert(encoder.model.encoder)
    whole = bert.embed(tokens, 128, ignore)
    np.testing.assert_allclose(bert.embed(tokens, 2, ignore), whole, atol=1e-5)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        np.testing.assert_allclose(bert.embed(tokens, 128, ignore), whole, atol=1e-5)
    finally:
        torch.set_num_threads(threads)


def test_warming_up_reads_batches_of_every_usual_number_of_tokens(tiny_backbone: Path) -> None:
    encoder = load(tiny_backbone, "bf16")
    assert list(encoder.warm()) == list(usual_numbers())


def test_no_texts_have_no_states(tiny_backbone: Path) -> None:
    encoder = load(tiny_backbone, "fp32")
    assert encoder.embeddings([]).shape == (0, encoder.model.encoder.config.hidden_size)


def test_an_encoder_with_adapters_is_left_to_transformers(tiny_backbone: Path) -> None:
    encoder = load(tiny_backbone, "fp32").model.encoder
    assert FastBert.can_be(encoder)
    inject_adapter_in_model(LoraConfig(target_modules=["query"]), encoder)
    assert not FastBert.can_be(encoder)
    assert not FastBert.can_be(torch.nn.Linear(2, 2))

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.batch import collate, tokenize
from core.data.example import Text
from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from tests.core.examples import SENTIMENT, TOPICS

TASKS = (SENTIMENT, TOPICS)


@pytest.fixture
def model(tiny_backbone: Path) -> TextClassifier:
    torch.manual_seed(0)
    return TextClassifier(load_encoder(tiny_backbone), TASKS).eval()


def batch_of(folder: Path, *texts: Text) -> dict[str, torch.Tensor]:
    tokens = tokenize(load_tokenizer(folder), texts, 32)
    return collate(tokens, np.arange(len(texts)), pad_id=0)


def test_each_task_has_a_logit_for_each_label(model: TextClassifier, tiny_backbone: Path) -> None:
    outputs = model(**batch_of(tiny_backbone, ("profit", None), ("loss", None)))
    assert [tuple(logits.shape) for logits in outputs] == [(2, 3), (2, 3)]
    assert all(logits.dtype == torch.float32 for logits in outputs)


def test_padding_leaves_a_text_as_it_is(model: TextClassifier, tiny_backbone: Path) -> None:
    alone = model.embed(**batch_of(tiny_backbone, ("profit rises", None)))
    beside = model.embed(**batch_of(tiny_backbone, ("profit rises", None), ("the bank " * 12, None)))
    torch.testing.assert_close(alone[0], beside[0], atol=1e-5, rtol=1e-5)


def test_text_and_pair_are_told_apart(model: TextClassifier, tiny_backbone: Path) -> None:
    batch = batch_of(tiny_backbone, ("profit rises", "bank"))
    marked = model.embed(**batch)
    plain = model.embed(**batch | {"token_type_ids": torch.zeros_like(batch["token_type_ids"])})
    assert not torch.allclose(marked, plain)
    swapped = model.embed(**batch_of(tiny_backbone, ("bank", "profit rises")))
    assert not torch.allclose(marked, swapped)


def test_heads_compute_in_fp32_under_autocast(model: TextClassifier, tiny_backbone: Path) -> None:
    batch = batch_of(tiny_backbone, ("profit", None))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(logits.dtype == torch.float32 for logits in model(**batch))

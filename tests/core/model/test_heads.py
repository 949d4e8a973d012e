from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.batch import collate, tokenize
from core.data.example import MISSING, Text, make_dataset
from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier, start_heads
from tests.core.examples import SENTIMENT, TOPICS, make_examples

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


def test_untrained_heads_predict_the_base_rates(model: TextClassifier) -> None:
    data = make_dataset(make_examples(400), TASKS)
    start_heads(model, [data.targets[t.name] for t in TASKS], [data.known[t.name] for t in TASKS])
    single, multi = (head.bias.detach() for head in model.heads)
    shares = np.bincount(data.targets["sentiment"], minlength=3) / 400
    np.testing.assert_allclose(single.softmax(dim=0), shares, atol=0.01)
    np.testing.assert_allclose(multi.sigmoid(), data.targets["topics"].mean(axis=0), atol=0.01)
    assert all(head.weight.std() < 0.05 for head in model.heads)


def test_base_rates_count_only_rows_whose_label_is_known_and_stay_finite(model: TextClassifier) -> None:
    single = np.array([0, 0, 0, 1, MISSING, MISSING])
    multi = np.array([[1, 1, 0]] * 3 + [[0, 0, 0]] * 3, dtype=np.float32)
    known = np.array([True] * 3 + [False] * 3)
    start_heads(model, [single, multi], [single != MISSING, known])
    with torch.no_grad():
        rates = model.heads[0].bias.softmax(dim=0)
        chances = model.heads[1].bias.sigmoid()
    assert rates.argmax() == 0
    assert 0 < rates[2] < 0.2
    assert chances[0] > 0.8
    assert 0 < chances[2] < 0.2
    assert all(torch.isfinite(head.bias).all() for head in model.heads)

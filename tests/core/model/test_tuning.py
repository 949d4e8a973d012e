from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.config import ModelConfig
from core.data.batch import tokenize
from core.errors import ConfigError
from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from core.model.tuning import apply_tuning, merge_tuning
from core.predict.engine import score_tokens
from tests.core.examples import SENTIMENT, TOPICS, make_examples


def tuned(backbone: Path, **settings: Any) -> TextClassifier:
    torch.manual_seed(0)
    model = TextClassifier(load_encoder(backbone), (SENTIMENT, TOPICS))
    return apply_tuning(model, ModelConfig(**{"lora_rank": 4} | settings))


def trained_names(model: TextClassifier) -> set[str]:
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def test_head_tuning_trains_the_heads_alone(tiny_backbone: Path) -> None:
    assert trained_names(tuned(tiny_backbone, tuning="head")) == {
        f"heads.{task}.{part}" for task in (0, 1) for part in ("weight", "bias")
    }


def test_full_tuning_trains_all_that_is_used(tiny_backbone: Path) -> None:
    model = tuned(tiny_backbone, tuning="full", freeze_embeddings=False)
    assert {name for name, _ in model.named_parameters()} - trained_names(model) == {
        "encoder.pooler.dense.weight",
        "encoder.pooler.dense.bias",
    }


def test_lora_trains_adapters_and_heads_alone(tiny_backbone: Path) -> None:
    names = trained_names(tuned(tiny_backbone, tuning="lora", lora_targets=("query", "value")))
    assert all("lora_" in name or name.startswith("heads.") for name in names)
    assert {name.split(".")[-4] for name in names if "lora_" in name} == {"query", "value"}
    assert "heads.1.bias" in names


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_frozen_embeddings_are_not_trained(tiny_backbone: Path, tuning: str) -> None:
    names = trained_names(tuned(tiny_backbone, tuning=tuning, freeze_embeddings=True))
    assert not any("embeddings" in name for name in names)
    assert any("layer.1" in name for name in names)


def test_merged_adapters_compute_what_they_did_apart(tiny_backbone: Path) -> None:
    model = tuned(tiny_backbone, tuning="lora", dropout=0.0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:  # peft starts them at zero, which changes nothing
                weight.normal_(std=0.3)
    tokens = tokenize(load_tokenizer(tiny_backbone), [(e.text, e.pair) for e in make_examples(20)], 32)
    plain = score_tokens(tuned(tiny_backbone, tuning="head"), tokens, 8)
    apart = score_tokens(model, tokens, 8)
    merged = merge_tuning(model)
    assert not any("lora_" in name for name in merged.state_dict())
    for a, b, c in zip(apart, score_tokens(merged, tokens, 8), plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
        assert np.abs(a - c).max() > 1e-2


def test_merging_leaves_a_plain_encoder_alone(tiny_backbone: Path) -> None:
    model = tuned(tiny_backbone)
    encoder = model.encoder
    assert merge_tuning(model).encoder is encoder


@pytest.mark.parametrize("target", ["q_proj", "encoder", "LayerNorm", "word_embeddings"])
def test_lora_target_that_is_no_linear_layer_is_named_with_those_there_are(tiny_backbone: Path, target: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.lora_targets.*{target}.*'dense', 'key', 'query', 'value'"):
        tuned(tiny_backbone, tuning="lora", lora_targets=(target, "query"))

"""What all tests share: no network, no bars, a cache of their own, and a tiny encoder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1", TOKENIZERS_PARALLELISM="false")
settings.register_profile("fixed", deadline=None, derandomize=True)  # no seeds, no clock
settings.load_profile("fixed")

WORDS = (  # noqa: SIM905
    "profit loss rises falls sharply bank mine oil steel shares report quarter annual meeting date agenda record "
    "default strike fine merger bid dividend cut raised outlook demand weak strong plant opens closes north south the "
    "of on in and after . ,"
).split()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the cache of the tests apart from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("FIELDKITS_CACHE")
    os.environ["FIELDKITS_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["FIELDKITS_CACHE"]
    else:
        os.environ["FIELDKITS_CACHE"] = before


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers and 32 dimensions, as a folder that ``model.backbone`` may name."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny")
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys([*WORDS, *letters, *(f"##{c}" for c in letters)])]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        pad_token_id=0,
        initializer_range=0.15,
    )
    BertModel(config).save_pretrained(folder)
    return folder

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from core.model.tuning import apply_tuning
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.fit import Towers, make_batch, start_tower
from kits.recommender.learn.replay import Replayed
from kits.recommender.learn.tune import Update, VectorCache, budget_batches, tokenize_items, tune_encoder, tune_steps
from kits.recommender.learn.window import Windows, open_windows
from kits.recommender.model.text import as_language_model
from kits.recommender.model.tower import interests, plain_tower, unit
from tests.kits.recommender.readers import make_reading, quick_config


@pytest.fixture(scope="module")
def windows() -> Windows:
    return open_windows(make_reading(users=24, lists=20), quick_config())


def tiny_config(folder: Path, **train: object) -> RecommenderConfig:
    model = {"backbone": str(folder), "max_tokens": 16, "dropout": 0.0, "history_items": 5}
    return quick_config(model=model, train={"precision": "fp32", **train})  # type: ignore[dict-item]


def tune(windows: Windows, folder: Path, config: RecommenderConfig) -> tuple[TextClassifier, list[Update]]:
    encoder = apply_tuning(TextClassifier(load_encoder(folder, 0.0), ()), config.model)
    texts = [item.text for item in windows.catalog.items]
    tokens = tokenize_items(load_tokenizer(folder), texts, config)
    vectors = as_language_model(encoder, folder, config).encode(texts)
    towers = Towers(start_tower(vectors, windows.ranked, config))
    return encoder, list(tune_steps(encoder, towers, tokens, windows.ranked, config, epochs=3))


def test_tuning_lowers_the_loss_and_reads_each_distinct_item_once(windows: Windows, tiny_backbone: Path) -> None:
    _, updates = tune(windows, tiny_backbone, tiny_config(tiny_backbone, lr=1e-3, cache_steps=0))
    first, last = updates[0].loss, float(np.mean([u.loss for u in updates[-3:]]))
    assert last < first
    assert all(update.cached == 0 for update in updates)
    assert max(update.read for update in updates) <= len(windows.catalog)


def test_cache_saves_reading_and_never_serves_a_vector_older_than_its_limit(
    windows: Windows, tiny_backbone: Path
) -> None:
    _, updates = tune(windows, tiny_backbone, tiny_config(tiny_backbone, cache_steps=2, batch_tokens=2_000))
    assert sum(update.cached for update in updates) > 0
    cache = VectorCache(torch.zeros(6, 2), np.array([-1, 0, 5, 8, 9, 10]), limit=3)
    assert cache.stale(np.arange(6), step=10, least=0).tolist() == [True, True, True, False, False, False]
    assert cache.stale(np.array([3, 4, 5]), step=10, least=1).tolist() == [True, False, False]
    assert (cache.hits, cache.misses) == (5, 4)


def test_batches_hold_all_lists_once_and_keep_to_the_token_budget(windows: Windows, tiny_backbone: Path) -> None:
    config = tiny_config(tiny_backbone, batch_tokens=300)
    texts = [item.text for item in windows.catalog.items]
    tokens = tokenize_items(load_tokenizer(tiny_backbone), texts, config)
    batches = list(budget_batches(windows.ranked, tokens, config, epoch=0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(windows.ranked)))
    for lists in batches:
        distinct = make_batch(windows.ranked, lists, config.model.history_items).distinct
        assert len(lists) == 1 or tokens.lengths[distinct].sum() <= 300


def test_estimate_of_the_time_is_told_before_and_lora_ends_as_a_plain_encoder(
    windows: Windows, tiny_backbone: Path
) -> None:
    told: list[str] = []
    config = tiny_config(tiny_backbone, batch_tokens=256)
    config = config.model_copy(update={"model": config.model.model_copy(update={"tuning": "lora"})})
    encoder = TextClassifier(load_encoder(tiny_backbone, 0.0), ())
    names = set(encoder.state_dict())
    texts = [item.text for item in windows.catalog.items]
    tokens = tokenize_items(load_tokenizer(tiny_backbone), texts, config)
    start = plain_tower(32, config.model.history_items)
    assert tune_encoder(encoder, tokens, start, windows.ranked, config, epochs=1, tell=told.append)
    assert "updates, at most" in told[0]
    assert set(encoder.state_dict()) == names


def test_towers_score_the_same_while_training_and_in_service(windows: Windows) -> None:
    data: Replayed = windows.ranked
    config = quick_config()
    texts = unit(np.random.default_rng(0).normal(size=(len(windows.catalog), 16)).astype(np.float32))
    towers = Towers(start_tower(texts, data, config))
    with torch.no_grad():
        for parameter in towers.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    lists = np.arange(20)
    batch = make_batch(data, lists, config.model.history_items)
    trained = towers(torch.from_numpy(texts[batch.distinct]), batch)
    frozen = towers.freeze()
    vectors, starts = frozen.items(texts), data.starts
    for row in lists:
        items = data.items[starts[row] : starts[row + 1]]
        query = frozen.user(vectors[data.histories[row]], data.history_weights[row])
        assert np.allclose(trained[row, : len(items)].detach(), vectors[items] @ query, atol=1e-4)


def test_history_of_several_things_has_several_interests() -> None:
    axes = np.eye(3, dtype=np.float32)
    history = unit(np.stack([axes[0], axes[1], axes[0] + 0.1 * axes[1], axes[1] + 0.1 * axes[2]]))
    found = interests(history, [1.0, 1.0, 1.0, 1.0], most=4)
    assert len(found) == 2
    assert len(interests(history, [1.0] * 4, most=1)) == 1
    assert len(interests(history, [-1.0] * 4, most=4)) == 0

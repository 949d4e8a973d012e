"""What reading each item once is worth in tuning: ``python -m tests.benchmarks.recommender_speed training``.

The same lists of the sample data, backbone, updates and learning rates three times: every candidate and
every history item of every list read by the encoder for itself; each distinct item of a batch once; and
with the cache of recent vectors besides. Reported: training lists per second, texts read, and the AUC on
the lists after those of training, with its interval over users and that of the difference to the first.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import torch

from core.evaluate.listwise import Judged, interval, lead
from core.model.backbone import load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.tuning import apply_tuning
from core.runtime import choose_precision, seed_everything
from kits.recommender.config import RecommenderConfig, read_config
from kits.recommender.data import load
from kits.recommender.learn.climb import item_texts, judge
from kits.recommender.learn.fit import Batch, Towers, list_loss, make_batch, score_lists, start_tower
from kits.recommender.learn.replay import Replayed
from kits.recommender.learn.tune import budget_batches, make_optimizer, read_items, tokenize_items, tune_steps
from kits.recommender.learn.window import join, open_windows
from kits.recommender.model.text import as_language_model, open_backbone
from kits.recommender.model.tower import Floats
from tests.benchmarks.recommender_quality import SAMPLE

MOST_SCORED = 3000


def main() -> None:
    """Train three times and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("training",))
    parser.add_argument("--lists", type=int, default=2000, help="lists to train on, the latest before validation")
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    config = read_config(data=[str(SAMPLE)], set=["train.lr=5e-5", "rank.most_lists=100"])
    windows = open_windows(load(config), config)
    train, held = windows.train, join(windows.select, windows.check)
    train = train.take(np.arange(len(train)) >= len(train) - options.lists)
    held = held.take(np.arange(len(held)) < MOST_SCORED)
    texts = item_texts(windows.catalog)
    frozen = open_backbone(config).encode(texts)
    found: dict[str, Any] = {"lists": len(train), "judged_lists": len(held), "epochs": options.epochs}
    judged: dict[str, Judged] = {
        "frozen": judge(held, score_lists(start_tower(frozen, train, config), frozen, held), 0)
    }
    for name, steps in (("each for itself", 0), ("distinct", 0), ("distinct and cache", config.train.cache_steps)):
        settings = config.model_copy(update={"train": config.train.model_copy(update={"cache_steps": steps})})
        begun = time.monotonic()
        judged[name], read = tune_one(name, texts, frozen, train, held, settings, options.epochs)
        found[name] = read | {"seconds_with_judging": round(time.monotonic() - begun, 1)}
    for name, own in judged.items():
        bounds = interval(own.users["auc"])
        found.setdefault(name, {})["auc"] = [round(v, 4) for v in (own.mean("auc"), bounds.low, bounds.high)]
    first, last = judged["each for itself"], judged["distinct and cache"]
    ahead = lead(last.users["auc"], first.users["auc"])
    found["auc_difference"] = [round(value, 4) for value in (ahead.value, ahead.low, ahead.high)]
    speed = {name: found[name]["lists_per_second"] for name in ("each for itself", "distinct", "distinct and cache")}
    found["times_as_fast"] = round(speed["distinct and cache"] / speed["each for itself"], 2)
    print(json.dumps(found, indent=1))


def tune_one(
    name: str, texts: list[str], frozen: Floats, train: Replayed, held: Replayed, config: RecommenderConfig, epochs: int
) -> tuple[Judged, dict[str, float]]:
    """Tune in one of the ways; its AUC, and how fast it was."""
    folder = resolve_backbone(config.model.backbone)
    tokens = tokenize_items(load_tokenizer(folder), texts, config)
    encoder = apply_tuning(TextClassifier(load_encoder(folder, config.model.dropout), ()), config.model)
    towers = Towers(start_tower(frozen, train, config))
    begun, read = time.monotonic(), 0
    if name == "each for itself":
        read = tune_naively(encoder, towers, tokens, train, config, epochs)
    else:
        for update in tune_steps(encoder, towers, tokens, train, config, epochs=epochs):
            read += update.read
    seconds = time.monotonic() - begun
    vectors = as_language_model(encoder, folder, config).encode(texts)
    speed = {"lists_per_second": round(epochs * len(train) / seconds, 2), "texts_read": read}
    return judge(held, score_lists(towers.freeze(), vectors, held), 0), speed


def tune_naively(
    encoder: TextClassifier, towers: Towers, tokens: Any, train: Replayed, config: RecommenderConfig, epochs: int
) -> int:
    """The same updates, but every place of every list is read for itself; how many texts were."""
    precision = choose_precision(config.train.precision, "cpu").value
    optimizer, read = make_optimizer(encoder, towers, config), 0
    plan = [lists for epoch in range(epochs) for lists in budget_batches(train, tokens, config, epoch)]
    encoder.train()
    for step, lists in enumerate(plan):
        seed_everything(config.seed, "tune", step)
        batch = spread(make_batch(train, lists, config.model.history_items))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            vectors = read_items(encoder, tokens, batch.distinct, "cpu")
        read += len(batch.distinct)
        loss = list_loss(towers(vectors, batch), towers.offset, batch, config.model.loss)
        warmth = min(1.0, (step + 1) / max(1, int(0.1 * len(plan))))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * (1 - step / len(plan)) * warmth
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()
    encoder.eval()
    return read


def spread(batch: Batch) -> Batch:
    """The batch with a place of its own for each item of each list; padding shares one."""
    history, candidates = batch.history.clone(), batch.candidates.clone()
    items = [batch.distinct[:1]]
    count = 1
    for places, is_real in ((history, batch.weights != 0), (candidates, batch.is_real)):
        items.append(batch.distinct[places[is_real].numpy()])
        number = int(is_real.sum())
        places[is_real] = torch.arange(count, count + number)
        places[~is_real] = 0
        count += number
    return Batch(np.concatenate(items), history, batch.weights, candidates, batch.targets, batch.is_real)


if __name__ == "__main__":
    main()

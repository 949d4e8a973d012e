"""``train``: from a log and texts to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.console import say
from core.model.bundle import check_target, new_bundle
from core.model.latent import fit_latent
from kits.recommender.catalog import Catalog
from kits.recommender.config import RecommenderConfig, read_config
from kits.recommender.data import load
from kits.recommender.folder import save_recommender
from kits.recommender.predict import Recommender
from kits.recommender.replay import replay
from kits.recommender.tally import Tally
from kits.recommender.tower import plain_tower
from kits.recommender.user import User


def train_model(config: RecommenderConfig, out: Path, *, resume: bool = False) -> Recommender:
    """Train on the sources of a configuration and write the model folder ``out``.

    Raises:
        DataError: The data cannot be read or learned from.
        ConfigError: ``out`` is something else than a model folder.
    """
    check_target(out)
    log = load(config)
    catalog = Catalog(log.items.values())
    texts = [item.text for item in catalog.items]
    encoder = fit_latent(texts, config.model.text_dimensions, analyzer=config.train.analyzer, seed=config.seed)
    vectors = encoder.encode(texts)
    tally, users = Tally(config.rank.half_life_days), dict[str, User]()
    replay(catalog, vectors, tally, users, log.events, [], history=config.model.history_items)
    tower = plain_tower(vectors.shape[1], config.model.history_items)
    recommender = Recommender(config, catalog, encoder, tower, texts=vectors, tally=tally, users=users)
    with new_bundle(out) as folder:
        save_recommender(recommender, folder, {"rung": "tfidf"})
    return recommender


def run(*, out: Path, resume: bool = False, as_json: bool = False, **options: Any) -> dict[str, Any]:
    """The verb: train, show what was tried and what it is worth."""
    train_model(read_config(**options), out, resume=resume)
    say(f"Model: {out}")
    return {"model": str(out)}

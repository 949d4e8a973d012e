"""A trained recommender as a model folder: plain files, sealed by core's manifest.

It holds the items, the text encoder, the towers, the ranker, and what the log told up to its end:
counters of the items and the latest events of each user. So a list can be made from the folder
alone; user ids are in it, and it must be kept as the log is kept.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.config import dump_config, load_config
from core.errors import ModelError
from core.model.bundle import SETTINGS, read_document, verify_bundle, write_document
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Item
from kits.recommender.model.rank import Ranker
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.text import load_text_encoder, save_text_encoder
from kits.recommender.model.tower import Tower
from kits.recommender.state.catalog import Catalog
from kits.recommender.state.tally import Tally
from kits.recommender.state.user import User

KIT = "recommender"
ITEMS, VECTORS, TOWERS, RANKER = "items.jsonl", "vectors.safetensors", "towers.safetensors", "ranker.txt"
COUNTERS, USERS, USER_EVENTS = "counters.safetensors", "users.json", "users.safetensors"


def save_recommender(recommender: Recommender, folder: Path, settings: dict[str, Any]) -> None:
    """Write all but report and card into a folder that ``new_bundle`` gave."""
    write_document(folder, SETTINGS, {"kit": KIT, **settings})
    (folder / "config.toml").write_text(dump_config(recommender.config), encoding="utf-8")
    with (folder / ITEMS).open("w", encoding="utf-8") as stream:
        for item in recommender.catalog.items:
            stream.write(json.dumps(_item_row(item), ensure_ascii=False) + "\n")
    save_text_encoder(recommender.encoder, folder)
    save_file({"texts": np.ascontiguousarray(recommender.texts.astype(np.float16))}, folder / VECTORS)
    recommender.tower.save(folder / TOWERS)
    if recommender.ranker is not None:
        recommender.ranker.save(folder / RANKER)
    save_file(recommender.tally.arrays(), folder / COUNTERS)
    _save_users(recommender.users, folder)


def load_recommender(folder: Path) -> Recommender:
    """Read what ``save_recommender`` wrote.

    Raises:
        ModelError: The folder is damaged, or of another kit.
    """
    manifest = verify_bundle(folder)
    settings = read_document(folder, SETTINGS)
    if not isinstance(settings, dict) or settings.get("kit") != KIT:
        raise ModelError("a model of another kit", where=str(folder), expected=KIT)
    config = load_config(RecommenderConfig, file=folder / "config.toml")
    try:
        catalog = _load_items(folder / ITEMS)
        texts = load_file(folder / VECTORS)["texts"].astype(np.float32)
        tally = Tally(config.rank.half_life_days)
        tally.restore(load_file(folder / COUNTERS))
        users = _load_users(folder)
    except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise ModelError("the model folder does not fit together", where=str(folder), got=str(error)) from error
    encoder, tower = load_text_encoder(folder, config), Tower.load(folder / TOWERS)
    if texts.shape != (len(catalog), tower.project.shape[0]) or encoder.dimension != texts.shape[1]:
        raise ModelError("items, texts and towers do not fit together", where=str(folder), got=texts.shape)
    ranker = Ranker.load(folder / RANKER) if (folder / RANKER).is_file() else None
    return Recommender(
        config, catalog, encoder, tower,
        texts=texts, tally=tally, ranker=ranker, users=users, version=manifest.version,
    )  # fmt: skip


def _item_row(item: Item) -> dict[str, Any]:
    row = asdict(item)
    row["published_at"] = None if item.published_at is None else item.published_at.isoformat()
    return row


def _load_items(file: Path) -> Catalog:
    catalog = Catalog()
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            at = row["published_at"]
            row |= {"tags": tuple(row["tags"]), "published_at": None if at is None else datetime.fromisoformat(at)}
            catalog.put(Item(**row))
    return catalog


def _save_users(users: dict[str, User], folder: Path) -> None:
    """The latest events of each user end to end, and what else is known of them."""
    states = list(users.values())
    listed = [user.recent(10**6) for user in states]
    empty = (np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float64))
    columns = zip(empty, *listed, strict=True)
    items, weights, times = (np.concatenate(list(column)) for column in columns)
    tensors = {"items": items, "weights": weights, "times": times}
    for name in ("seen", "shown"):
        values = [sorted(getattr(user, name)) for user in states]
        tensors[name] = np.array([number for own in values for number in own], dtype=np.int64)
        tensors[f"{name}_counts"] = np.array([len(own) for own in values], dtype=np.int64)
    times_shown = [user.shown[number] for user in states for number in sorted(user.shown)]
    tensors["times_shown"] = np.array(times_shown, dtype=np.int64)
    tensors["counts"] = np.array([len(own[0]) for own in listed], dtype=np.int64)
    tensors["shows"] = np.array([user.shows for user in states], dtype=np.int64)
    tensors["clicks"] = np.array([user.clicks for user in states], dtype=np.int64)
    save_file(tensors, folder / USER_EVENTS)
    write_document(folder, USERS, list(users))


def _load_users(folder: Path) -> dict[str, User]:
    names = read_document(folder, USERS)
    tensors = load_file(folder / USER_EVENTS)
    parts = {
        name: np.split(tensors[name], np.cumsum(tensors[counts])[:-1])
        for name, counts in (
            ("items", "counts"), ("weights", "counts"), ("times", "counts"),
            ("seen", "seen_counts"), ("shown", "shown_counts"), ("times_shown", "shown_counts"),
        )
    }  # fmt: skip
    return {
        name: User(
            parts["items"][row].tolist(),
            parts["weights"][row].tolist(),
            parts["times"][row].tolist(),
            set(parts["seen"][row].tolist()),
            dict(zip(parts["shown"][row].tolist(), parts["times_shown"][row].tolist(), strict=True)),
            int(tensors["shows"][row]),
            int(tensors["clicks"][row]),
        )
        for row, name in enumerate(names)
    }

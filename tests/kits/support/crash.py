"""Changes knowledge and lets the index follow, until it is killed; started as a process of its own.

python -m tests.kits.support.crash DATABASE FOLDER SEED
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.index.document import Document
from kits.support.index.follow import Follower
from kits.support.store.shelf import Shelf
from kits.support.store.store import open_store

DIMENSION, IDS, MOST_AT_ONCE = 16, 60, 12


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """A vector for each text, the same every time."""
    return np.stack([np.random.default_rng(len(text)).normal(size=DIMENSION) for text in texts]).astype(np.float32)


def open_follower(database: str, folder: Path) -> Follower:
    """The index of the knowledge in a database."""
    return Follower(Shelf(open_store(database), "en"), folder, embed, DIMENSION, "crash")


def change(shelf: Shelf, rng: random.Random) -> None:
    """Put and delete a few documents."""
    ids = rng.sample(range(IDS), rng.randint(1, MOST_AT_ONCE))
    cut = rng.randint(0, len(ids))
    put = [
        Document(f"faq:{id}", f"Question {id}\nAnswer {rng.random()}", {"kind": "faq", "source": f"faq:{id}"})
        for id in ids[cut:]
    ]
    shelf.change(put, [f"faq:{id}" for id in ids[:cut]], by="crash")


def main() -> None:
    """Go on until someone stops it; says what it has done."""
    database, folder, seed = sys.argv[1:]
    follower, rng = open_follower(database, Path(folder)), random.Random(int(seed))
    while True:
        change(follower.shelf, rng)
        print("changed", flush=True)
        follower.follow()
        print("followed", flush=True)


if __name__ == "__main__":
    main()

"""How near a text lies to the utterances of each intent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.errors import ModelError
from core.runtime import derive_seed

MOST_ROWS = 40_000
FILE = "scope/neighbours.safetensors"
FAR = -1.0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Unit vectors of utterances, those of one label together.

    Attributes:
        vectors: ``(rows, dimension)`` float32.
        labels: ``(rows,)`` int32, ascending.
        count: How many labels there are.
    """

    vectors: NDArray[np.float32]
    labels: NDArray[np.int32]
    count: int

    @classmethod
    def of(cls, vectors: NDArray[np.float32], labels: ArrayLike, count: int, seed: int) -> Neighbours:
        """Neighbours out of all rows, or of an even selection from each label where there are very many."""
        marks = np.asarray(labels, dtype=np.int32)
        order = np.random.default_rng(derive_seed(seed, "neighbours")).permutation(len(marks))
        order = order[np.argsort(marks[order], kind="stable")]
        if len(order) > MOST_ROWS:
            starts = np.searchsorted(marks[order], np.arange(count))
            rank = np.arange(len(order)) - starts[marks[order]]
            order = order[rank < MOST_ROWS // count]
        return cls(vectors[order], marks[order], count)

    def similarities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosine to the nearest utterance of each label, ``(texts, labels)``; ``FAR`` where it has none."""
        found = np.full((len(vectors), self.count), FAR, dtype=np.float32)
        if len(self.labels) and len(vectors):
            present, starts = np.unique(self.labels, return_index=True)
            for begin in range(0, len(vectors), 1024):
                cosines = vectors[begin : begin + 1024] @ self.vectors.T
                found[begin : begin + 1024, present] = np.maximum.reduceat(cosines, starts, axis=1)
        return found

    def save(self, folder: Path) -> None:
        """Write the vectors, in half precision, and their labels."""
        file = folder / FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({"vectors": self.vectors.astype(np.float16), "labels": self.labels}, file)

    @classmethod
    def load(cls, folder: Path, count: int, dimension: int) -> Neighbours:
        """Read what ``save`` wrote.

        Raises:
            ModelError: The file is absent, or does not fit the labels or the matcher.
        """
        file = folder / FILE
        try:
            tensors = load_file(file)
            vectors, labels = tensors["vectors"].astype(np.float32), tensors["labels"]
            if vectors.shape != (len(labels), dimension) or not np.isfinite(vectors).all():
                raise ValueError(f"vectors are {vectors.shape}")
            if len(labels) and (labels.min() < 0 or labels.max() >= count or (np.diff(labels) < 0).any()):
                raise ValueError("labels are out of place")
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ModelError("the neighbours do not fit together", where=str(file), got=str(error)) from error
        return cls(vectors, labels, count)

"""What an index should answer, computed from scratch in the plainest way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from core.index.document import Document
from core.index.terms import cut_terms

WORDS = ("refund", "order", "card", "fee", "late", "的", "退款", "运费", "ab-12")


class Oracle:
    """Documents and vectors in a dictionary."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.vectors: dict[str, NDArray[np.float64]] = {}

    def change(self, documents: Iterable[Document], vectors: NDArray[np.floating], deleted: Iterable[str]) -> None:
        for name in deleted:
            self.documents.pop(name, None)
        for document, vector in zip(documents, vectors, strict=True):
            self.documents.pop(document.id, None)
            self.documents[document.id] = document
            self.vectors[document.id] = vector / np.linalg.norm(vector)

    def cosines(self, vector: NDArray[np.floating]) -> dict[str, float]:
        unit = vector / np.linalg.norm(vector)
        return {name: float(self.vectors[name] @ unit) for name in self.documents}

    def bm25(self, text: str) -> dict[str, float]:
        terms = {name: cut_terms(document.text) for name, document in self.documents.items()}
        average = sum(map(len, terms.values())) / max(1, len(terms))
        having = Counter(term for own in terms.values() for term in set(own))
        totals = {}
        for name, own in terms.items():
            total = 0.0
            for term in cut_terms(text):
                rarity = math.log(1 + (len(terms) - having[term] + 0.5) / (having[term] + 0.5))
                count = own.count(term)
                total += rarity * count / (count + 1.5 * (0.25 + 0.75 * len(own) / average)) if count else 0.0
            if total:
                totals[name] = total
        return totals


def assert_best(found: Iterable[tuple[str, float]], scores: Mapping[str, float], k: int) -> None:
    """That what was found has the k highest scores, whichever way ties were resolved."""
    found = list(found)
    expected = sorted(scores.values(), reverse=True)[:k]
    assert len({name for name, _ in found}) == len(found) == len(expected)
    np.testing.assert_allclose([score for _, score in found], expected, atol=1e-5)
    np.testing.assert_allclose([score for _, score in found], [scores[name] for name, _ in found], atol=1e-5)


def overwrite(file: Path, content: bytes | bytearray) -> None:
    """Change a file in place, which unlike writing it anew makes no file system wait for its disk."""
    with file.open("r+b") as stream:
        stream.write(content)
        stream.truncate()


def make_documents(numbers: Iterable[int], seed: int) -> list[Document]:
    """Documents of a few words each, which depend on the number and the seed."""
    documents = []
    for number in numbers:
        random = Random(f"{seed} {number}")
        text = " ".join(random.choices(WORDS, k=random.randrange(9)))
        metadata = {"locale": random.choice([None, "en", "zh"]), "page": random.randrange(3)}
        documents.append(Document(f"id {number} 号", text, metadata))
    return documents


def make_vectors(count: int, seed: int, dimension: int = 8) -> NDArray[np.float64]:
    """Vectors in a few clusters."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((5, dimension))
    return centres[random.integers(5, size=count)] + 0.4 * random.standard_normal((count, dimension))

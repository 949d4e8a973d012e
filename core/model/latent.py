"""Texts as unit vectors without a pretrained encoder: the main directions of their n-grams.

It is what texts are compared by where no encoder can read them, and it is learned from the
company's own texts in seconds.

Source: Deerwester et al. 1990, Indexing by Latent Semantic Analysis.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

from core.errors import DataError, ModelError
from core.model.linear import NGRAMS, Analyzer, make_vectorizer

MAX_FEATURES = 30_000
MAX_CHARACTERS = 4_000
DIMENSIONS = 256
FEW_TEXTS = 500  # fewer: an n-gram that stands in one of them alone counts, too


class LatentEncoder:
    """N-grams projected onto their main directions.

    Args:
        analyzer: Which n-grams.
        vocabularies: Per n-gram kind the terms, in the order of their columns.
        idf: Per n-gram kind ``(terms,)`` float32.
        directions: ``(all terms, dimensions)`` float32.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        vocabularies: Sequence[Sequence[str]],
        idf: Sequence[NDArray[np.float32]],
        directions: NDArray[np.float32],
    ) -> None:
        self.analyzer, self.directions = analyzer, directions
        self._vocabularies, self._idf = [list(terms) for terms in vocabularies], list(idf)
        self._vectorizers = []
        for settings, terms, values in zip(NGRAMS[analyzer], vocabularies, idf, strict=True):
            vectorizer = make_vectorizer(settings, vocabulary={term: i for i, term in enumerate(terms)})
            vectorizer.idf_ = values
            self._vectorizers.append(vectorizer)

    @property
    def dimension(self) -> int:
        """How many numbers a text becomes."""
        return int(self.directions.shape[1])

    def sparse(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """TF-IDF rows of length one ``(texts, all terms)`` float32, before they are brought to few dimensions."""
        plain = [text[:MAX_CHARACTERS] for text in texts]
        rows = sparse.hstack([v.transform(plain) for v in self._vectorizers], format="csr")
        return rows / math.sqrt(len(self._vectorizers))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors ``(texts, dimension)`` float32; a text without a known n-gram is zero."""
        vectors = np.asarray(self.sparse(texts) @ self.directions, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write ``latent.json`` and ``latent.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {"analyzer": self.analyzer, "terms": self._vocabularies}
        (folder / "latent.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        tensors = {f"idf.{i}": np.ascontiguousarray(values) for i, values in enumerate(self._idf)}
        save_file(tensors | {"directions": np.ascontiguousarray(self.directions)}, folder / "latent.safetensors")

    @classmethod
    def load(cls, folder: Path) -> LatentEncoder:
        """Read what ``save`` wrote.

        Raises:
            ModelError: Files are absent or do not fit together.
        """
        try:
            document = json.loads((folder / "latent.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "latent.safetensors")
            terms, directions = document["terms"], tensors["directions"]
            if directions.ndim != 2 or sum(map(len, terms)) != len(directions) or not np.isfinite(directions).all():
                raise ValueError(f"directions are {directions.shape}")
            return cls(document["analyzer"], terms, [tensors[f"idf.{i}"] for i in range(len(terms))], directions)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
            raise ModelError("the directions do not fit together", where=str(folder), got=str(error)) from error


def fit_latent(
    texts: Sequence[str], dimensions: int = DIMENSIONS, *, analyzer: Analyzer = "word+char", seed: int = 0
) -> LatentEncoder:
    """Find the main directions of texts.

    Args:
        texts: What to learn from; empty ones are passed over.
        dimensions: How many directions at most.
        analyzer: Which n-grams.
        seed: Of the solver.

    Raises:
        DataError: The texts hold no n-gram of that kind.
    """
    plain = [text[:MAX_CHARACTERS] for text in texts if text.strip()]
    each, least = MAX_FEATURES // len(NGRAMS[analyzer]), 2 if len(plain) >= FEW_TEXTS else 1
    vectorizers = [make_vectorizer(settings, min_df=least, max_features=each) for settings in NGRAMS[analyzer]]
    try:
        features = sparse.hstack([v.fit_transform(plain) for v in vectorizers], format="csr")
    except ValueError as error:  # scikit-learn's way to say that no n-gram is left
        raise DataError(
            f"the texts hold nothing to learn from: {error}", where="train.analyzer", got=analyzer
        ) from error
    size = max(1, min(dimensions, features.shape[1] - 1, len(plain) - 1))
    solver = TruncatedSVD(size, random_state=seed).fit(features.astype(np.float64))
    terms = [list(v.get_feature_names_out()) for v in vectorizers]
    directions = np.asarray(solver.components_.T, dtype=np.float32)
    return LatentEncoder(analyzer, terms, [v.idf_.astype(np.float32) for v in vectorizers], directions)

"""Vectors of texts out of their n-grams alone: no pretrained model, any language, seconds to fit.

TF-IDF over n-grams, brought to few dimensions by a truncated singular value decomposition.

Source: Deerwester et al. 1990, Indexing by latent semantic analysis.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from core.errors import DataError, ModelError

MOST_TERMS = 30_000
MAX_CHARACTERS = 4_000
FEW_TEXTS = 500
_NGRAMS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "char": {"analyzer": "char", "ngram_range": (1, 3)},
    "word+char": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}


class LatentVectors:
    """Maps texts to unit vectors.

    Args:
        analyzer: Which n-grams: ``word``, ``char``, or ``word+char`` (of characters inside words).
        terms: The n-grams, in the order of the columns.
        idf: ``(terms,)`` float32.
        components: ``(terms, dimension)`` float32.
    """

    def __init__(
        self, analyzer: str, terms: Sequence[str], idf: NDArray[np.float32], components: NDArray[np.float32]
    ) -> None:
        self.analyzer = analyzer
        self.components = components
        self._vectorizer = _vectorizer(analyzer, vocabulary={term: i for i, term in enumerate(terms)})
        self._vectorizer.idf_ = idf

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self.components.shape[1])

    def sparse(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """TF-IDF rows of length one ``(texts, terms)``, before they are brought to few dimensions."""
        rows: sparse.csr_matrix = self._vectorizer.transform([text[:MAX_CHARACTERS] for text in texts])
        return rows

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors ``(texts, dimension)`` float32; zero for a text without a known n-gram."""
        vectors = np.asarray(self.sparse(texts) @ self.components, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write ``vocabulary.json`` and ``weights.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        terms = [term for term, _ in sorted(self._vectorizer.vocabulary_.items(), key=lambda item: item[1])]
        document = {"analyzer": self.analyzer, "terms": terms}
        (folder / "vocabulary.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        idf = np.ascontiguousarray(self._vectorizer.idf_, np.float32)
        save_file({"idf": idf, "components": np.ascontiguousarray(self.components)}, folder / "weights.safetensors")

    @classmethod
    def load(cls, folder: Path) -> LatentVectors:
        """Read what ``save`` wrote.

        Raises:
            ModelError: Files are absent or do not fit together.
        """
        try:
            document = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "weights.safetensors")
            terms, idf, components = document["terms"], tensors["idf"], tensors["components"]
            if idf.shape != (len(terms),) or components.shape[:1] != (len(terms),) or components.ndim != 2:
                raise ValueError(f"{len(terms)} terms, weights {components.shape}")
            return cls(document["analyzer"], terms, idf, components)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
            raise ModelError("the n-gram vectors do not fit together", where=str(folder), got=str(error)) from error


def fit_latent(texts: Sequence[str], dimension: int, *, analyzer: str = "word+char", seed: int = 0) -> LatentVectors:
    """Learn terms, their rarity and the directions in which texts differ most.

    Args:
        texts: What to learn from; empty ones are passed over.
        dimension: Most dimensions; fewer where there are fewer texts or terms.
        analyzer: Which n-grams.
        seed: Of the decomposition.

    Raises:
        DataError: The texts hold no n-gram of that kind.
    """
    filled = [text[:MAX_CHARACTERS] for text in texts if text.strip()]
    vectorizer = _vectorizer(analyzer, min_df=2 if len(filled) >= FEW_TEXTS else 1, max_features=MOST_TERMS)
    try:
        features = vectorizer.fit_transform(filled)
    except ValueError as error:  # scikit-learn's way to say that no n-gram is left
        raise DataError(
            f"the texts hold nothing to learn from: {error}", where="train.analyzer", got=analyzer
        ) from error
    rank = max(1, min(dimension, *(side - 1 for side in features.shape)))
    _, _, directions = randomized_svd(features, rank, random_state=seed, n_iter=4)
    terms = list(vectorizer.get_feature_names_out())
    return LatentVectors(
        analyzer, terms, vectorizer.idf_.astype(np.float32), np.ascontiguousarray(directions.T, dtype=np.float32)
    )


def _vectorizer(analyzer: str, **more: Any) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **_NGRAMS[analyzer], **more)

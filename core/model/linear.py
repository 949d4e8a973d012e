"""TF-IDF n-grams with a linear classifier: the first rung, and the baseline of every report.

It needs no pretrained model, trains in seconds, and reads any language by its characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from core.data.example import Task, Text
from core.errors import DataError, ModelError

Analyzer = Literal["word", "char", "word+char"]
MAX_FEATURES = 200_000
MAX_CHARACTERS = 4_000
NGRAMS: dict[str, tuple[dict[str, Any], ...]] = {
    "word": ({"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},),
    "char": ({"analyzer": "char", "ngram_range": (1, 4)},),
    "word+char": (
        {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
        {"analyzer": "char_wb", "ngram_range": (2, 5)},
    ),
}
_ALWAYS_ON_MARGIN = 4.0


class LinearClassifier:
    """A linear model over TF-IDF n-grams for one or several tasks.

    Args:
        tasks: What is asked of a text.
        analyzer: Which n-grams: of words, of characters, or of both.
        vocabularies: Per n-gram kind the terms, in the order of their columns.
        idf: Per n-gram kind ``(terms,)`` float32.
        weights: Per task ``(labels, all terms)`` float32.
        biases: Per task ``(labels,)`` float32.
    """

    kind = "tfidf"

    def __init__(
        self,
        tasks: Sequence[Task],
        analyzer: Analyzer,
        vocabularies: Sequence[Sequence[str]],
        idf: Sequence[NDArray[np.float32]],
        weights: Sequence[NDArray[np.float32]],
        biases: Sequence[NDArray[np.float32]],
    ) -> None:
        self.tasks = tuple(tasks)
        self.analyzer = analyzer
        self._weights, self._biases = list(weights), list(biases)
        self._vectorizers = []
        for settings, terms, values in zip(NGRAMS[analyzer], vocabularies, idf, strict=True):
            vectorizer = make_vectorizer(settings, vocabulary={term: i for i, term in enumerate(terms)})
            vectorizer.idf_ = values
            self._vectorizers.append(vectorizer)

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(w.size for w in self._weights) + sum(b.size for b in self._biases)

    def logits(self, texts: Sequence[Text]) -> list[NDArray[np.float32]]:
        """Margins of each task, ``(rows, labels)`` float32 each."""
        plain = [_flatten(text) for text in texts]
        features = sparse.hstack([v.transform(plain) for v in self._vectorizers], format="csr")
        return [
            np.asarray(features @ w.T + b, dtype=np.float32)
            for w, b in zip(self._weights, self._biases, strict=True)
        ]

    def read(self, texts: Sequence[Text]) -> tuple[list[NDArray[np.float32]], None]:
        """Margins of each task; n-grams have no states."""
        return self.logits(texts), None

    def scaled(self, factors: Sequence[float]) -> LinearClassifier:
        """The same model with each task's margins multiplied by a factor."""
        copy = LinearClassifier.__new__(LinearClassifier)
        copy.tasks, copy.analyzer, copy._vectorizers = self.tasks, self.analyzer, self._vectorizers
        copy._weights = [w * np.float32(f) for w, f in zip(self._weights, factors, strict=True)]
        copy._biases = [b * np.float32(f) for b, f in zip(self._biases, factors, strict=True)]
        return copy

    def save(self, folder: Path) -> None:
        """Write ``vocabulary.json`` and ``weights.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        terms = [[t for t, _ in sorted(v.vocabulary_.items(), key=lambda item: item[1])] for v in self._vectorizers]
        document = {"analyzer": self.analyzer, "terms": terms}
        (folder / "vocabulary.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        tensors = {f"idf.{i}": np.ascontiguousarray(v.idf_, np.float32) for i, v in enumerate(self._vectorizers)}
        for i, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            tensors |= {f"weight.{i}": np.ascontiguousarray(weight), f"bias.{i}": np.ascontiguousarray(bias)}
        save_file(tensors, folder / "weights.safetensors")

    @classmethod
    def load(cls, folder: Path, tasks: Sequence[Task]) -> LinearClassifier:
        """Read what ``save`` wrote.

        Raises:
            ModelError: Files are absent or do not fit together.
        """
        try:
            document = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "weights.safetensors")
            terms = document["terms"]
            weights = [tensors[f"weight.{i}"] for i in range(len(tasks))]
            biases = [tensors[f"bias.{i}"] for i in range(len(tasks))]
            columns = sum(len(t) for t in terms)
            for task, weight, bias in zip(tasks, weights, biases, strict=True):
                if weight.shape != (len(task.labels), columns) or bias.shape != (len(task.labels),):
                    raise ValueError(f"weights of {task.name} are {weight.shape}")
            return cls(
                tasks, document["analyzer"], terms, [tensors[f"idf.{i}"] for i in range(len(terms))], weights, biases
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
            raise ModelError("the TF-IDF model does not fit together", where=str(folder), got=str(error)) from error


def fit_linear(
    texts: Sequence[Text],
    tasks: Sequence[Task],
    targets: Mapping[str, NDArray[Any]],
    known: Mapping[str, NDArray[np.bool_]],
    *,
    analyzer: Analyzer = "word+char",
    seed: int = 0,
    weights: NDArray[np.float64] | None = None,
) -> LinearClassifier:
    """Fit n-gram weights and a linear support vector machine for each task.

    Args:
        texts: ``(rows,)`` texts with their pairs.
        tasks: What is asked of a text.
        targets: Per task, as ``encode_labels`` gives them.
        known: Per task ``(rows,)`` bool: rows that take part.
        analyzer: Which n-grams.
        seed: Of the solver's coordinate order.
        weights: How much each row counts ``(rows,)``; None: as much as any other.

    Raises:
        DataError: The texts hold no n-gram of that kind.
    """
    plain = [_flatten(text) for text in texts]
    min_df = 2 if len(plain) >= 500 else 1
    vectorizers = [make_vectorizer(s, min_df=min_df, max_features=MAX_FEATURES) for s in NGRAMS[analyzer]]
    try:
        features = sparse.hstack([v.fit_transform(plain) for v in vectorizers], format="csr").astype(np.float64)
    except ValueError as error:  # scikit-learn's way to say that no n-gram is left
        raise DataError(
            f"the texts hold nothing to learn from: {error}", where="train.analyzer", got=analyzer, fix="try char"
        ) from error
    fitted = []
    for task in tasks:
        rows = np.flatnonzero(known[task.name])
        counts = None if weights is None else weights[rows]
        fitted.append(_fit_task(features[rows], targets[task.name][rows], task, seed, counts))
    terms = [list(v.get_feature_names_out()) for v in vectorizers]
    idf = [v.idf_.astype(np.float32) for v in vectorizers]
    return LinearClassifier(tasks, analyzer, terms, idf, [w for w, _ in fitted], [b for _, b in fitted])


def _fit_task(
    features: sparse.csr_matrix, targets: NDArray[Any], task: Task, seed: int, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One-versus-rest margins: ``(labels, terms)`` weights and ``(labels,)`` biases."""
    weight = np.zeros((len(task.labels), features.shape[1]), dtype=np.float32)
    bias = np.full(len(task.labels), -_ALWAYS_ON_MARGIN, dtype=np.float32)
    for label in range(len(task.labels)):
        positive = targets == label if task.kind == "single" else targets[:, label] > 0.5
        if positive.any() and positive.all():
            bias[label] = _ALWAYS_ON_MARGIN
        elif positive.any():
            machine = LinearSVC(C=1.0, random_state=seed, dual=True, max_iter=2000, tol=1e-3)
            machine.fit(features, positive, weights)
            weight[label], bias[label] = machine.coef_[0], machine.intercept_[0]
    return weight, bias


def make_vectorizer(settings: Mapping[str, Any], **more: Any) -> TfidfVectorizer:
    """One kind of n-grams of ``NGRAMS``, not yet fitted."""
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **settings, **more)


def _flatten(text: Text) -> str:
    first, pair = text
    return f"{first[:MAX_CHARACTERS]} \n {pair}" if pair else first[:MAX_CHARACTERS]

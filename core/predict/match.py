"""Texts as unit vectors: what means the same lies near. An encoder makes them, or the texts' own terms.

Source: for shared terms Ochiai 1957, the cosine of two sets, brought to a fixed number of dimensions
without learning anything as by Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from core.config import KitConfig
from core.data.example import Task
from core.errors import ModelError
from core.index.terms import cut_single_terms
from core.model.backbone import check_length, load_config, load_encoder, load_tokenizer, resolve_backbone
from core.model.bundle import read_document, write_document
from core.model.heads import TextClassifier
from core.model.latent import LatentEncoder
from core.predict.engine import EncoderClassifier

TASKS = (Task("match", "multi", ("match",)),)
MatcherKind = Literal["encoder", "latent", "overlap"]
OVERLAP_DIMENSIONS = 1_024
OVERLAP = "overlap.json"


class Matcher(Protocol):
    """Makes vectors of texts."""

    kind: MatcherKind

    @property
    def dimension(self) -> int:
        """Of the vectors."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors ``(texts, dimension)`` float32, in the order of ``texts``."""

    def save(self, folder: Path) -> None:
        """Write its files."""


class EncoderMatcher:
    """An encoder whose pooled states are compared."""

    kind: MatcherKind = "encoder"

    def __init__(self, encoder: EncoderClassifier) -> None:
        self.encoder = encoder

    @property
    def dimension(self) -> int:
        """Of the encoder's states."""
        return int(self.encoder.model.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors ``(texts, dimension)`` float32, in the order of ``texts``."""
        return unit_rows(self.encoder.embeddings([(text, None) for text in texts]))

    def save(self, folder: Path) -> None:
        """Write the encoder's files."""
        self.encoder.save(folder)


class LatentMatcher:
    """The main directions of n-grams, compared."""

    kind: MatcherKind = "latent"

    def __init__(self, latent: LatentEncoder) -> None:
        self.latent = latent

    @property
    def dimension(self) -> int:
        """How many directions there are."""
        return self.latent.dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors ``(texts, dimension)`` float32, in the order of ``texts``."""
        return unit_rows(self.latent.encode(texts))

    def save(self, folder: Path) -> None:
        """Write the directions' files."""
        self.latent.save(folder)


class OverlapMatcher:
    """How many terms two texts share: words, and single characters of scripts without spaces.

    Each counts once and as much as any other. Between short questions that tells more than rare n-grams
    do, of which two ways to say one thing often share none. Nothing is learned, so that a character
    which the training texts lack counts, too.
    """

    kind: MatcherKind = "overlap"
    dimension = OVERLAP_DIMENSIONS

    def __init__(self) -> None:
        self._hashing = HashingVectorizer(analyzer=_distinct_terms, n_features=self.dimension, dtype=np.float32)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors ``(texts, dimension)`` float32, in the order of ``texts``."""
        return unit_rows(self._hashing.transform(texts).toarray())

    def save(self, folder: Path) -> None:
        """Write a file that names it; there is nothing else to keep."""
        folder.mkdir(parents=True, exist_ok=True)
        write_document(folder, OVERLAP, {"dimension": self.dimension})

    @classmethod
    def load(cls, folder: Path) -> OverlapMatcher:
        """Read what ``save`` wrote.

        Raises:
            ModelError: It is damaged, or its vectors had another dimension: those in an index would not fit.
        """
        found, own = read_document(folder, OVERLAP), {"dimension": cls.dimension}
        if found != own:
            raise ModelError("a matcher of another version", where=str(folder / OVERLAP), got=found, expected=str(own))
        return cls()


def frozen_matcher(config: KitConfig) -> EncoderMatcher:
    """The backbone as it is."""
    folder = resolve_backbone(config.model.backbone)
    check_length(load_config(folder), config.model.max_tokens)
    return make_matcher(TextClassifier(load_encoder(folder), TASKS), load_tokenizer(folder), config)


def make_matcher(model: TextClassifier, tokenizer: Any, config: KitConfig) -> EncoderMatcher:
    """An encoder, as configured, for matching."""
    return EncoderMatcher(
        EncoderClassifier(
            model,
            tokenizer,
            max_tokens=config.model.max_tokens,
            batch_size=config.predict.batch_size,
            precision=config.predict.precision,
        )
    )


def load_matcher(folder: Path, *, max_tokens: int, **options: Any) -> Matcher:
    """Read what ``save`` wrote.

    Raises:
        ModelError: Files are absent, refused, or do not fit together.
    """
    matcher: Matcher
    if (folder / OVERLAP).is_file():
        matcher = OverlapMatcher.load(folder)
    elif (folder / "latent.json").is_file():
        matcher = LatentMatcher(LatentEncoder.load(folder))
    else:
        matcher = EncoderMatcher(EncoderClassifier.load(folder, TASKS, max_tokens=max_tokens, **options))
    try:
        is_usable = bool(np.isfinite(matcher.embed(["a"])).all())
    except Exception as error:  # what a model that was tampered with raises is not foreseeable
        raise ModelError("the matcher does not compute", where=str(folder), got=str(error)) from error
    if not is_usable:
        raise ModelError("the matcher holds numbers that are none", where=str(folder))
    return matcher


def _distinct_terms(text: str) -> list[str]:
    return sorted(set(cut_single_terms(text)))


def unit_rows(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of length one; what has no direction gets an arbitrary one, since an index holds no zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.where(lengths > 1e-9, vectors / np.maximum(lengths, 1e-9), 0.0)
    units[lengths[:, 0] <= 1e-9, 0] = 1.0
    return np.asarray(units, dtype=np.float32)

"""Item texts as vectors of length one: by their n-grams, or by a language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.model.backbone import load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.latent import LatentEncoder
from core.predict.engine import EncoderClassifier
from kits.recommender.config import RecommenderConfig

Floats = NDArray[np.float32]
LATENT, ENCODER = "tfidf", "model"


class TextEncoder(Protocol):
    """Reads texts."""

    @property
    def dimension(self) -> int:
        """Of the vectors."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors ``(texts, dimension)`` float32; zero where nothing can be read."""

    def save(self, folder: Path) -> None:
        """Write plain files."""


class LanguageModel:
    """A sentence encoder of core.

    Args:
        encoder: Without heads.
    """

    def __init__(self, encoder: EncoderClassifier) -> None:
        self.encoder = encoder

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self.encoder.model.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors ``(texts, dimension)`` float32; zero for an empty text. Equal texts are read once."""
        distinct = list(dict.fromkeys(texts))
        vectors = self.encoder.embeddings([(text, None) for text in distinct])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.maximum(lengths, 1e-9)
        vectors[[not text.strip() for text in distinct]] = 0.0
        place = {text: row for row, text in enumerate(distinct)}
        return np.asarray(vectors[[place[text] for text in texts]], dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the encoder's files."""
        self.encoder.save(folder)


def open_backbone(config: RecommenderConfig) -> LanguageModel:
    """The configured backbone as it comes.

    Raises:
        ModelError: It is not there or is damaged.
    """
    folder = resolve_backbone(config.model.backbone)
    return as_language_model(TextClassifier(load_encoder(folder), ()), folder, config)


def as_language_model(model: TextClassifier, folder: Path, config: RecommenderConfig) -> LanguageModel:
    """An encoder with the tokenizer of its backbone."""
    settings = {"batch_size": config.predict.batch_size, "precision": config.predict.precision}
    return LanguageModel(
        EncoderClassifier(model, load_tokenizer(folder), max_tokens=config.model.max_tokens, **settings)  # type: ignore[arg-type]
    )


def load_text_encoder(folder: Path, config: RecommenderConfig) -> TextEncoder:
    """Read what ``save`` of either kind wrote into a model folder."""
    if (folder / LATENT).is_dir():
        return LatentEncoder.load(folder / LATENT)
    settings = {"batch_size": config.predict.batch_size, "precision": config.predict.precision}
    return LanguageModel(EncoderClassifier.load(folder / ENCODER, (), max_tokens=config.model.max_tokens, **settings))


def save_text_encoder(encoder: TextEncoder, folder: Path) -> None:
    """Write an encoder where ``load_text_encoder`` looks."""
    encoder.save(folder / (LATENT if isinstance(encoder, LatentEncoder) else ENCODER))

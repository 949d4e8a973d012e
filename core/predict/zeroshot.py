"""Labels without training: texts and the labels' descriptions compared in the encoder's space.

A start for a company that has no labelled rows yet. The scores are cosine similarities, not
probabilities; nothing is calibrated, and the results say so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.config import KitConfig
from core.data.example import Task
from core.errors import ConfigError
from core.model.backbone import check_length, load_config, load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.predict.engine import EncoderClassifier


class DescribedLabels:
    """Compares texts with label descriptions.

    Args:
        descriptions: Label name to a line that says what belongs there.
        config: The backbone and how it runs.
    """

    def __init__(self, descriptions: Mapping[str, str], config: KitConfig) -> None:
        folder = resolve_backbone(config.model.backbone)
        check_length(load_config(folder), config.model.max_tokens)
        self.labels = tuple(descriptions)
        self._encoder = EncoderClassifier(
            TextClassifier(load_encoder(folder), (Task("labels", "multi", self.labels),)),
            load_tokenizer(folder),
            max_tokens=config.model.max_tokens,
            batch_size=config.predict.batch_size,
            precision=config.predict.precision,
        )
        lines = [(f"{name.replace('_', ' ')}: {line}", None) for name, line in descriptions.items()]
        self._directions = _normalise(self._encoder.embeddings(lines))

    def similarities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Cosine of each text with each description, ``(rows, labels)`` float32."""
        directions = _normalise(self._encoder.embeddings([(text, None) for text in texts]))
        return np.asarray(directions @ self._directions.T, dtype=np.float32)


def read_descriptions(file: Path) -> dict[str, str]:
    """Read label descriptions from TOML: ``earnings = "Quarterly results, dividends, guidance"``.

    Raises:
        ConfigError: The file is unreadable, or an entry is not a line of text.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError("cannot read the topics", where=str(file), got=error.strerror) from error
    except ValueError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(file)) from error
    wrong = [name for name, line in values.items() if not isinstance(line, str) or not line.strip()]
    if wrong or len(values) < 2:
        raise ConfigError(
            "not a list of topics",
            where=str(file),
            got=wrong or list(values),
            expected='two or more lines such as  earnings = "Quarterly results, dividends, guidance"',
        )
    return dict(values)


def _normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)

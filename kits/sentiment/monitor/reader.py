"""Reads items with a trained model.

Probabilities are rounded before anything is decided by them, so that a decision does not hang on
the last bits of a sum whose order depends on what else was in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.predict.load import Confusion, Model, load_facts, load_model
from kits.sentiment.config import SentimentConfig
from kits.sentiment.data import join_text
from kits.sentiment.item import Item
from kits.sentiment.monitor.watch import WatchList
from kits.sentiment.reading import ErrorRates, Judgement, Reading
from kits.sentiment.train import KIT

DIGITS = 4


class ModelReader:
    """Reads items with a trained model.

    A company is judged by itself if the model has learnt to judge towards someone; otherwise it
    shares the judgement of the text.

    Args:
        model: A model of this kit.
        watch: The companies to look for.

    Attributes:
        version: Of the model and the watch list: counts under another of either are not comparable.
        errors: From the model's held-out rows.

    Raises:
        ModelError: The model does not tell negative news from other news.
    """

    def __init__(self, model: Model, watch: WatchList) -> None:
        folder = Path("." if model.folder is None else model.folder)
        self._sentiments = next((task.labels for task in model.tasks if task.name == "sentiment"), ())
        if not {"negative", "positive"} <= set(self._sentiments):
            fix = "train on rows with negative and positive sentiment"
            raise ModelError("does not tell negative news from positive", where=str(folder), fix=fix)
        self._topics = next((task.labels for task in model.tasks if task.name == "topics"), ())
        cuts = model.calibration["topics"].thresholds if self._topics else ()
        self._cuts = np.asarray(cuts or (), dtype=np.float64)
        facts = load_facts(folder)
        self._model, self._watch = model, watch
        self._judges_towards = facts.paired_rows > 0
        self.folder = folder
        self.version = f"{model.version}-{watch.digest[:8]}" if watch else model.version
        self.errors = error_rates(facts.confusion.get("sentiment"))

    @classmethod
    def load(cls, folder: Path, watch: WatchList) -> ModelReader:
        """Load a model folder, after checking every byte of it.

        Raises:
            ModelError: It is damaged, hostile, of another kit, or judges no sentiment.
        """
        return cls(load_model(folder, SentimentConfig, KIT), watch)

    def read(self, items: Sequence[Item]) -> tuple[list[Reading], NDArray[np.float32] | None]:
        """Readings in the order of the items, and ``(items, dimensions)`` vectors of length one if it has them."""
        texts = [join_text(item.title, item.body) for item in items]
        chances, states = self._model.read([(text, None) for text in texts])
        wholes = self._judgements(chances["sentiment"])
        topics = self._held_topics(chances["topics"]) if self._topics else [{} for _ in items]
        found = [self._watch.find(f"{item.entity or ''}\n{text}") for item, text in zip(items, texts, strict=True)]
        towards = self._judge_companies(texts, found) if self._judges_towards else {}
        readings = [
            Reading(item.key, wholes[row], topics[row], {c: towards.get((row, c), wholes[row]) for c in found[row]})
            for row, item in enumerate(items)
        ]
        return readings, None if states is None else _unit(states)

    def _judgements(self, chances: NDArray[np.float64]) -> list[Judgement]:
        rounded = chances.round(DIGITS)
        negative, positive = (rounded[:, self._sentiments.index(name)].tolist() for name in ("negative", "positive"))
        likeliest = [self._sentiments[i] for i in rounded.argmax(axis=1).tolist()]
        return [Judgement(*values) for values in zip(likeliest, negative, positive, strict=True)]

    def _held_topics(self, chances: NDArray[np.float64]) -> list[dict[str, float]]:
        rounded = chances.round(DIGITS)
        held: list[dict[str, float]] = [{} for _ in rounded]
        for row, column in zip(*(axis.tolist() for axis in np.nonzero(rounded >= self._cuts)), strict=True):
            held[row][self._topics[column]] = float(rounded[row, column])
        return held

    def _judge_companies(
        self, texts: Sequence[str], found: Sequence[Sequence[str]]
    ) -> dict[tuple[int, str], Judgement]:
        pairs = [(row, company) for row, companies in enumerate(found) for company in companies]
        if not pairs:
            return {}
        chances = self._model.probabilities([(texts[row], self._watch.name(company)) for row, company in pairs])
        return dict(zip(pairs, self._judgements(chances["sentiment"]), strict=True))


def error_rates(confusion: Confusion | None) -> ErrorRates:
    """How often a model errs on negative news, from its confusion matrix.

    Half a row of each kind is added (Krichevsky and Trofimov 1981), so that few rows never say
    that it always or never errs.

    >>> error_rates(Confusion(labels=("negative", "neutral"), counts=((8, 2), (3, 87))))
    ErrorRates(negative_when_negative=0.7727272727272727, negative_when_not=0.038461538461538464, rows=100)
    """
    if confusion is None or "negative" not in confusion.labels:
        return ErrorRates()
    counts = np.asarray(confusion.counts)
    own = confusion.labels.index("negative")
    found, negative = counts[own, own], counts[own].sum()
    false, others = counts[:, own].sum() - found, counts.sum() - negative
    return ErrorRates(float((found + 0.5) / (negative + 1)), float((false + 0.5) / (others + 1)), int(counts.sum()))


def _unit(states: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(states, axis=1, keepdims=True)
    return np.asarray(states / np.maximum(lengths, 1e-12), dtype=np.float32)

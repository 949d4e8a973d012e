"""What a model folder holds beside the classifier: the matcher, the neighbours, and the judge of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ModelError
from core.model.bundle import read_document, write_document
from core.predict.blend import BlendClassifier
from core.predict.decide import Classifier
from core.predict.engine import EncoderClassifier
from core.predict.load import Model
from core.predict.match import EncoderMatcher, Matcher, load_matcher
from kits.support.reading import OUT_OF_SCOPE
from kits.support.scope.judge import Judge, Judged
from kits.support.scope.neighbour import Neighbours

FILE = "scope/scope.json"
MatcherName = Literal["frozen", "lora", "full", "latent", "overlap"]


class Facts(BaseModel):
    """``scope.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    judge: Judge
    matcher: MatcherName
    is_shared: bool  # the matcher is the classifier's own encoder
    both_from: float = Field(ge=0)  # a text asks for two intents when the weaker part is at least so sure


@dataclass(frozen=True)
class Scope:
    """The second witness, and the judge.

    Attributes:
        matcher: Makes vectors of texts.
        neighbours: The utterances that were trained on.
        facts: The judge, and what the matcher is.
    """

    matcher: Matcher
    neighbours: Neighbours
    facts: Facts

    def judge(self, labels: Sequence[str], chances: NDArray[np.float64], texts: Sequence[str]) -> Judged:
        """What is thought of each text, given the classifier's ``(texts, labels)`` probabilities."""
        return self.facts.judge.judge(labels, chances, self.compare(texts))

    def compare(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The cosine of each text to the nearest utterance of each label, ``(texts, labels)`` float32."""
        return self.neighbours.similarities(self.matcher.embed(texts))

    def save(self, folder: Path) -> None:
        """Write all of it; the encoder only where it is not the classifier's own."""
        if not self.facts.is_shared:
            self.matcher.save(folder / "match")
        self.neighbours.save(folder)
        write_document(folder, FILE, self.facts.model_dump(mode="json"))


def load_scope(model: Model, **options: Any) -> Scope:
    """Read what ``Scope.save`` wrote into the model's folder, which must have been verified.

    Raises:
        ModelError: Files are absent, refused, or do not fit the model.
    """
    if model.folder is None:
        raise ValueError("a model that was just trained has no folder to load from")
    (task,) = model.tasks
    try:
        facts = Facts.model_validate(read_document(model.folder, FILE))
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise ModelError(f"not what fieldkits writes: {first}", where=str(model.folder / FILE)) from error
    shared = shared_matcher(model.classifier) if facts.is_shared else None
    if facts.is_shared and shared is None:
        raise ModelError("it names an encoder that the model does not have", where=str(model.folder / FILE))
    if not any(label != OUT_OF_SCOPE for label in task.labels):
        raise ModelError("the model has no intents", where=str(model.folder))
    settings = {"batch_size": model.config.predict.batch_size, "precision": model.config.predict.precision} | options
    matcher = shared or load_matcher(model.folder / "match", max_tokens=model.settings.max_tokens, **settings)
    return Scope(matcher, Neighbours.load(model.folder, len(task.labels), matcher.dimension), facts)


def shared_matcher(classifier: Classifier) -> EncoderMatcher | None:
    """The classifier's own encoder as a matcher; None where it has none."""
    encoder: Any = classifier.encoder if isinstance(classifier, BlendClassifier) else classifier
    return EncoderMatcher(encoder) if isinstance(encoder, EncoderClassifier) else None

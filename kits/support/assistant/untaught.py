"""Stands in for a trained model where a company has an FAQ or pages and no labelled texts yet.

It finds what is like a question, and reads no intent in anything: to it, all is out of scope. So nothing is answered
but what the FAQ and the pages say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.model.backbone import resolve_backbone
from core.predict.match import EncoderMatcher, Matcher, OverlapMatcher, frozen_matcher
from core.train.fit import backbone_digest
from kits.support.config import SupportConfig
from kits.support.predict import check_texts
from kits.support.reading import Language, Understanding, detect_language


class Untaught:
    """Reads as ``kits.support.Reader`` does, and knows no intent."""

    def __init__(self, matcher: Matcher, version: str) -> None:
        self.matcher, self.version = matcher, version
        self.is_semantic = matcher.kind == "encoder"

    @classmethod
    def open(cls, language: Language, settings: SupportConfig) -> Untaught:
        """With the backbone as it is; in Chinese, of which it reads half, with the terms that texts share.

        Raises:
            ModelError: The backbone cannot be used.
        """
        if language == "zh":
            return cls(OverlapMatcher(), "untaught-overlap")
        digest = backbone_digest(resolve_backbone(settings.model.backbone))
        return cls(frozen_matcher(settings), f"untaught-{digest[:12]}")

    @property
    def dimension(self) -> int:
        """Of the vectors that ``embed`` makes."""
        return self.matcher.dimension

    def read(self, texts: Sequence[str], *, may_ask_two: bool = True) -> list[Understanding]:
        """Nothing but the language of each text.

        Args:
            texts: What customers wrote.
            may_ask_two: As of ``Reader``; no text is found to ask for anything.

        Raises:
            DataError: A text is no string.
        """
        check_texts(texts)
        return [Understanding(text, (), (), 0.0, 0.0, 1.0, detect_language(text)) for text in texts]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, ``(texts, dimension)`` float32: what means the same lies near.

        Raises:
            DataError: A text is no string.
        """
        check_texts(texts)
        return self.matcher.embed(texts)

    def warm(self) -> Iterator[int]:
        """Get ready for batches of any size, step by step; yields how many tokens of no meaning were read."""
        if isinstance(self.matcher, EncoderMatcher):
            yield from self.matcher.encoder.warm()

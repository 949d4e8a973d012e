"""A reader without a model: intents by words, vectors by the terms of a text. The same text is always read the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.index.terms import cut_terms
from kits.support.answer.terms import content_terms
from kits.support.assistant.home import Room
from kits.support.assistant.talk import Assistant
from kits.support.assistant.voices import open_voice
from kits.support.config import SupportConfig
from kits.support.index.document import faq_document, find_withheld, page_document
from kits.support.reading import Understanding, detect_language
from kits.support.scope.policy import Policy
from kits.support.source.faq import load_faq
from kits.support.source.knowledge import load_knowledge
from kits.support.store.store import open_store

SAMPLE = Path(__file__).parents[3] / "sample_data" / "support"
DIMENSION = 48
# The first that a text has decides; what it is unsure of stands behind a slash.
WORDS = {
    "human_agent": ("real person", "human", "人工"),
    "card_stolen": ("stolen", "偷"),
    "card_lost": ("lost my", "is lost", "lost the", "丢"),
    "fraud_reported": ("hacked", "盗刷"),
    "fee_disputed": ("charged me", "莫名其妙"),
    "account_close": ("close my account",),
    "transfer_cancel": ("cancel a transfer", "recall"),
    "transfer_status": ("status of my transfer", "transfer hasn't arrived"),
    "transfer_abroad": ("international transfer", "跨境"),
    "card_limit": ("limit for card",),
    "details_change": ("my address",),
    "pin_problem": ("pin",),
    "thanks": ("thank", "谢"),
    "goodbye": ("bye",),
    "greeting": ("good morning", "hello", "您好"),
}
OUTSIDE = ("joke", "penguin", "笑话")


class FakeReader:
    """Stands in for ``kits.support.predict.Reader``."""

    version = "fake"
    dimension = DIMENSION
    is_semantic = False  # near texts share words, and no more is known

    def __init__(self, settings: SupportConfig | None = None) -> None:
        self.config = settings or SupportConfig()
        self.policy = Policy.of(self.config.policy)

    def read(self, texts: Sequence[str], *, may_ask_two: bool = True) -> list[Understanding]:
        return [_read(text) for text in texts]

    def warm(self) -> Iterator[int]:
        yield from ()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.full((len(texts), DIMENSION), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for term in cut_terms(text):
                digest = hashlib.sha256(term.encode()).digest()
                vectors[row, digest[0] % DIMENSION] += 1.0 if term in content_terms(text) else 0.1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def decide(self, understanding: Understanding) -> str:
        return self.policy.decide(understanding)


def _read(text: str) -> Understanding:
    folded = text.casefold()
    names = list(WORDS)
    found = [name for name, words in WORDS.items() if any(word in folded for word in words)]
    outside = 0.9 if any(word in folded for word in OUTSIDE) else 0.01
    if found and outside < 0.5:
        first, rest = found[0], [name for name in names if name != found[0]]
        ranked = [(first, 0.97), *((name, 0.02 / len(rest)) for name in rest)]
    else:
        ranked = [(name, (0.99 - outside) * (0.5 if name == "card_lost" else 0.5 / (len(names) - 1))) for name in names]
        ranked.sort(key=lambda pair: -pair[1])
    either = ranked[0][1] + ranked[1][1]
    return Understanding(text, tuple(ranked), (ranked[0][0],), ranked[0][1], either, outside, detect_language(text))


def make_room(folder: Path, language: str = "en") -> Room:
    """A folder with the sample's approved answers and slots."""
    room = Room(folder / language)
    mark = "_zh" if language == "zh" else ""
    room.put_file(SAMPLE / f"responses{mark}.toml", room.responses)
    room.put_file(SAMPLE / "slots.toml", room.slots)
    return room


def fill(folder: Path, url: str, languages: Sequence[str] = ("en",)) -> None:
    """Put the sample's knowledge into a database, and make the index of it."""
    assistant = open_assistant(folder, url, languages=languages)
    for language, spoken in assistant.voices.items():
        mark = "_zh" if language == "zh" else ""
        documents = [faq_document(entry) for entry in load_faq([str(SAMPLE / f"faq{mark}.csv")]).items]
        documents += [page_document(p, f"knowledge{mark}") for p in load_knowledge(SAMPLE / f"knowledge{mark}").items]
        withheld = {one.id for one in find_withheld(documents)}
        spoken.follower.shelf.change(documents, by="test", withheld=withheld)
    assistant.follow()
    close(assistant)


def open_assistant(
    folder: Path, url: str, settings: SupportConfig | None = None, languages: Sequence[str] = ("en",)
) -> Assistant:
    """An assistant that reads by words."""
    settings = settings or SupportConfig()
    store = open_store(url, settings.dialogue.tenant, settings.told_channels)
    reader: Any = FakeReader(settings)
    voices = {one: open_voice(one, make_room(folder, one), store, settings, reader) for one in languages}
    return Assistant(voices, store, settings)


def close(assistant: Assistant) -> None:
    """Let others write, and let the database go."""
    for spoken in assistant.voices.values():
        spoken.follower.close()
    assistant.store.engine.dispose()

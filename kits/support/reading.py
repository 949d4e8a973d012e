"""What is read in a customer's words, and what follows from it: plain data, without a model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

OUT_OF_SCOPE = "oos"
Language = Literal["en", "zh"]
Decision = Literal["answer", "clarify", "hand_over"]
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\W\d_]+")
_CHINESE_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Understanding:
    """What the model reads in one text.

    Attributes:
        text: What was read.
        intents: Every intent with its calibrated probability, the likeliest first.
        asked: The intents that the text asks for, in its order; usually the likeliest alone.
        confidence: Calibrated probability that an answer to the first intent is right.
        either: Calibrated probability that the first or the second intent is right.
        out_of_scope: Calibrated probability that no intent is.
        language: Of the text.
    """

    text: str
    intents: tuple[tuple[str, float], ...]
    asked: tuple[str, ...]
    confidence: float
    either: float
    out_of_scope: float
    language: Language


def detect_language(text: str) -> Language:
    """Chinese where enough of the words are Han characters, English otherwise.

    >>> detect_language("我的卡丢了"), detect_language("My 卡 is lost and gone"), detect_language("1234")
    ('zh', 'en', 'en')
    """
    characters = len(_HAN.findall(text))
    words = len(_WORD.findall(_HAN.sub(" ", text)))
    return "zh" if characters and characters / (characters + words) > _CHINESE_SHARE else "en"

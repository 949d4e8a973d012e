"""Whether some words only make sense with those before them, and which of two offered meanings they choose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kits.support.answer.terms import content_terms
from kits.support.dialogue.reply import Option

_CARRIES_ON = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|oh|i see|thanks?|alright|sure)\W+)*"
    r"(?:and|but|or|what about|how about|what if|then|so|same for|does that|is that|is it|does it|in that case)\b"
    r"|^(?:好的?|嗯|哦|谢谢)?[，, ]*(?:那|那么|如果|要是|换成|同样|这个|它)|呢[？?。!！]*$",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(r"\b(?:it|that|this|they|them|these|those|there|one)\b|这个?|那个?|它", re.IGNORECASE)
_QUESTION = re.compile(
    r"[?？]|\b(?:what|which|who|when|where|why|how|whose)\b|^\W*(?:can|could|may|do|does|did|is|are|am|will|would|should|has|have)\b"
    r"|吗|呢|什么|怎么|怎样|多少|几[个天张次种年月点]|哪|是否|能不能|可不可以|有没有|要不要|为什么|多久|可以",
    re.IGNORECASE,
)
_WHO_ANSWERS = re.compile(
    r"\b(?:are you|am i\s+(?:\w+ing)\s+(?:to|with)|is (?:this|it|that|there)|who(?:'s| is| am i)?)\b[^.!]{0,40}"
    r"\b(?:a\s+|an\s+|the\s+)?(?:bot|robot|chatbot|machine|program|computer|ai|real|human|person)\b[^.!]{0,20}\?"
    r"|(?:你|您)(?:是|是不是|到底是)[^。！]{0,8}(?:机器人|真人|人工|程序|AI)|是(?:机器人|真人|人工)(?:吗|还是)",
    re.IGNORECASE,
)
_FEW_TERMS = 3
_ORDINALS = (
    re.compile(r"^\W*(?:1|one|(?:the\s+)?(?:first|1st|former)(?:\s+one)?|第一个?|一|前者)\W*$", re.IGNORECASE),
    re.compile(r"^\W*(?:2|two|(?:the\s+)?(?:second|2nd|latter)(?:\s+one)?|第二个?|二|后者)\W*$", re.IGNORECASE),
)


def carries_on(text: str) -> bool:
    """Whether words say of themselves that they go on with what was talked about.

    >>> carries_on("and how long does it take?"), carries_on("那公司账户呢？"), carries_on("I lost my card")
    (True, True, False)
    """
    if _CARRIES_ON.search(text.strip()):
        return True
    return bool(_POINTS_BACK.search(text)) and len(content_terms(text)) < _FEW_TERMS


def choose_option(text: str, options: Sequence[Option]) -> str | None:
    """The intent of the option that a text names by its number or its own words.

    >>> choose_option("the second one", [Option("a", "A?"), Option("b", "B?")])
    'b'
    """
    for option in options:
        if text.strip().casefold() == option.label.strip().casefold():
            return option.intent
    for ordinal, option in zip(_ORDINALS, options, strict=False):
        if ordinal.match(text):
            return option.intent
    return None


def is_question(text: str) -> bool:
    """Whether something is asked, rather than told or ordered.

    >>> is_question("What does it cost"), is_question("可以免费吗"), is_question("I lost my card")
    (True, True, False)
    """
    return bool(_QUESTION.search(text))


def asks_who_answers(text: str) -> bool:
    """Whether someone asks if a person or a program answers, which is no wish for a person yet.

    >>> asks_who_answers("am I talking to a bot or a human?"), asks_who_answers("Can I talk to a human?")
    (True, False)
    """
    return bool(_WHO_ANSWERS.search(text))

"""English words without their endings, so that "cancelling orders" meets "cancel my order".

Source: Porter, "An algorithm for suffix stripping" (1980). Without deviation.
"""

from __future__ import annotations

import re
from functools import lru_cache

# A consonant is any letter but a vowel; y is one at the beginning and after a vowel.
CONSONANT, VOWEL = "(?:[^aeiouy]|(?<![^aeiou])y)", "(?:[aeiou]|(?<=[^aeiou])y)"
LIMIT_LETTERS = 40  # no English word is longer, and the patterns' time grows with the square
HAS_VOWEL = re.compile(VOWEL)
MEASURED = re.compile(f"{VOWEL}+{CONSONANT}+")
DOUBLE = re.compile(r"([^aeiouy])\1$")
SHORT = re.compile(f"(?:^|.*){CONSONANT}{VOWEL}(?![wxy]){CONSONANT}$")

STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "abli": "able", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
STEP_4 = dict.fromkeys(
    "al ance ence er ic able ible ant ement ment ent sion tion ou ism ate iti ous ive ize".split(), ""  # noqa: SIM905
) | {"sion": "s", "tion": "t"}


@lru_cache(maxsize=100_000)
def stem_word(word: str) -> str:
    """The stem of an English word in lower case; very short and very long words stay as they are.

    >>> [stem_word(word) for word in "cancelled cancelling cancels policies policy shipped generalizations".split()]
    ['cancel', 'cancel', 'cancel', 'polici', 'polici', 'ship', 'gener']
    """
    if not 2 < len(word) <= LIMIT_LETTERS:
        return word
    word = _strip_plural(word)
    word = _strip_past(word)
    if word.endswith("y") and HAS_VOWEL.search(word[:-1]):
        word = word[:-1] + "i"
    for endings, least in ((STEP_2, 0), (STEP_3, 0), (STEP_4, 1)):
        word = _replace_longest(word, endings, least)
    return _tidy(word)


def _measure(stem: str) -> int:
    """How often a vowel is followed by a consonant: m in the paper."""
    return len(MEASURED.findall(stem))


def _strip_plural(word: str) -> str:
    for ending, instead in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")):
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word


def _strip_past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and HAS_VOWEL.search(stem):
            if stem.endswith(("at", "bl", "iz")):
                return stem + "e"
            if DOUBLE.search(stem) and stem[-1] not in "lsz":
                return stem[:-1]
            return stem + "e" if _measure(stem) == 1 and SHORT.match(stem) else stem
    return word


def _replace_longest(word: str, endings: dict[str, str], least: int) -> str:
    """Replace the longest ending that the word has, if what is before it measures more than ``least``."""
    for length in range(min(7, len(word)), 1, -1):
        ending = word[-length:]
        if ending in endings:
            stem, instead = word[:-length], endings[ending]
            measured = stem + instead if endings is STEP_4 else stem
            return stem + instead if _measure(measured) > least else word
    return word


def _tidy(word: str) -> str:
    if word.endswith("e"):
        stem = word[:-1]
        measure = _measure(stem)
        if measure > 1 or (measure == 1 and not SHORT.match(stem)):
            word = stem
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word

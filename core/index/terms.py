"""A text as the terms that are counted: English words by their stems, Chinese by characters and pairs of them.

Both languages may stand in one text. Full-width forms are read as their half-width ones, accents
are left out, and a number or a product code stays one term however its parts are joined.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from core.index.stem import stem_word

# Scripts that put no space between words: Han with its extensions, hiragana, katakana.
UNSPACED = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
LETTER = rf"[^\W_{UNSPACED}]"  # a letter or digit of a script with spaces
NUMBER = rf"\d+(?:[.,:/-]\d+)*(?!{LETTER})"
WORD = rf"{LETTER}+(?:['’\-_./&]{LETTER}+)*"
PIECE = re.compile(rf"[{UNSPACED}]+|{NUMBER}|{WORD}")
IS_UNSPACED, IS_NUMBER = re.compile(f"[{UNSPACED}]"), re.compile(NUMBER)
CACHED_CHARACTERS = 40
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
JOINTS = re.compile(r"['’\-_./&]")
RUNS = re.compile(r"\d{2,}|[^\W\d_]{2,}")
ACCENTS = re.compile("[\u0300-\u036f]")


def cut_terms(text: str) -> list[str]:
    """The terms of a text, repeated as often as they occur.

    Of Chinese, characters, which always match, and the pairs of neighbours, which say much more.

    >>> cut_terms("Refunds for the AB-1234/X, 1,299.00 each")
    ['refund', 'for', 'the', 'ab1234x', 'ab', '1234', '1299.00', 'each']
    >>> cut_terms("ＡＢ-1234的退款")
    ['ab1234', 'ab', '1234', '的', '退', '款', '的退', '退款']
    >>> cut_terms("Self-service wi-fi isn't free")
    ['selfservic', 'self', 'servic', 'wifi', 'wi', 'fi', 'isnt', 'free']
    """
    terms: list[str] = []
    for piece in PIECE.findall(fold_text(text)):
        if IS_UNSPACED.match(piece):
            terms += piece
            terms += map("".join, pairwise(piece))
        else:
            terms += _cut_cached(piece) if len(piece) <= CACHED_CHARACTERS else _cut_spaced(piece)
    return terms


def cut_single_terms(text: str) -> list[str]:
    """The terms without the pairs of neighbours.

    >>> cut_single_terms("AB-1234的退款")
    ['ab1234', 'ab', '1234', '的', '退', '款']
    """
    return [term for term in cut_terms(text) if len(term) == 1 or not IS_UNSPACED.match(term)]


def fold_text(text: str) -> str:
    """Lower case, half-width, without accents.

    >>> fold_text("Ｃａｆé ㎏ ガ")
    'cafe kg ガ'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", ACCENTS.sub("", unicodedata.normalize("NFKD", text)))
    return text.casefold()


def _cut_spaced(word: str) -> list[str]:
    """The whole without its joints, and then its parts: people write "wi-fi", "wifi" and "wi fi"."""
    if IS_NUMBER.fullmatch(word):  # commas between thousands are for the eye only
        return [word.replace(",", "") if THOUSANDS.fullmatch(word) else word]
    word = word.removesuffix("'s").removesuffix("’s")
    joined = JOINTS.sub("", word)
    if not joined.isalpha():  # a product code: the whole decides, the parts find "AB 1234"
        return [joined, *(run for run in RUNS.findall(word) if run != joined)]
    if joined == word or "'" in word or "’" in word:
        return [stem_word(joined)]
    return [stem_word(term) for term in (joined, *JOINTS.split(word))]


_cut_cached = lru_cache(maxsize=100_000)(_cut_spaced)

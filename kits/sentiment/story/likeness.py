"""Whether two texts that share words tell one story, or two stories in the same words.

News repeats its phrases: another company warns of its profit, the same company reports another
quarter. So shared words are not enough. Two texts are kept apart when each has a figure or a date
that the other lacks, or when the name in one is replaced by a name in the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kits.sentiment.story.shingle import HAN

REORDERED = 0.85
LIMIT_WORDS = 60
WORD = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z0-9\u00c0-\u024f&]*|\d+(?:[.,]\d+)*%?|[\u3400-\u4dbf\u4e00-\u9fff]")
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
DATE = re.compile(
    r"\b(?:first|second|third|fourth)(?=[ -](?:quarter|half|week|round))|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"|(?<=第)[一二三四五六七八九十]+|[一二三四五六七八九十]+(?=季|月|周|轮|批|期)|(?<=周|期)[一二三四五六日]|[上下]半年"
)
# What agencies put before and after a headline says nothing of whom it is about.
AGENCY = re.compile(
    r"^(?:(?:UPDATE|WRAPUP|RPT|REFILE|CORRECTED|BRIEF|EXCLUSIVE|FACTBOX|INSIGHT|ANALYSIS|BREAKING)\b[ \d-]*[:-] ?"
    r"|【[^】]*】|(?:快讯|突发|独家|更新|最新)[:：|])+|\s+[-|–—]\s+(?:[A-Z][\w.&]*\s?){1,3}$|[|丨][^|丨]{1,8}$"
)
# Chinese has no capitals: what is left of two texts without these characters may be a name.
NAMELESS = frozenset(["ceo", "cfo", "coo", "ipo", "eps", "esg", "mr", "ms", "dr"]) | frozenset(
    "称表示说将拟计划于的了约已予以部分及与和等在对为或并因由从被遭获公司集团有限股份关于全"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What of a text is looked at.

    Attributes:
        words: Of the headline, in order; in Chinese each character is one.
        known: Words of the headline and the body, without their case.
        names: Words of the headline that may be names.
        figures: Figures and dates in the headline.
        known_figures: Those in the headline and the body.
    """

    words: tuple[str, ...]
    known: frozenset[str]
    names: frozenset[str]
    figures: frozenset[str]
    known_figures: frozenset[str]


@lru_cache(maxsize=8192)
def read_wording(title: str, body: str) -> Wording:
    """What of a text is looked at."""
    title, body = AGENCY.sub("", unicodedata.normalize("NFKC", title)), unicodedata.normalize("NFKC", body)
    written = WORD.findall(title)[:LIMIT_WORDS]
    names = (word for word in written if _may_be_name(word))
    figures = _find_figures(title)
    return Wording(
        tuple(word.casefold() for word in written),
        frozenset(word.casefold() for word in written + WORD.findall(body)),
        frozenset(word.casefold() for word in names),
        figures,
        figures | _find_figures(body),
    )


def has_other_figures(one: Wording, other: Wording) -> bool:
    """Whether each headline has a figure or a date of which the other text says nothing."""
    return not one.figures <= other.known_figures and not other.figures <= one.known_figures


def has_other_names(one: Wording, other: Wording) -> bool:
    """Whether each headline has a name that the other text lacks: one replaces the other."""
    return bool(_foreign(one, other)) and bool(_foreign(other, one))


def is_reordered(one: Wording, other: Wording) -> bool:
    """Whether two headlines have their common words in another order.

    Who rewrites a report turns it round; a report on what came next begins as the first one did.

    >>> first = read_wording("Pilots strike grounds 300 flights of Aerolis", "")
    >>> is_reordered(first, read_wording("Aerolis cancels 300 flights as pilots strike", ""))
    True
    """
    shared = sum((Counter(one.words) & Counter(other.words)).values())
    return count_in_order(one.words, other.words) < REORDERED * shared


def count_in_order(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Source: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004).

    >>> count_in_order("abcde", "xbdey")
    3
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(one)) - 1
    row = every
    for word in other:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & every
    return len(one) - row.bit_count()


def _find_figures(text: str) -> frozenset[str]:
    numbers = {number.replace(",", "") for number in FIGURE.findall(text)}
    return frozenset(
        {number.rstrip("0").rstrip(".") if "." in number else number for number in numbers}
        | {date.casefold() for date in DATE.findall(text)}
    )


def _may_be_name(word: str) -> bool:
    return word.casefold() not in NAMELESS and (bool(HAN.match(word)) or (word[0].isupper() and len(word) > 1))


def _foreign(one: Wording, other: Wording) -> list[str]:
    """Possible names of which the other text has nothing, not in another form either."""
    unknown = one.names - other.known
    return [word for word in unknown if not any(_is_form(word, known) for known in other.known)]


def _is_form(word: str, other: str) -> bool:
    """Whether two words are forms of one: Hotel and Hotels, Asia and Asian."""
    short, long = sorted((word, other), key=len)
    return len(short) >= 4 and len(long) - len(short) <= 2 and long.startswith(short)

"""How much of a question stands in a text, its rare words counting for more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from core.index.terms import cut_terms

# Words of asking and of politeness: they say how something is asked, not what.
_EMPTY = """
a about after all also am an and any anything are as ask at be because been before but by can cannot
could did do does doing done for from get give go good got had has have hello help her here hey hi
him his how i if in into is it its just know let like look make may me mean might mine more must my
need no not now of off ok on one only or other our out please possible really right say see she
should so some something soon still sure tell than thank thanks that the their them then there these
they thing this those to too up us use very want was way we well were what when where which while
who why will with without would yes you your isn't dont doesnt cant wont im ive id
"""
_EMPTY_HAN = frozenset(
    "的了吗呢吧啊呀我你您他她它们是在有和与就都也还又很请问怎么什这那哪个些把被给对从"
    "到要想会能可以多少几为以及"
)
EMPTY = frozenset(term for word in _EMPTY.split() for term in cut_terms(word))
_ONE_HAN = re.compile("[\u3400-\u9fff]")


@lru_cache(maxsize=20_000)
def content_terms(text: str) -> frozenset[str]:
    """The terms that say what a text is about.

    Of Chinese only pairs of characters: single ones stand in almost every text.

    >>> sorted(content_terms("How do I block a lost card?"))
    ['block', 'card', 'lost']
    """
    kept = set()
    for term in cut_terms(text):
        if _ONE_HAN.match(term):
            if len(term) == 2 and not _EMPTY_HAN.issuperset(term):
                kept.add(term)
        elif term not in EMPTY:
            kept.add(term)
    return frozenset(kept)


def cover(question: Iterable[str], text: Iterable[str], weights: Mapping[str, float]) -> float:
    """The share of a question's terms, by weight, that a text has; 0 for a question without any.

    >>> cover({"block", "card"}, {"card"}, {"block": 3.0, "card": 1.0})
    0.25
    """
    wanted, had = frozenset(question), frozenset(text)
    if not (both := wanted & had):
        return 0.0
    weigh = weights.get
    return sum([weigh(term, 1.0) for term in both]) / sum([weigh(term, 1.0) for term in wanted])


def resemble(one: Iterable[str], other: Iterable[str], weights: Mapping[str, float]) -> float:
    """How much two questions share: the harmonic mean of what each covers of the other."""
    there, back = cover(one, other, weights), cover(other, one, weights)
    return 2 * there * back / (there + back) if there + back else 0.0


def all_terms(texts: Sequence[str]) -> frozenset[str]:
    """The terms of several texts together."""
    return frozenset().union(*map(content_terms, texts)) if texts else frozenset()

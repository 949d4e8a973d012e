"""A text as sentences, English and Chinese; an abbreviation, a price or a list number ends none."""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    "e.g i.e mr mrs ms dr prof st no nos vs approx incl excl etc inc ltd cf p pp fig".split()  # noqa: SIM905
)
_END = re.compile(
    r"""
    [.!?]+["'”’)\]*_]*(?=\s+|$)   # a mark behind which there is a space
    | [。！？；]+[”’」』）]*          # a Chinese mark needs none
    | \n{1,}                       # a line of its own: a list item, a heading, a row
    """,
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"([\w.]+)$")


def split_sentences(text: str, keep_space: bool = False) -> list[str]:
    r"""The sentences of a text, in order.

    Args:
        text: What is split.
        keep_space: Leave each with the white space behind it, so that together they are the text again.

    >>> split_sentences("It costs €8.90, e.g. by card. Is it free? No.\n- Fees: 2 %")
    ['It costs €8.90, e.g. by card.', 'Is it free?', 'No.', '- Fees: 2 %']
    >>> split_sentences("补卡6欧元。Plus账户免费！")
    ['补卡6欧元。', 'Plus账户免费！']
    """
    pieces, begin = [], 0
    for match in _END.finditer(text):
        if match[0].startswith(".") and _is_abbreviation(text[begin : match.start()]):
            continue
        end = match.end()
        while end < len(text) and text[end].isspace():
            end += 1
        if end > begin:
            pieces.append(text[begin:end])
            begin = end
    pieces.append(text[begin:])
    if keep_space:
        return [piece for piece in pieces if piece]
    return [piece.strip() for piece in pieces if piece.strip()]


def _is_abbreviation(before: str) -> bool:
    """Whether a full stop belongs to the word before it: ``e.g.``, or the number of a list's item."""
    last = _LAST_WORD.search(before)
    if last is None:
        return False
    is_list_number = last[1].isdigit() and len(last[1]) < 3 and not before[: last.start()].strip()
    return is_list_number or last[1].lower() in _ABBREVIATIONS

"""One cell of a table as the kind of value that a column asks for.

A cell may come as text (CSV) or as a native value (JSON, Parquet, SQL). A value that cannot be
of the kind is a ``CellError``, never a guess.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal

from core.data.instant import parse_instant
from core.errors import shorten

Kind = Literal["text", "label", "labels", "time", "id"]
SEPARATORS = re.compile("[;|、；｜]")
LISTED = 'expected several labels as "a; b" or ["a", "b"]'


class CellError(ValueError):
    """A cell that is not of the kind that its column asks for; the message says why."""


def to_text(cell: object) -> str:
    """A cell as text without blank ends; nothing is an empty text.

    >>> to_text("  hello "), to_text(None), to_text(3)
    ('hello', '', '3')
    """
    if _is_absent(cell):
        return ""
    if isinstance(cell, bytes | bytearray | memoryview):
        raise CellError("binary data, expected text")
    if _is_nested(cell):
        raise CellError(f"{shorten(cell, 40)} is a list or an object, expected text")
    return str(cell).strip()


def to_id(cell: object) -> str | None:
    """A cell as an identifier, or None when it is blank."""
    return to_text(cell) or None


def to_label(cell: object, words: Mapping[str, str]) -> str | None:
    """A cell as one label in our words, or None when it is not known.

    >>> to_label("bullish", {"bullish": "positive"}), to_label("n/a", {"n/a": ""})
    ('positive', None)
    """
    label = to_text(cell)
    return words.get(label, label).strip() or None


def to_labels(cell: object, words: Mapping[str, str], separator: str | None = None) -> tuple[str, ...] | None:
    """A cell as several labels in our words, without repetition.

    Returns:
        None when they are not known (blank, or all mapped to nothing); an empty tuple when there
        are known to be none (an empty list).

    >>> to_labels("earnings; m&a", {}), to_labels([], {}), to_labels(" ", {})
    (('earnings', 'm&a'), (), None)
    """
    listed = _to_list(cell)
    if listed is None:
        text = to_text(cell)
        listed = list(text.split(separator) if separator else SEPARATORS.split(text))
    elif not listed:
        return ()
    labels = [to_label(item, words) for item in listed]
    return tuple(dict.fromkeys(label for label in labels if label)) or None


def to_time(cell: object, zone: tzinfo = UTC) -> datetime | None:
    """A cell as an instant in UTC, or None when it is blank; ``zone`` is that of times without one."""
    if _is_absent(cell) or (isinstance(cell, str) and not cell.strip()):
        return None
    try:
        return parse_instant(cell, zone)
    except ValueError as error:
        raise CellError(str(error)) from None


def _to_list(cell: object) -> list[object] | None:
    """The items of a cell that is a list or a JSON array written as text; None when it is not."""
    if isinstance(cell, str):
        text = cell.strip()
        if not (text.startswith("[") and text.endswith("]")):
            return None
        try:
            items: object = json.loads(text)
        except (ValueError, RecursionError):
            if re.match(r"\[\s*['\"]", text):
                raise CellError(f"{shorten(text, 40)} is not a JSON list, {LISTED}") from None
            return None
    else:
        items = cell.tolist() if hasattr(cell, "tolist") else cell
    if isinstance(items, dict | bytes):
        raise CellError(f"{shorten(items, 40)} is no list of labels, {LISTED}")
    return list(items) if isinstance(items, list | tuple | set) else None


def _is_absent(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _is_nested(cell: object) -> bool:
    return isinstance(cell, list | tuple | dict | set) or getattr(cell, "ndim", 0) > 0


CONVERTERS: dict[Kind, Callable[[object, Mapping[str, str], str | None], object]] = {
    "text": lambda cell, words, separator: to_text(cell),
    "id": lambda cell, words, separator: to_id(cell),
    "label": lambda cell, words, separator: to_label(cell, words),
    "labels": to_labels,
    "time": lambda cell, words, separator: to_time(cell),
}

"""JSON lines as rows: one object on each line, and every fault of a line is said in words."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from core.data.line import Line
from core.data.row import CELL_LIMIT_CHARACTERS, Record, Rejected, Row
from core.errors import DataError, shorten

DEPTH_LIMIT = 32
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
KINDS: dict[type, str] = {
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def stream_jsonl(lines: Iterator[Line], where: str) -> Iterator[Record]:
    """The objects of the lines; blank lines are no records.

    Raises:
        DataError: The file is one JSON array and not one object per line.
    """
    is_first = True
    for line in lines:
        place = f"{where}:{line.number}"
        if not line.fault and not line.text.strip():
            continue
        if is_first and line.text.strip() == "[":
            fix = f"turn it into lines: jq -c '.[]' {where} > rows.jsonl"
            raise DataError("is one JSON array", where=place, expected="one object per line", fix=fix)
        is_first = False
        yield Rejected(place, line.fault) if line.fault else read_object(line.text, place)


def read_object(text: str, place: str) -> Record:
    """The JSON object that a text is, as the row of a place; or why it is none.

    >>> read_object('{"title": "Profit up"}', "news.jsonl:1").values
    {'title': 'Profit up'}
    """
    try:
        return Row(_parse(text), place)
    except (ValueError, RecursionError) as error:
        return Rejected(place, _explain(error))


def _parse(text: str) -> dict[str, object]:
    """The object on a line.

    Raises:
        ValueError: It is not JSON, not an object, or holds what no row may hold.
        RecursionError: It is nested too deeply.
    """
    value = json.loads(text, object_pairs_hook=_refuse_twins)
    if not isinstance(value, dict):
        raise ValueError(f'{KINDS[type(value)]}, expected an object such as {{"text": …}}')
    _check_value(value, 0)
    return value


def _refuse_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of which no key stands twice."""
    values = dict(pairs)
    if len(values) != len(pairs):
        twin = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {shorten(twin)} stands twice")
    return values


def _check_value(value: object, depth: int) -> None:
    """Refuse what JSON or a database cannot keep: NaN, NUL, half characters, a maze."""
    if depth > DEPTH_LIMIT:
        raise RecursionError
    if isinstance(value, str):
        if len(value) > CELL_LIMIT_CHARACTERS:
            raise ValueError(f"a text longer than {CELL_LIMIT_CHARACTERS:,} characters")
        if "\0" in value:
            raise ValueError("a NUL character")
        if not value.isascii() and LONE_SURROGATE.search(value):
            raise ValueError("half a character (a lone surrogate such as \\ud800)")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN or Infinity is not JSON, use null")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_value(key, depth)
            _check_value(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, depth + 1)


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON at character {error.colno}: {error.msg}"
    if isinstance(error, RecursionError):
        return f"nested deeper than {DEPTH_LIMIT} levels"
    return str(error).split(";")[0]

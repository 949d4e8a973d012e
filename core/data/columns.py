"""A company's own column names and label words, turned into ours.

Two steps: ``resolve_columns`` decides once which of their columns is which of ours, and
``convert_row`` turns each row into values of the kinds that we asked for, or says why not.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from core.data.cell import CONVERTERS, CellError, Kind
from core.data.row import Rejected, Row
from core.errors import DataError, shorten


@dataclass(frozen=True)
class Column:
    """A column that a kit reads.

    Attributes:
        name: Our name for it.
        kind: What its cells become: ``text`` a string, ``label`` a string or None, ``labels`` a
            tuple or None, ``time`` an instant in UTC or None, ``id`` a string or None.
        help: What it holds, for people.
        aliases: What companies often call it.
    """

    name: str
    kind: Kind
    help: str
    aliases: tuple[str, ...] = ()


def resolve_columns(
    available: Sequence[str],
    columns: Sequence[Column],
    mapping: Mapping[str, str],
    *,
    required: Collection[str] = (),
    where: str = "",
) -> dict[str, str]:
    """Decide which of their columns is which of ours.

    What the user says (``--map ours=theirs``) wins; then the same name, then the same name but
    for case, spaces, ``_`` and ``-``, then an alias. No column is taken twice, unless the user
    says so.

    Args:
        available: The columns that the table has.
        columns: The columns that we know.
        mapping: Ours to theirs, from the user.
        required: Ours that must be found.
        where: The source, for the message.

    Returns:
        Ours to theirs; ours that are not found are left out.

    Raises:
        DataError: A name in the mapping is wrong or a required column is missing; all faults at
            once.

    >>> question = Column("text", "text", "What is asked", aliases=("question",))
    >>> resolve_columns(["Id", "Question"], [question], {})
    {'text': 'Question'}
    """
    if faults := _find_faults(available, columns, mapping):
        raise DataError("; ".join(faults), where=where)
    resolved = dict(mapping)
    for matches in MATCHES:
        for column in columns:
            if column.name not in resolved:
                free = [name for name in available if name not in resolved.values()]
                found = next((name for name in free if matches(name, column)), None)
                resolved.update({column.name: found} if found is not None else {})
    missing = [column for column in columns if column.name in required and column.name not in resolved]
    if missing:
        listed = ", ".join(f"{column.name} ({column.help})" for column in missing)
        raise DataError(
            f"no column for {listed}; there is {_list_names(available)}",
            where=where,
            fix=f"name it: --map {missing[0].name}=THEIRS",
        )
    return {column.name: resolved[column.name] for column in columns if column.name in resolved}


def convert_row(
    row: Row,
    resolved: Mapping[str, str],
    columns: Sequence[Column],
    labels: Mapping[str, str],
    separator: str | None = None,
) -> dict[str, object] | Rejected:
    """A row's values in the kinds of our columns.

    Args:
        row: As it was read.
        resolved: Ours to theirs, from ``resolve_columns``.
        columns: The columns that we know; each is a key of the result.
        labels: Their label words to ours (``--label theirs=ours``); an empty word means that the
            label is not known.
        separator: What stands between several labels in one cell; None: one of ; | 、 and their
            full-width forms, and never a comma.

    Returns:
        Our names to values, or the row's place with everything that is wrong in it.
    """
    values: dict[str, object] = {}
    faults: list[str] = []
    for column in columns:
        theirs = resolved.get(column.name)
        cell = None if theirs is None else row.values.get(theirs)
        try:
            values[column.name] = CONVERTERS[column.kind](cell, labels, separator)
        except CellError as error:
            faults.append(f"column {theirs!r}: {error}")
    return Rejected(row.place, "; ".join(faults)) if faults else values


def _fold(name: str) -> str:
    """A name without what people write differently.

    >>> _fold("Publish_Date") == _fold("publish date")
    True
    """
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


# From the surest way in which their name can be ours to the least sure one.
MATCHES: tuple[Callable[[str, Column], bool], ...] = (
    lambda theirs, column: theirs == column.name,
    lambda theirs, column: _fold(theirs) == _fold(column.name),
    lambda theirs, column: _fold(theirs) in {_fold(alias) for alias in column.aliases},
)


def _find_faults(available: Sequence[str], columns: Sequence[Column], mapping: Mapping[str, str]) -> list[str]:
    names = [column.name for column in columns]
    faults = []
    for ours, theirs in mapping.items():
        if ours not in names:
            faults.append(f"--map {ours}={theirs}: we have no column {ours!r}{_suggest(ours, names)}")
        if theirs not in available:
            faults.append(f"--map {ours}={theirs}: the data has no column {theirs!r}{_suggest(theirs, available)}")
    return faults


def _suggest(name: str, names: Sequence[str]) -> str:
    folded = {_fold(known): known for known in names}
    close = difflib.get_close_matches(_fold(name), list(folded), n=1)
    hint = f"did you mean {folded[close[0]]!r}? " if close else ""
    return f" ({hint}there is {_list_names(names)})"


def _list_names(names: Sequence[str], limit: int = 20) -> str:
    listed = ", ".join(shorten(name, limit=60) for name in names[:limit])
    return (listed + (f" and {len(names) - limit} more" if len(names) > limit else "")) or "none"

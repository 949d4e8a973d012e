"""A series by its name: ``overall``, ``topic:NAME`` or ``company:NAME``; and which scores belong to it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, func, literal, select

from kits.sentiment.store.schema import scores

Kind = Literal["overall", "topic", "company"]


class Series(NamedTuple):
    """Its kind and, unless it is all news, the name of the topic or company."""

    kind: Kind
    name: str

    @property
    def key(self) -> str:
        """As it stands in the tables."""
        return "overall" if self.kind == "overall" else f"{self.kind}:{self.name}"


def parse_series(key: str) -> Series | None:
    """The series of a key; None if it is none.

    >>> parse_series("topic:M&A: banks")
    Series(kind='topic', name='M&A: banks')
    """
    kind, _, name = key.partition(":")
    if key == "overall":
        return Series("overall", "")
    if kind == "topic" and name:
        return Series("topic", name)
    if kind == "company" and name:
        return Series("company", name)
    return None


def belongs(connection: Connection, series: Series) -> ColumnElement[bool]:
    """The condition on ``scores`` that a row is of the series.

    A topic's name is bound as a value, never put into a JSON path, in which quotes would break out.
    """
    if series.kind == "company":
        return scores.c.company == series.name
    whole = scores.c.company == ""
    if series.kind == "overall":
        return whole
    if connection.dialect.name == "postgresql":
        return whole & func.jsonb_exists(scores.c.topics, series.name)
    pairs = func.json_each(scores.c.topics).table_valued("key")
    return whole & exists(select(literal(1)).select_from(pairs).where(pairs.c.key == series.name))

"""The knowledge: every passage and FAQ entry in the database, from which the index can always be made anew.

A change gets the next number in the same transaction. The index notes, in one step with the documents
themselves, up to which number it has followed; so after a crash it knows what it still lacks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, func, select, update

from core.index.document import Document, check_documents
from core.store.database import reading, transaction
from core.store.upsert import insert_absent, upsert
from kits.support.store.schema import changes, knowledge
from kits.support.store.store import Store

KEYS_PER_QUERY = 500
ROWS_PER_WRITE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it is kept.

    Attributes:
        document: What the index gets.
        is_withheld: Whether it is kept from customers, because it speaks to the assistant.
        change: The number of its last change.
        at: When that was.
        by: Who made it.
    """

    document: Document
    is_withheld: bool
    change: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What a change came to.

    Attributes:
        added: New documents.
        changed: Documents that replaced others.
        deleted: Documents that went.
        same: Documents that were there already, just so.
    """

    added: int = 0
    changed: int = 0
    deleted: int = 0
    same: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a number.

    Attributes:
        put: What came or changed.
        deleted: The ids of what went, or is withheld.
        last: The number of the last change.
    """

    put: Sequence[Document]
    deleted: Sequence[str]
    last: int


class Shelf:
    """The knowledge of one tenant in one language.

    Args:
        store: The database.
        language: ``en`` or ``zh``.
    """

    def __init__(self, store: Store, language: str) -> None:
        self.store, self.language = store, language

    def change(
        self,
        put: Sequence[Document] = (),
        deleted: Collection[str] = (),
        *,
        by: str,
        withheld: Collection[str] = (),
        replaces: str | None = None,
    ) -> Tally:
        """Put and delete documents in one step.

        Args:
            put: What comes; one with an id that is there takes its place.
            deleted: Ids that go.
            by: Who makes the change.
            withheld: Ids of ``put`` that are kept from customers.
            replaces: ``faq`` or ``page``: everything of this kind that does not come again goes.

        Raises:
            DataError: A document cannot be kept.
        """
        check_documents(put)
        now = datetime.now(UTC)
        with transaction(self.store.engine) as connection:
            number = self._next(connection)
            known = self._digests(connection)
            rows, added, same = [], 0, 0
            for document in put:
                is_withheld = document.id in withheld
                digest = digest_document(document, is_withheld)
                if known.get(document.id) == digest:
                    same += 1
                    continue
                added += not known.get(document.id)
                rows.append(self._row(document.id, number, _encode(document), digest, is_withheld, now, by))
            going = set(deleted) & {id for id, digest in known.items() if digest}
            if replaces is not None:
                going |= self._others(connection, replaces, {document.id for document in put})
            gone = [self._row(id, number, None, "", False, now, by) for id in sorted(going)]
            for begin in range(0, len(rows) + len(gone), ROWS_PER_WRITE):
                upsert(connection, knowledge, (rows + gone)[begin : begin + ROWS_PER_WRITE])
        return Tally(added, len(rows) - added, len(gone), same)

    def last(self) -> int:
        """The number of the last change; 0 before the first."""
        with reading(self.store.engine) as connection:
            return self._last(connection)

    def since(self, number: int) -> News:
        """What changed after a number."""
        with reading(self.store.engine) as connection:
            rows = connection.execute(
                select(knowledge).where(*self._mine(), knowledge.c.change > number).order_by(knowledge.c.change)
            ).all()
            last = self._last(connection)
        put = [_decode(row.id, row.document) for row in rows if row.document and not row.is_withheld]
        return News(put, [row.id for row in rows if not row.document or row.is_withheld], last)

    def get(self, id: str) -> Entry | None:
        """One document; None where there is none."""
        found = self.list(ids=[id])
        return found[0] if found else None

    def list(self, *, ids: Sequence[str] | None = None, after: str = "", most: int | None = None) -> list[Entry]:
        """Documents in the order of their ids, withheld ones too."""
        query = select(knowledge).where(*self._mine(), knowledge.c.digest != "", knowledge.c.id > after)
        if ids is not None:
            query = query.where(knowledge.c.id.in_(ids))
        with reading(self.store.engine) as connection:
            rows = connection.execute(query.order_by(knowledge.c.id).limit(most)).all()
        return [
            Entry(_decode(row.id, row.document), row.is_withheld, row.change, row.at, row.by) for row in rows
        ]

    def count(self) -> int:
        """How many documents there are."""
        with reading(self.store.engine) as connection:
            return int(
                connection.execute(
                    select(func.count()).select_from(knowledge).where(*self._mine(), knowledge.c.digest != "")
                ).scalar_one()
            )

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return knowledge.c.tenant == self.store.tenant, knowledge.c.language == self.language

    def _next(self, connection: Connection) -> int:
        """The next number; whoever else wants one waits until this change is kept, so none is ever skipped."""
        key = {"tenant": self.store.tenant, "language": self.language}
        insert_absent(connection, changes, [{**key, "last": 0}])
        mine = (changes.c.tenant == self.store.tenant) & (changes.c.language == self.language)
        connection.execute(update(changes).where(mine).values(last=changes.c.last + 1))
        return int(connection.execute(select(changes.c.last).where(mine)).scalar_one())

    def _last(self, connection: Connection) -> int:
        mine = (changes.c.tenant == self.store.tenant) & (changes.c.language == self.language)
        return connection.execute(select(changes.c.last).where(mine)).scalar() or 0

    def _digests(self, connection: Connection) -> dict[str, str]:
        rows = connection.execute(select(knowledge.c.id, knowledge.c.digest).where(*self._mine()))
        return {row.id: row.digest for row in rows}

    def _others(self, connection: Connection, kind: str, coming: Collection[str]) -> set[str]:
        rows = connection.execute(
            select(knowledge.c.id, knowledge.c.document).where(*self._mine(), knowledge.c.digest != "")
        )
        return {row.id for row in rows if row.document["metadata"].get("kind") == kind and row.id not in coming}

    def _row(
        self, id: str, change: int, document: Mapping[str, object] | None, digest: str, *rest: object
    ) -> dict[str, object]:
        is_withheld, at, by = rest
        key = {"tenant": self.store.tenant, "language": self.language, "id": id}
        return key | {
            "change": change, "document": document, "digest": digest, "is_withheld": is_withheld, "at": at, "by": by
        }  # fmt: skip


def digest_document(document: Document, is_withheld: bool = False) -> str:
    """The same for the same document only."""
    text = json.dumps([document.id, _encode(document), is_withheld], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _encode(document: Document) -> dict[str, object]:
    return {"text": document.text, "metadata": dict(document.metadata)}


def _decode(id: str, value: Mapping[str, object]) -> Document:
    return Document(id, str(value["text"]), value["metadata"])  # type: ignore[arg-type]

"""New examples out of what happened: corrections of agents as they are, unanswered questions for a person to name.

The review file is a CSV of one text a line. A person fills the column ``intent`` (or leaves it empty: not
learned from) and hands the file back with ``--review``.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from core.data.privacy import redact
from core.errors import DataError
from core.store.database import reading
from kits.support.store.schema import feedback, turns
from kits.support.store.store import Store
from kits.support.view.figures import cluster_texts, read_unanswered

if TYPE_CHECKING:
    from kits.support.assistant.voices import Reads
    from kits.support.reading import Understanding


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text that may be learned from.

    Attributes:
        text: What a customer wrote, without personal data.
        intent: What it asks for: as an agent said; empty where a person has to say it.
        suggested: What the live model thinks, with its probability.
        source: ``corrected`` or ``unanswered``.
        cluster: Alike texts have the same number; the largest cluster is 1.
        count: How many texts the cluster has.
    """

    text: str
    intent: str
    suggested: str
    source: str
    cluster: int
    count: int


def propose(store: Store, reader: Reads, since: datetime, language: str) -> list[Proposal]:
    """Corrections, then clusters of what was not answered, the largest first; single texts come last.

    Args:
        store: The assistant's database.
        reader: Who answers now.
        since: What is older is not looked at.
        language: Texts in another one are left out.
    """
    with reading(store.engine) as connection:
        said, earlier = turns.alias("said"), turns.alias("earlier")
        before = (
            select(func.max(earlier.c.number))
            .where(
                earlier.c.tenant == store.tenant,
                earlier.c.conversation == turns.c.conversation,
                earlier.c.speaker == "customer",
                earlier.c.number < turns.c.number,
            )
            .correlate(turns)
            .scalar_subquery()
        )
        corrected = connection.execute(
            select(said.c.text, feedback.c.intent)
            .select_from(feedback.join(turns, turns.c.number == feedback.c.turn).join(said, said.c.number == before))
            .where(feedback.c.tenant == store.tenant, feedback.c.at >= since, feedback.c.intent.isnot(None))
            .order_by(feedback.c.turn)
        ).all()
        unanswered = read_unanswered(connection, store.tenant, since)
    known = {row.text for row in corrected}
    clusters = cluster_texts([text for text in unanswered if text not in known])
    rows = [(row.text, row.intent, "corrected", 0, 1) for row in corrected]
    for number, cluster in enumerate(clusters, start=1):
        rows += [(text, "", "unanswered", number, cluster.count) for text in cluster.texts]
    reads = reader.read([text for text, *_ in rows])
    return [
        Proposal(redact(text), intent, _suggest(read), source, number, count)
        for (text, intent, source, number, count), read in zip(rows, reads, strict=True)
        if read.language == language
    ]


def _suggest(read: Understanding) -> str:
    """The likeliest intent and its probability; nothing where no model has been trained."""
    return " ".join(f"{intent} {chance:.2f}" for intent, chance in read.intents[:1])


def write_proposals(file: Path, proposals: Sequence[Proposal]) -> None:
    """Write the review file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, [field.name for field in fields(Proposal)])
        writer.writeheader()
        for proposal in proposals:
            row = asdict(proposal)
            text = row["text"]
            # What a spreadsheet would run as a formula is text there, too.
            writer.writerow(row | {"text": f"'{text}" if text[:1] in "=+-@\t" else text})


def read_accepted(file: Path) -> list[tuple[str, str]]:
    """The texts that a person has given an intent.

    Raises:
        DataError: The file cannot be read, or is none that ``learn`` wrote.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except OSError as error:
        raise DataError("cannot be read", where=str(file), got=error.strerror) from error
    if rows and not {"text", "intent"} <= set(rows[0]):
        raise DataError("is no review file", where=str(file), expected="columns text and intent")
    return [
        (row["text"].removeprefix("'"), row["intent"].strip())
        for row in rows
        if (row["text"] or "").strip() and (row["intent"] or "").strip()
    ]

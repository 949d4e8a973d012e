"""The verb ``predict``: a list for every user of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.console import say, show_table
from core.data.columns import Column
from core.data.load import report_rejected, stream_records
from core.data.row import Rejected
from core.data.write import write_rows
from core.errors import ConfigError
from kits.recommender.config import read_config
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.shortlist import Recommendation

USER = (Column("user_id", "id", "Whose list", ("user", "uid", "customer_id", "visitor_id", "用户", "用户编号")),)


def predict(
    *,
    model: Path,
    data: list[str] | None = None,
    map: list[str] | None = None,
    out: str | Path | None = None,
    k: int = 10,
    as_json: bool = False,
    **options: Any,
) -> dict[str, Any] | None:
    """Write a list for every user of ``--data``, or for every user of the log.

    Raises:
        ConfigError: The options do not go together.
    """
    if as_json and str(out) == "-":
        raise ConfigError("--json and --out - both want standard output", where="predict", fix="write to a file")
    recommender = Recommender.load(model)
    rejected: list[Rejected] = []
    users = list(recommender.users)
    if data:
        config = read_config(base=recommender.config, data=data, map=map, **options)
        users = list(dict.fromkeys(_read_users(config.data.sources, config, rejected)))
    rows = (
        {"user_id": user, "rank": rank, **_row(found)}
        for user in users
        for rank, found in enumerate(recommender.recommend(user, k=k), start=1)
    )
    result: dict[str, Any]
    if out is None:
        listed = list(rows) if as_json else [row for _, row in zip(range(5 * k), rows, strict=False)]
        if not as_json and listed:
            show_table(f"The first lists of {len(users)}", list(listed[0]), [list(row.values()) for row in listed])
        result = {"predictions": listed}
    else:
        write_rows(str(out), rows)
        result = {"out": str(out)}
    report_rejected(rejected, len(users) + len(rejected))
    unknown = sum(user not in recommender.users for user in users)
    if unknown:
        say(f"{unknown} of {len(users)} users are not known; they get what suits most")
    refused = [{"place": row.place, "reason": row.reason} for row in rejected]
    return {"users": len(users), "unknown": unknown, "rejected": refused} | result


def _row(found: Recommendation) -> dict[str, Any]:
    return {
        "item_id": found.item_id,
        "title": found.item.title,
        "category": found.item.category,
        "score": round(found.score, 4),
        "sources": list(found.sources),
    }


def _read_users(sources: Sequence[str], config: Any, rejected: list[Rejected]) -> Iterator[str]:
    settings = config.data.model_copy(
        update={"map": {ours: theirs for ours, theirs in config.data.map.items() if ours == "user_id"}}
    )
    for source in sources:
        for record, row in stream_records(source, USER, settings):
            if isinstance(record, Rejected):
                rejected.append(record)
            elif not record["user_id"]:
                rejected.append(Rejected(row.place, "no user_id; if another column holds it: --map user_id=COLUMN"))
            else:
                yield record["user_id"]

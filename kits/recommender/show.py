"""The verbs ``recommend`` and ``similar``: a list, or the neighbours of an item, to look at."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.console import show_table
from core.errors import ConfigError
from kits.recommender.listing.make import Listed, Wish, make_list
from kits.recommender.model.recommender import Recommender

MOST = 1_000


def recommend(
    *,
    model: Path,
    user: str | None = None,
    history: list[str] | None = None,
    interests: str | None = None,
    k: int = 10,
    trade_off: float | None = None,
    explain: bool = False,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: a user's list, or a new one's by items or words.

    Raises:
        ConfigError: An option is wrong.
        DataError: An item of the history is not known.
        ModelError: The model cannot be loaded.
    """
    _check_length(k)
    if user is None and not history and not interests:
        raise ConfigError("for whom? name a user, items or interests", where="recommend", fix="--interests 'the sea'")
    if trade_off is not None and not 0 <= trade_off <= 1:
        raise ConfigError("no such trade-off", where="--trade-off", got=trade_off, expected="0 to 1")
    recommender = Recommender.load(model)
    settings = recommender.config.diversify
    if trade_off is not None:
        settings = settings.model_copy(update={"trade_off": trade_off})
    wish = Wish(
        recommender.user(user, history or ()),
        k,
        settings,
        wishes=recommender.wishes(interests) if interests else None,
        explain=explain,
    )
    listed = make_list(recommender, wish)
    is_known = user is None or user in recommender.users
    if not as_json:
        _show(listed, explain)
    return {"user": user, "is_known": is_known, "items": [_plain(one, explain) for one in listed]}


def similar(
    *,
    model: Path,
    item: str,
    k: int = 10,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: the items whose texts are nearest.

    Raises:
        ConfigError: ``k`` is wrong.
        DataError: There is no such item.
        ModelError: The model cannot be loaded.
    """
    _check_length(k)
    near = Recommender.load(model).similar(item, k)
    if not as_json:
        rows = [(one.item_id, one.item.title, one.item.category, f"{one.score:.3f}") for one in near]
        show_table(f"Near to {item}", ("item", "title", "category", "cosine"), rows)
    return {
        "item": item,
        "items": [{"item_id": one.item_id, "title": one.item.title, "score": round(one.score, 6)} for one in near],
    }


def _check_length(k: int) -> None:
    if not 1 <= k <= MOST:
        raise ConfigError("no such length", where="--k", got=k, expected=f"1 to {MOST}")


def _plain(one: Listed, explain: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "item_id": one.item.item_id,
        "title": one.item.title,
        "category": one.item.category,
        "score": round(one.score, 6),
        "rank": one.rank,
        "sources": list(one.sources),
    }
    if explain and one.reasons is not None:
        row |= {"near": [asdict(near) for near in one.reasons.near]}
        row |= {"lifted": [asdict(lift) for lift in one.reasons.lifted]}
        row["instead_of"] = one.instead and {"item_id": one.instead.item.item_id, "reason": one.instead.reason}
    return row


def _show(listed: list[Listed], explain: bool) -> None:
    columns = ("", "item", "title", "category", "score") + (("because of",) if explain else ())
    rows = []
    for place, one in enumerate(listed, start=1):
        row = [str(place), one.item.item_id, one.item.title, one.item.category, f"{one.score:.3f}"]
        if explain and one.reasons is not None:
            near = [near.title for near in one.reasons.near]
            row.append("; ".join(near) or ", ".join(lift.feature for lift in one.reasons.lifted))
        rows.append(row)
    show_table("The list", columns, rows)

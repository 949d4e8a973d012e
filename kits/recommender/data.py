"""Reads items and events: a company's own tables, or a folder in the format of MIND or MovieLens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from core.console import progress, say, show_table
from core.data.columns import Column
from core.data.load import Record, report_rejected, stream_records
from core.data.row import Rejected
from core.data.table import hide_password
from core.errors import ConfigError, DataError
from kits.recommender.config import LogConfig, RecommenderConfig, read_config
from kits.recommender.event import EVENT_WEIGHTS, Event, Item
from kits.recommender.log.behaviour import Log, make_log
from kits.recommender.log.mind import is_mind, read_mind
from kits.recommender.log.movielens import is_movielens, read_movielens

ITEM_COLUMNS = (
    Column("item_id", "id", "Key of the item", ("id", "item", "sku", "news_id", "product_id", "商品编号", "物品编号")),
    Column("title", "text", "Title", ("name", "headline", "标题", "名称")),
    Column("description", "text", "Text below the title", ("abstract", "summary", "body", "描述", "摘要", "正文")),
    Column("tags", "labels", "Any number of tags", ("keywords", "genres", "标签", "关键词")),
    Column("category", "id", "One category", ("section", "channel", "类别", "分类", "频道")),
    Column("published_at", "time", "Since when it can be seen", ("published", "date", "created_at", "发布时间")),
    Column("author", "id", "Who made it", ("brand", "seller", "作者", "品牌")),
    Column("available", "id", "Whether it can be had: yes or no", ("in_stock", "is_available", "有货", "在售")),
)  # fmt: skip
EVENT_COLUMNS = (
    Column("user_id", "id", "Who", ("user", "uid", "customer_id", "visitor_id", "用户", "用户编号")),
    Column("item_id", "id", "With what", ("item", "sku", "news_id", "product_id", "商品编号", "物品编号")),
    Column("event", "label", "What was done", ("event_type", "action", "behavior", "kind", "行为", "事件")),
    Column("at", "time", "When", ("timestamp", "time", "datetime", "event_time", "时间", "发生时间")),
    Column("impression_id", "id", "The list it stood in", ("request_id", "list_id", "曝光编号")),
    Column("position", "id", "Its place in the list, from 1", ("rank", "slot", "位置")),
    Column("value", "id", "Such as a price or stars", ("price", "rating", "amount", "金额")),
    Column("propensity", "id", "Probability of its being put there", ("probability", "倾向")),
)  # fmt: skip
COLUMNS = (*ITEM_COLUMNS, *(column for column in EVENT_COLUMNS if column.name != "item_id"))
_WORDS = {
    "show": ("impression", "shown", "expose", "exposure", "曝光", "展示"),
    "view": ("pv", "browse", "read", "浏览", "查看"),
    "click": ("clicked", "open", "点击"),
    "comment": ("reply", "review", "评论"),
    "share": ("forward", "转发", "分享"),
    "purchase": ("buy", "order", "transaction", "购买", "下单"),
    "dislike": ("hide", "not_interested", "不喜欢", "踩"),
}
_KIND_OF = {word: kind for kind, words in _WORDS.items() for word in (kind, *words)}
_FIX = "name their table, or a folder with items.* and events.*"
_YES, _NO = {"", "1", "true", "yes", "y", "是", "有"}, {"0", "false", "no", "n", "否", "无"}


def make_item(record: Record, place: str) -> Item | Rejected:
    """Turn a record into an item, or say why it cannot be used."""
    if not record.get("item_id"):
        return Rejected(place, "no item_id; if another column holds it: --map item_id=COLUMN")
    available = (record.get("available") or "").casefold()
    if available not in _YES | _NO:
        return Rejected(place, f"available is {available[:40]!r}, expected yes or no")
    return Item(
        item_id=record["item_id"],
        title=record.get("title") or "",
        description=record.get("description") or "",
        tags=record.get("tags") or (),
        category=record.get("category") or "",
        published_at=record.get("published_at"),
        author=record.get("author") or "",
        is_available=available in _YES,
        place=place,
    )


def make_event(record: Record, place: str) -> Event | Rejected:
    """Turn a record into an event, or say why it cannot be used."""
    absent = [name for name in ("user_id", "item_id", "at") if not record.get(name)]
    if absent:
        return Rejected(place, f"no {absent[0]}; if another column holds it: --map {absent[0]}=COLUMN")
    given = record.get("event") or "click"
    kind = _KIND_OF.get(given.casefold())
    if kind is None:
        known = ", ".join(EVENT_WEIGHTS)
        return Rejected(place, f"unknown event {given[:40]!r}, expected {known}; map it: --label {given[:40]}=click")
    try:
        position = _number(record, "position", 1, 1e6)
        value = _number(record, "value", -1e12, 1e12)
        propensity = _number(record, "propensity", 1e-9, 1)
    except ValueError as error:
        return Rejected(place, str(error))
    return Event(
        user_id=record["user_id"],
        item_id=record["item_id"],
        kind=kind,
        at=record["at"],
        impression_id=record.get("impression_id"),
        position=None if position is None else int(position),
        value=value,
        propensity=propensity,
        place=place,
    )


def load(config: RecommenderConfig) -> Log:
    """Read all sources of the configuration.

    Raises:
        DataError: A source cannot be read, or nothing can be used.
    """
    settings = config.data
    if not settings.sources:
        raise DataError("no data given", where="--data", fix="name events, or a folder with events and items")
    folders = [Path(source) for source in settings.sources if "://" not in source and Path(source).is_dir()]
    log = None
    if len(settings.sources) == 1 and folders and not settings.items:
        if is_mind(folders[0]):
            log = read_mind(folders[0])
        elif is_movielens(folders[0]):
            log = read_movielens(folders[0], settings.click_rating)
    log = log or _read_tables(settings)
    report_rejected(log.rejected, len(log.rejected) + len(log.items) + len(log.events))
    if log.partial:
        say(f"{len(log.partial)} rows are used in part, such as {log.partial[0].place}: {log.partial[0].reason}")
    if not any(event.is_click for event in log.events):
        first = f", such as {log.rejected[0].place}: {log.rejected[0].reason}" if log.rejected else ""
        where = ", ".join(log.sources)
        raise DataError(f"no click can be used: {len(log.rejected)} rows were rejected{first}", where=where)
    return log


def find_sources(settings: LogConfig) -> tuple[list[str], list[str]]:
    """Sources of items and of events; a folder may hold both, as ``items*`` and other files.

    Raises:
        DataError: There are no items, or no events.
    """
    items, events = list(settings.items), []
    for source in settings.sources:
        folder = Path(source)
        if "://" in source or not folder.is_dir() or settings.items:
            events.append(source)
            continue
        files = sorted(f for f in folder.iterdir() if f.suffix in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"))
        items += [str(file) for file in files if file.stem.startswith("items")]
        events += [str(file) for file in files if file.stem.startswith("events")]
    if not items:
        raise DataError("no items given", where="--items", fix=_FIX)
    if not events:
        raise DataError("no events given", where="--data", fix=_FIX)
    return items, events


def _read_tables(settings: LogConfig) -> Log:
    item_sources, event_sources = find_sources(settings)
    rejected: list[Rejected] = []
    items: dict[str, Item] = {}
    for place, made in _stream(item_sources, ITEM_COLUMNS, settings, make_item, ("item_id",)):
        if isinstance(made, Rejected):
            rejected.append(made)
        elif made.item_id in items:
            rejected.append(Rejected(place, f"the item_id stands already at {items[made.item_id].place}"))
        else:
            items[made.item_id] = made
    events: list[Event] = []
    for place, row in _stream(event_sources, EVENT_COLUMNS, settings, make_event, ("user_id", "item_id", "at")):
        if isinstance(row, Rejected):
            rejected.append(row)
        elif row.item_id not in items:
            rejected.append(Rejected(place, "its item is not among the items"))
        else:
            events.append(row)
    return make_log(items, events, rejected, tuple(hide_password(s) for s in (*item_sources, *event_sources)))


def _stream(
    sources: Sequence[str], columns: Sequence[Column], settings: LogConfig, make: Any, required: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """What is made of each row, with its place."""
    names = {column.name for column in columns}
    mapping = {ours: theirs for ours, theirs in settings.map.items() if ours in names}
    if unknown := sorted(set(settings.map) - {column.name for column in COLUMNS}):
        raise DataError("no such column of ours", where="--map", got=unknown[0], expected=_listed(names))
    chosen = settings.model_copy(update={"map": mapping})
    with progress("Reading") as tick:
        for source in sources:
            resolved: dict[str, dict[str, str]] = {}
            for record, row in stream_records(source, columns, chosen, resolved):
                _require(required, next(iter(resolved.values()), {}), hide_password(source))
                yield row.place, record if isinstance(record, Rejected) else make(record, row.place)
                tick()


def _require(required: Sequence[str], found: Mapping[str, str], where: str) -> None:
    if absent := [name for name in required if name not in found]:
        raise DataError(f"no column for {', '.join(absent)}", where=where, fix=f"name it: --map {absent[0]}=COLUMN")


def _number(record: Record, name: str, low: float, high: float) -> float | None:
    if record.get(name) is None:
        return None
    try:
        number = float(record[name])
    except ValueError:
        number = float("nan")
    if not isfinite(number) or not low <= number <= high:
        raise ValueError(f"{name} is {record[name][:40]!r}, expected a number from {low:g} to {high:g}")
    return number


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def check(*, data: Sequence[str], out: Path | None = None, as_json: bool = False, **options: Any) -> dict[str, Any]:
    """Audit the log and write ``audit.json``.

    Args:
        data: The sources.
        out: Folder of the audit; ``audit`` if not named.
        as_json: The result is printed as JSON by the caller; show no table.
        options: As ``read_config`` takes them.
    """
    from kits.recommender.log.audit import audit_log, write_audit

    config = read_config(data=data, **options)
    log = load(config)
    folder = out or Path("audit")
    if folder.is_file():
        raise ConfigError("is a file", where="--out", got=str(folder), expected="a folder")
    issues = audit_log(log, config)
    file = write_audit(log, issues, folder)
    if not as_json:
        counts = Counter(event.kind for event in log.events)
        show_table("Events", ("kind", "rows"), counts.most_common())
        found = [(issue.title, issue.severity, issue.count) for issue in issues]
        show_table("Findings", ("what", "how bad", "rows"), found)
    say(f"Audit: {file}")
    return {
        "items": len(log.items),
        "events": len(log.events),
        "impressions": len(log.impressions),
        "users": len({event.user_id for event in log.events}),
        "rejected": len(log.rejected),
        "partial": len(log.partial),
        "findings": {issue.kind: issue.count for issue in issues},
        "json": str(file),
    }


def span(log: Log) -> tuple[datetime, datetime]:
    """The first and the last instant of a log."""
    instants = [event.at for event in log.events] + [shown.at for shown in log.impressions]
    return min(instants), max(instants)

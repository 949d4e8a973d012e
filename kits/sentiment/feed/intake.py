"""From a record to an item, or to a dead letter that says why it is none.

The one place where outside text becomes ours: markup, control characters and foreign URLs end
here. A record with a fault is kept with its reason; nothing of it is guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from core.config import DataConfig
from core.data.cell import CellError, Kind, to_text, to_time
from core.data.columns import Column, resolve_columns
from core.data.privacy import redact
from core.data.row import CELL_LIMIT_CHARACTERS
from core.errors import hide_secrets
from kits.sentiment.data import COLUMNS
from kits.sentiment.feed.markup import clean_line, to_plain
from kits.sentiment.feed.record import DeadRecord, Record
from kits.sentiment.item import DeadLetter, Item

LIMIT_KEYS = 200
LIMIT_URL_CHARACTERS = 2_000
LIMIT_RAW_CHARACTERS = 4_000
LIMIT_NAME_CHARACTERS = 500
_READ = ("published_at", "source", "title", "body", "entity")
FEED_COLUMNS = (
    *(column for column in COLUMNS if column.name in _READ),
    Column("event_at", "time", "When it happened", ("event_time", "事件时间", "发生时间")),
    Column("ingested_at", "time", "When a recorded stream had it", ("received_at", "入库时间", "接收时间")),
    Column("url", "id", "Where it can be read", ("link", "href", "链接", "网址")),
    Column("id", "id", "Its own name at its source", ("guid", "uuid", "item_id", "编号")),
    Column("language", "id", "en or zh", ("lang", "语言")),
)  # fmt: skip
PLAIN_URL = re.compile(r"https?://[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*(?:[/?#]|$)")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


def make_item(
    record: Record | DeadRecord,
    feed: str,
    data: DataConfig,
    ingested_at: datetime,
    *,
    is_trusted_time: bool = False,
    zone: tzinfo = UTC,
) -> Item | DeadLetter:
    """Turn what a feed gave into an item, or say why it cannot be one.

    Args:
        record: Of a feed's batch.
        feed: The feed's name.
        data: Column map and redaction.
        ingested_at: The monitor's clock.
        is_trusted_time: The record says itself when it was received, or else when it was published: a
            recorded stream, or history.
        zone: Of times that name none.

    Returns:
        An item whose ``event_at`` is the event's time, else the publication's, else the receipt's,
        and never after the receipt: what is dated later counts as happening now, and its
        ``published_at`` still shows what the source said.
    """
    if isinstance(record, DeadRecord):
        return _bury(feed, record, data, ingested_at)
    try:
        cells = _read_cells(record.values, data.map, zone)
        return _build_item(cells, feed, data, ingested_at, is_trusted_time)
    except CellError as error:
        return _bury(feed, DeadRecord(record.place, str(error), _dump(record.values)), data, ingested_at)


def detect_language(text: str) -> str:
    """``zh`` if a good part of the letters is Chinese, else ``en``.

    >>> detect_language("阿里巴巴 Q3 财报"), detect_language("Alibaba 阿里 rises in Hong Kong")
    ('zh', 'en')
    """
    if text.isascii():
        return "en"
    head = text[:400]
    return "zh" if len(HAN.findall(head)) * 3 > sum(map(str.isalpha, head)) else "en"


def check_url(url: str | None) -> str | None:
    """A URL that may be shown as a link, without credentials; None for any other.

    >>> check_url("https://ann:secret@example.com/a?b=1"), check_url("javascript:alert(1)")
    ('https://example.com/a?b=1', None)
    """
    if not url or len(url) > LIMIT_URL_CHARACTERS or not url.isprintable() or " " in url:
        return None
    if PLAIN_URL.match(url):
        return url
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or "\\" in parts.netloc:
        return None
    netloc = parts.netloc.rpartition("@")[2]
    return url if netloc == parts.netloc and port != 0 else urlunsplit(parts._replace(netloc=netloc))


def _read_cells(values: Mapping[str, object], mapping: Mapping[str, str], zone: tzinfo) -> dict[str, object]:
    """The record's values in our columns.

    Raises:
        CellError: Some cannot be read; says all of them.
    """
    if len(values) > LIMIT_KEYS:
        raise CellError(f"{len(values):,} columns, expected at most {LIMIT_KEYS}")
    cells: dict[str, object] = {}
    faults = []
    for ours, theirs, kind in _find_columns(tuple(values), tuple(mapping.items())):
        cell = values[theirs]
        try:
            if kind == "time":
                cells[ours] = to_time(cell, zone)
            else:
                cells[ours] = cell.strip() if isinstance(cell, str) else to_text(cell)
        except CellError as error:
            faults.append(f"column {theirs!r}: {error}")
    if faults:
        raise CellError("; ".join(faults))
    return cells


@lru_cache(maxsize=256)
def _find_columns(
    available: tuple[str, ...], mapping: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str, Kind], ...]:
    """Ours, theirs and the kind; records of one feed need not all have every column that the map names."""
    kinds = {column.name: column.kind for column in FEED_COLUMNS}
    wanted = {ours: theirs for ours, theirs in mapping if ours in kinds and theirs in available}
    resolved = resolve_columns(available, FEED_COLUMNS, wanted)
    return tuple((ours, theirs, kinds[ours]) for ours, theirs in resolved.items())


def _build_item(
    cells: Mapping[str, object], feed: str, data: DataConfig, ingested_at: datetime, is_trusted_time: bool
) -> Item:
    title, body, source, entity = (_clean(cells.get(name)) for name in ("title", "body", "source", "entity"))
    if not title and not body:
        raise CellError("no text in title or body; if another column holds it: --map title=COLUMN")
    if data.redact:
        title, body = redact(title), redact(body)
    published_at, happened_at = _time(cells.get("published_at")), _time(cells.get("event_at"))
    if is_trusted_time:
        ingested_at = _time(cells.get("ingested_at")) or published_at or ingested_at
    url, own_id = (clean_line(str(cells.get(name) or "")) for name in ("url", "id"))
    language = str(cells.get("language") or "").lower()[:2]
    return Item(
        key=_make_key(feed, own_id, url, title, body, published_at),
        feed=feed,
        source=source[:LIMIT_NAME_CHARACTERS],
        title=title,
        body=body,
        url=check_url(url),
        entity=entity[:LIMIT_NAME_CHARACTERS] or None,
        language=language if language in ("en", "zh") else detect_language(title or body),
        event_at=min(happened_at or published_at or ingested_at, ingested_at),
        published_at=published_at,
        ingested_at=ingested_at,
    )


def _time(cell: object) -> datetime | None:
    return cell if isinstance(cell, datetime) else None


def _clean(cell: object) -> str:
    if not isinstance(cell, str):
        return ""
    if len(cell) > CELL_LIMIT_CHARACTERS:
        raise CellError(f"a text longer than {CELL_LIMIT_CHARACTERS:,} characters")
    return to_plain(cell)


def _make_key(feed: str, own_id: str, url: str, title: str, body: str, published_at: datetime | None) -> str:
    """32 hexadecimal digits that tell an item from every other.

    A URL alone is not enough: a live page has many headlines in turn, and some sources give the
    address of their front page with every item.
    """
    if own_id:
        parts = ["id", feed, own_id]
    elif url:
        parts = ["url", feed, url, _fold(title or body)]
    else:
        parts = ["text", feed, _fold(title), _fold(body), published_at.isoformat() if published_at else ""]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _fold(text: str) -> str:
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def _bury(feed: str, record: DeadRecord, data: DataConfig, at: datetime) -> DeadLetter:
    raw = hide_secrets(record.raw[: 2 * LIMIT_RAW_CHARACTERS])
    raw = (redact(raw) if data.redact else raw)[:LIMIT_RAW_CHARACTERS]
    place, reason = hide_secrets(record.place), hide_secrets(record.reason)
    return DeadLetter(feed, _storable(place), _storable(reason), _storable(raw), at)


def _storable(text: str) -> str:
    """Text that every database keeps: NUL and half characters are written out."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _dump(values: Mapping[str, object]) -> str:
    """A record's beginning as JSON, whatever it holds and however long it is."""
    parts = {str(key)[:100]: value if len(str(value)) < 2_000 else str(value)[:2_000] for key, value in _first(values)}
    return json.dumps(parts, ensure_ascii=False, default=str)


def _first(values: Mapping[str, object]) -> list[tuple[str, object]]:
    return list(values.items())[:LIMIT_KEYS]

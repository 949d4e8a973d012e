"""RSS and Atom as feeds: asked again only for what has changed, and never before they want.

What a document calls itself does not matter: it is read as XML by feedparser, entities that grow
are refused by expat, nothing outside of it is loaded, and every text of it ends as plain text.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

from core.data.instant import parse_instant
from core.errors import hide_secrets
from kits.sentiment.config import FeedConfig
from kits.sentiment.feed.fetch import Answer, Limits, fetch
from kits.sentiment.feed.guard import parse_target
from kits.sentiment.feed.record import Batch, FeedError, Record

AGENT = "fieldkits-monitor/1.0 (+feed reader)"
ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
LIMIT_WAIT_SECONDS = 86_400.0
LIMIT_TAG_VALUES = 256
LONG_TAG = re.compile(rb"<[A-Za-z][^<>]{4096,}")
WAITING = (429, 503)
FIXES = {401: "put name:password@ before the host", 404: "look for its new address", 410: "remove the feed"}
ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,200}"')

Fetch = Callable[[str, Mapping[str, str], Limits], Answer]


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far a feed was read.

    Attributes:
        digest: Of the document.
        done: Entries of it that were taken; None: all.
        etag: What the server calls the document.
        modified: When it says that it was changed.
    """

    digest: str = ""
    done: int | None = 0
    etag: str = ""
    modified: str = ""


class WebFeed:
    """The entries of an RSS or Atom document.

    Args:
        url: http or https; a name and password in it are not shown.
        settings: Limits, and how often it is asked.
        fetch: Gets a document.
        now: The time in seconds since 1970.

    Raises:
        FeedError: The URL is none that may be fetched.
    """

    def __init__(
        self, url: str, settings: FeedConfig, *, fetch: Fetch = fetch, now: Callable[[], float] = time.time
    ) -> None:
        parse_target(url)
        self.name = self.address = hide_secrets(url)
        self._url, self._fetch, self._now = url, fetch, now
        self._limits = Limits(settings.fetch_seconds, settings.fetch_max_bytes, settings.allow_private)
        self._poll_seconds = settings.poll_seconds
        self._not_before = 0.0
        self._records: tuple[Record, ...] = ()  # of the document whose digest is:
        self._digest = ""

    @property
    def pause_seconds(self) -> float:
        """The usual time, or as long as the server wants."""
        return max(self._poll_seconds, self._not_before - self._now())

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Go on in the document that was fetched, or fetch it again.

        Raises:
            FeedError: It cannot be fetched, or is no feed.
        """
        seen = _load(cursor)
        if seen.done is None or not self._digest or seen.digest != self._digest:
            if self._now() < self._not_before:
                return Batch((), cursor, is_last=True)
            seen = self._look(seen)
            if seen.done is None:
                return Batch((), _dump(seen), is_last=True)
        end = (seen.done or 0) + limit
        records = self._records[seen.done : end]
        is_last = end >= len(self._records)
        if is_last:
            self._records, self._digest = (), ""
        return Batch(records, _dump(replace(seen, done=None if is_last else end)), is_last)

    def close(self) -> None:
        """Nothing stays open."""

    def _look(self, seen: _Seen) -> _Seen:
        """Fetch the document; what is to be taken of it."""
        headers = {"User-Agent": AGENT, "Accept": ACCEPT}
        if seen.done is None:  # of one that was only begun all is wanted again
            headers |= {"If-None-Match": seen.etag} if seen.etag else {}
            headers |= {"If-Modified-Since": seen.modified} if seen.modified else {}
        answer = self._fetch(self._url, headers, self._limits)
        if answer.status == 304 and seen.done is None:
            return seen
        if answer.status != 200:
            raise self._complain(answer)
        digest = hashlib.sha256(answer.body).hexdigest()[:32]
        etag, modified = _check_etag(answer.headers), _check_modified(answer.headers)
        if digest == seen.digest and seen.done is None:
            return replace(seen, etag=etag, modified=modified)
        self._records = _read_entries(answer, self.address)
        self._digest = digest
        return _Seen(digest, seen.done if digest == seen.digest else 0, etag, modified)

    def _complain(self, answer: Answer) -> FeedError:
        """What to say of an answer that is no document; it may want to be left alone for a time."""
        wait = _read_wait(answer.headers.get("retry-after", ""), self._now()) if answer.status in WAITING else 0.0
        self._not_before = self._now() + wait
        later = f"; asked again in {wait:.0f} s" if wait else ""
        return FeedError(f"answers {answer.status}{later}", where=self.address, fix=FIXES.get(answer.status, ""))


def _read_entries(answer: Answer, address: str) -> tuple[Record, ...]:
    """The entries of a document.

    Raises:
        FeedError: It is none, or is made to take for ever.
    """
    import feedparser  # type: ignore[import-untyped]

    for tag in LONG_TAG.finditer(answer.body):
        if tag[0].count(b"=") > LIMIT_TAG_VALUES:
            raise FeedError("holds a tag with hundreds of attributes", where=address)
    kind = answer.headers.get("content-type", "")
    headers = {"content-type": kind, "content-location": answer.url}
    document: Any = feedparser.parse(
        io.BytesIO(answer.body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not document.get("version") and not document.entries:
        raise FeedError("is no RSS or Atom document", where=address, got=kind, fix="name the feed, not the page")
    publisher = document.feed.get("title", "")
    return tuple(
        _read_entry(entry, number, publisher, answer.url, address)
        for number, entry in enumerate(document.entries, start=1)
    )


def _read_entry(entry: Any, number: int, publisher: str, base: str, address: str) -> Record:
    texts = [part.get("value", "") for part in entry.get("content", ())]
    source = entry.get("source")
    link = entry.get("link", "")
    values = {
        "id": entry.get("id", ""),
        "url": urljoin(base, link) if link else "",
        "title": entry.get("title", ""),
        "body": entry.get("summary", "") or next(iter(texts), ""),
        "source": (source.get("title", "") if isinstance(source, dict) else "") or publisher,
        "published_at": _read_time(entry, "published") or _read_time(entry, "updated"),
    }
    return Record({name: value for name, value in values.items() if value}, f"{address} entry {number}")


def _read_time(entry: Any, name: str) -> str | datetime | None:
    """As it is written, if that is certain; else as feedparser makes it out; else nothing."""
    if name not in entry:  # feedparser would take another time for it, with a warning
        return None
    written = entry.get(name, "")
    with suppress(ValueError):
        parse_instant(written)
        return str(written)
    parsed = entry.get(f"{name}_parsed")
    with suppress(ValueError, OverflowError, TypeError):
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    return None


def _check_etag(headers: Mapping[str, str]) -> str:
    etag = headers.get("etag", "")
    return etag if ETAG.fullmatch(etag) else ""


def _check_modified(headers: Mapping[str, str]) -> str:
    modified = headers.get("last-modified", "")
    with suppress(ValueError):
        parsedate_to_datetime(modified)
        return modified if modified.isprintable() and modified.isascii() else ""
    return ""


def _read_wait(text: str, now: float) -> float:
    """Seconds that a ``Retry-After`` asks for, given as such or as a date; at most a day."""
    with suppress(ValueError, OverflowError):
        wait = float(text) if re.fullmatch(r"\d{1,18}", text) else parsedate_to_datetime(text).timestamp() - now
        return min(max(wait, 0.0), LIMIT_WAIT_SECONDS)
    return 0.0


def _load(cursor: str | None) -> _Seen:
    try:
        return _Seen(**json.loads(cursor or "{}"))
    except (ValueError, TypeError):
        return _Seen()


def _dump(seen: _Seen) -> str:
    return json.dumps(asdict(seen), separators=(",", ":"))

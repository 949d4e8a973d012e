"""Which feed a ``--source`` names."""

from __future__ import annotations

import difflib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.config import DataConfig
from core.errors import ConfigError, hide_secrets
from kits.sentiment.config import FeedConfig
from kits.sentiment.data import COLUMNS
from kits.sentiment.feed.intake import FEED_COLUMNS
from kits.sentiment.feed.record import Feed, FeedError

KINDS = (
    "a .jsonl, .csv or .tsv file, a folder of them, http(s)://… (RSS, Atom), a database URL with ?table=…&cursor=…, "
    "or nats:// kafka:// redis:// amqp://"
)


def open_feed(url: str, settings: FeedConfig, data: DataConfig, follow: bool) -> Feed:
    """The feed that a source names; nothing is read or connected to yet.

    Args:
        url: A file, a folder or a URL.
        settings: How it is fetched.
        data: The column map, which is checked.
        follow: Go on for ever; otherwise the feed ends with what is there now.

    Raises:
        ConfigError: The source is of no kind that is known, its URL is incomplete, or the map names
            a column that we do not have.
    """
    _check_map(data)
    scheme = urlsplit(url).scheme.lower() if "://" in url else ""
    if scheme in ("", "file"):
        return _open_path(Path(unquote(urlsplit(url).path) if scheme else url), follow)
    if scheme in ("http", "https"):
        from kits.sentiment.feed.web import WebFeed

        try:
            return WebFeed(url, settings)
        except FeedError as error:
            raise ConfigError(error.what, where=error.where, fix=error.fix) from None
    from kits.sentiment.feed.subscribe import KINDS as BROKERS

    if scheme in BROKERS:
        from kits.sentiment.feed.broker import BrokerFeed

        return BrokerFeed(url, follow=follow)
    _check_database(url)
    from kits.sentiment.feed.table import TableFeed

    return TableFeed(url, settings)


def _open_path(path: Path, follow: bool) -> Feed:
    if path.is_dir():
        from kits.sentiment.feed.folder import FolderFeed

        return FolderFeed(path, follow=follow)
    from kits.sentiment.feed.file import FileFeed

    return FileFeed(path, follow=follow)


def _check_database(url: str) -> None:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(url).get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigError("no such kind of source", where=hide_secrets(url[:200]), expected=KINDS) from None


def _check_map(data: DataConfig) -> None:
    """Refuse a column that we do not have; theirs may be missing in some records."""
    known = [column.name for column in (*FEED_COLUMNS, *COLUMNS)]
    for ours in data.map:
        if ours not in known:
            close = difflib.get_close_matches(ours, known, n=1)
            expected = close[0] if close else ", ".join(dict.fromkeys(known))
            raise ConfigError("we have no such column", where="--map", got=ours, expected=expected)

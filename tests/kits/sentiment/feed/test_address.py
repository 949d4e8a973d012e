"""A source names its feed; what is wrong with it is said before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import DataConfig
from core.errors import ConfigError
from kits.sentiment.config import FeedConfig
from kits.sentiment.feed import open_feed

SETTINGS, DATA = FeedConfig(), DataConfig()


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("{folder}", "FolderFeed"),
        ("{folder}/news.jsonl", "FileFeed"),
        ("file://{folder}/news.csv", "FileFeed"),
        ("https://example.com/rss", "WebFeed"),
        ("HTTP://example.com/rss", "WebFeed"),
        ("sqlite:///{folder}/a.db?table=news&cursor=id", "TableFeed"),
        ("postgresql+psycopg://ann:pw@db/x?table=news&cursor=id", "TableFeed"),
        ("nats://127.0.0.1:4222/news?stream=NEWS", "BrokerFeed"),
        ("kafka://127.0.0.1:9092/news", "BrokerFeed"),
        ("redis://127.0.0.1/0?stream=news", "BrokerFeed"),
        ("amqp://ann:pw@127.0.0.1/?queue=news", "BrokerFeed"),
    ],
)
def test_source_opens_its_kind_of_feed_under_a_name_without_password(
    tmp_path: Path, source: str, kind: str
) -> None:
    source = source.format(folder=tmp_path)
    feed = open_feed(source, SETTINGS, DATA, follow=True)
    assert type(feed).__name__ == kind
    assert feed.name == feed.address == open_feed(source, SETTINGS, DATA, follow=False).name
    assert "pw" not in feed.name.replace("psycopg", "")
    assert feed.pause_seconds >= 0
    feed.close()


@pytest.mark.parametrize(
    "source", ["ftp://example.com/a", "news://x", "http://127.1/rss", "sqlite:///a.db", "nats://h/x", "http://"]
)
def test_source_of_no_kind_is_refused(source: str) -> None:
    with pytest.raises(ConfigError):
        open_feed(source, SETTINGS, DATA, follow=True)


def test_map_of_a_column_that_we_do_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected title"):
        open_feed("news.jsonl", SETTINGS, DataConfig(map={"titel": "Headline"}), follow=True)
    open_feed("news.jsonl", SETTINGS, DataConfig(map={"sentiment": "Mood", "url": "Link"}), follow=True)

"""Feeds: where items come from, and how a record becomes an item."""

from kits.sentiment.feed.address import open_feed
from kits.sentiment.feed.intake import make_item
from kits.sentiment.feed.record import Batch, DeadRecord, Feed, FeedError, Record

__all__ = ["Batch", "DeadRecord", "Feed", "FeedError", "Record", "make_item", "open_feed"]

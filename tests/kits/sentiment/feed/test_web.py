"""RSS and Atom as feeds: entries once, polite to the server, deaf to what a document asks for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from core.config import DataConfig
from kits.sentiment.config import FeedConfig
from kits.sentiment.feed import FeedError, Record, make_item
from kits.sentiment.feed.fetch import Answer, Limits
from kits.sentiment.feed.web import WebFeed
from kits.sentiment.item import Item
from tests.kits.sentiment.feed.draining import drain, titles
from tests.kits.sentiment.feed.site import open_site

URL = "https://ann:hunter2@feed.test/rss?token=hunter2"
NOW = datetime(2025, 3, 5, 12, tzinfo=UTC)


class Server:
    """Answers in turn, and remembers what was asked; the last answer is given again."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def __call__(self, url: str, headers: Mapping[str, str], limits: Limits) -> Answer:
        self.asked.append(dict(headers))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def answer(body: str | bytes, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else body.encode()
    return Answer(status, named, raw, "https://feed.test/rss")


def rss(*entries: str, before: str = "") -> str:
    inner = "".join(f"<item>{entry}</item>" for entry in entries)
    return f'<?xml version="1.0"?>{before}<rss version="2.0"><channel><title>Wire</title>{inner}</channel></rss>'


def open_feed(server: Server, now: list[float] | None = None) -> WebFeed:
    clock = now if now is not None else [0.0]
    return WebFeed(URL, FeedConfig(), fetch=server, now=lambda: clock[0])


def items(body: str | bytes, **headers: str) -> list[Item]:
    batch = open_feed(Server(answer(body, **headers))).poll(None, 100_000)
    made = [make_item(record, "f", DataConfig(), NOW) for record in batch.records]
    return [item for item in made if isinstance(item, Item)]


def test_rss_entry_becomes_an_item() -> None:
    (item,) = items(
        rss(
            "<title>Acme &amp;amp; Co &lt;b&gt;up&lt;/b&gt;</title><link>/a/1</link><guid>g1</guid>"
            "<pubDate>Wed, 05 Mar 2025 11:00:00 +0100</pubDate>"
            "<description><![CDATA[<p>Sales <i>rose</i>.</p><script>alert(1)</script>]]></description>"
        )
    )
    assert (item.title, item.body, item.source) == ("Acme & Co up", "Sales rose.", "Wire")
    assert item.url == "https://feed.test/a/1"
    assert item.event_at == item.published_at == datetime(2025, 3, 5, 10, tzinfo=UTC)


def test_atom_entry_becomes_an_item() -> None:
    (item,) = items(
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title><entry><id>urn:1</id>'
        '<title type="html">利润&lt;br&gt;上升</title><link href="https://e.cn/1"/>'
        '<updated>2025-03-05T19:00:00+08:00</updated><content type="html">&lt;p&gt;正文&lt;/p&gt;</content>'
        "<source><title>晨报</title></source></entry></feed>"
    )
    assert (item.title, item.body, item.source, item.language) == ("利润 上升", "正文", "晨报", "zh")
    assert (item.url, item.event_at) == ("https://e.cn/1", datetime(2025, 3, 5, 11, tzinfo=UTC))


def test_time_that_cannot_be_read_is_left_out_and_the_item_kept() -> None:
    made = items(rss("<title>a</title><pubDate>yesterday</pubDate>", "<title>b</title><pubDate>31/31/31</pubDate>"))
    assert [(item.title, item.published_at) for item in made] == [("a", None), ("b", None)]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_link_that_is_no_web_address_is_left_out(link: str) -> None:
    (item,) = items(rss(f"<title>a</title><link>{link}</link>"))
    assert item.url is None


def test_entries_come_in_batches_and_then_only_what_has_changed() -> None:
    first, second = rss("<title>a</title>", "<title>b</title>", "<title>c</title>"), rss("<title>d</title>")
    date = "Wed, 05 Mar 2025 10:00:00 GMT"
    server = Server(
        answer(first, etag='"1"', last_modified=date), answer("", 304), answer(first, etag='"2"'), answer(second)
    )
    feed = open_feed(server)
    found, cursor = drain(feed, limit=2)
    assert found == ["a", "b", "c"]
    assert "if-none-match" not in {name.lower() for name in server.asked[0]}
    found, cursor = drain(feed, cursor)
    assert found == []
    assert (server.asked[1]["If-None-Match"], server.asked[1]["If-Modified-Since"]) == ('"1"', date)
    assert drain(feed, cursor)[0] == [], "the same document under another tag"
    found, cursor = drain(feed, cursor)
    assert found == ["d"]


def test_restart_in_the_middle_of_a_document_goes_on_there() -> None:
    document = answer(rss(*(f"<title>{n}</title>" for n in range(5))), etag='"1"')
    first = open_feed(Server(document)).poll(None, 2)
    server = Server(document)
    assert drain(open_feed(server), first.cursor, limit=2)[0] == ["2", "3", "4"]
    assert "If-None-Match" not in server.asked[0], "an answer without a body would lose the rest"


def test_batch_that_was_lost_comes_again() -> None:
    feed = open_feed(Server(answer(rss(*(f"<title>{n}</title>" for n in range(5))))))
    cursor = feed.poll(None, 2).cursor
    feed.poll(cursor, 2)
    assert titles(feed.poll(cursor, 2)) == ["2", "3"]
    assert titles(feed.poll(None, 2)) == ["0", "1"]


@pytest.mark.parametrize("status", [429, 503])
def test_server_that_wants_to_be_left_alone_is(status: int) -> None:
    now = [1_000_000.0]
    for wait, seconds in (("120", 120), ("date", 500), ("1000000000", 86_400)):
        if wait == "date":
            wait = format_datetime(datetime.fromtimestamp(now[0] + seconds, UTC), usegmt=True)
        server = Server(answer("", status, retry_after=wait), answer(rss("<title>a</title>")))
        feed = open_feed(server, now)
        with pytest.raises(FeedError, match=str(status)):
            feed.poll(None, 1)
        assert feed.pause_seconds == pytest.approx(max(seconds, FeedConfig().poll_seconds))
        assert feed.poll(None, 1).records == ()
        assert len(server.asked) == 1
        now[0] += seconds
        assert titles(feed.poll(None, 1)) == ["a"]


def test_wait_that_makes_no_sense_is_none() -> None:
    for wait in ("-5", "soon", "", "Wed, 05 Mar 1980 10:00:00 GMT", "9" * 400):
        feed = open_feed(Server(answer("", 503, retry_after=wait)), [1e9])
        with pytest.raises(FeedError):
            feed.poll(None, 1)
        assert feed.pause_seconds == FeedConfig().poll_seconds


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer("", 404), "404"),
        (answer("", 410), "remove the feed"),
        (answer("", 401), "name:password"),
        (answer("", 304), "304"),
        (answer("<!doctype html><html><body>Hello</body></html>", content_type="text/html"), "no RSS or Atom"),
        (answer(""), "no RSS or Atom"),
        (answer('{"a": 1}'), "no RSS or Atom"),
        (answer(b"/etc/passwd"), "no RSS or Atom"),
        (answer(rss(f"<title {' '.join(f'a{n}=1' for n in range(5000))}>x</title>")), "attributes"),
    ],
)
def test_what_is_no_feed_is_an_error_without_secrets(reply: Answer, reason: str) -> None:
    feed = open_feed(Server(reply))
    with pytest.raises(FeedError, match=reason) as caught:
        feed.poll(None, 1)
    assert "hunter2" not in str(caught.value) + feed.name + feed.address


def test_hostile_headers_are_not_sent_back() -> None:
    body = rss("<title>a</title>")
    server = Server(answer(body, etag='"x"\r\nEvil: 1', last_modified="Wed, 05 Mar 2025 10:00:00 GMT\r\nEvil: 1"))
    feed = open_feed(server)
    _, cursor = drain(feed)
    drain(feed, cursor)
    assert not {"If-None-Match", "If-Modified-Since"} & set(server.asked[1])


def bomb(depth: int) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(depth))
    return rss(f"<title>&l{depth - 1};</title>", before=f"<!DOCTYPE x [{entities}]>")


@pytest.mark.parametrize(
    "document",
    [
        bomb(10),
        rss("<title>" + "&a;" * 30_000 + "</title>", before=f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]>'),
        rss("<title>x&x;</title>", before='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        rss("<title>x</title>", before='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
        rss("<title>" + "<" * 100_000),
        rss("<title>" + "&" * 100_000 + "</title>"),
        rss("<a>" * 20_000),
        rss("<![CDATA[" * 20_000),
        rss("<title>a\0b</title>"),
        rss("<title>a</title>").encode("utf-16"),
        rss("<title>利润</title>").encode("gb18030"),
        b"\xff" * 1000 + rss("<title>a</title>").encode(),
    ],
    ids=range(12),
)
def test_hostile_documents_neither_grow_nor_hang_nor_read_files(document: str | bytes) -> None:
    started = time.process_time()
    try:
        made = items(document)
    except FeedError:
        made = []
    assert time.process_time() - started < 8
    assert sum(len(item.title) for item in made) < 500_000
    assert not any("root:" in item.title for item in made)


def test_document_of_many_entries_is_read_in_batches() -> None:
    feed = open_feed(Server(answer(rss(*["<title>x</title>"] * 5_000))))
    found, _ = drain(feed, limit=1000)
    assert len(found) == 5_000


def test_feed_is_read_from_a_real_server() -> None:
    with open_site() as site:
        site.paths["/rss"] = lambda request: request.answer(200, rss("<title>a</title>").encode(), etag='"1"')
        feed = WebFeed(site.url("/rss"), FeedConfig(allow_private=True))
        found, cursor = drain(feed)
        site.paths["/rss"] = lambda request: request.answer(304)
        assert (found, drain(feed, cursor)[0]) == (["a"], [])
        assert site.seen[1][1]["if-none-match"] == '"1"'
        refused = WebFeed(site.url("/rss"), FeedConfig())
        with pytest.raises(FeedError, match="allow_private"):
            refused.poll(None, 1)


def test_place_names_the_feed_and_the_entry() -> None:
    (record,) = open_feed(Server(answer(rss("<title>a</title>")))).poll(None, 1).records
    assert isinstance(record, Record)
    assert record.place == "https://***@feed.test/rss?token=*** entry 1"

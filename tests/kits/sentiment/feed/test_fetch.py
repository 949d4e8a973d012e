"""A document is fetched within limits, from the address that was judged, and tells no secrets."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import ssl
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from core.deliver import address as guard
from kits.sentiment.feed import FeedError, fetch
from kits.sentiment.feed.fetch import Limits
from tests.kits.sentiment.feed.site import Request, Site, open_site

LIMITS = Limits(seconds=5.0, max_bytes=100_000, allow_private=True)


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as opened:
        yield opened


def get(url: str, limits: Limits = LIMITS, **options: Any) -> fetch.Answer:
    return fetch.fetch(url, {"Accept": "*/*"}, limits, **options)


def test_document_is_fetched(site: Site) -> None:
    for connection in ("keep-alive", "close"):
        site.paths["/a?b=1"] = lambda request, c=connection: request.answer(200, b"news", etag='"1"', connection=c)  # type: ignore[misc]
        answer = get(site.url("/a?b=1"))
        assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"news", '"1"')
    _, headers = site.seen[0]
    assert headers["host"] == f"127.0.0.1:{site.port}"
    assert headers["accept"] == "*/*"


def test_name_is_resolved_once_and_that_very_address_is_connected_to(site: Site) -> None:
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    site.paths["/"] = lambda request: request.answer(200, b"news")
    assert get(site.url("/", host="feed.test"), resolve=resolve).body == b"news"
    assert asked == ["feed.test"]
    assert site.seen[0][1]["host"] == f"feed.test:{site.port}"


def test_second_address_is_tried_when_the_first_does_not_answer(site: Site) -> None:
    site.paths["/"] = lambda request: request.answer(200, b"news")
    resolve = lambda host, port: ["127.0.0.2", "127.0.0.1"]  # noqa: E731  # nobody listens at the first
    assert get(site.url("/", host="feed.test"), resolve=resolve).body == b"news"


def test_private_address_is_refused_unless_allowed(site: Site) -> None:
    site.paths["/"] = lambda request: request.answer(200)
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        with pytest.raises(FeedError):
            get(site.url("/", host=host), Limits(5.0, 1000, allow_private=False))
    assert site.seen == []


def test_redirects_are_followed_and_counted(site: Site) -> None:
    for hop in range(7):
        site.paths[f"/{hop}"] = lambda request, hop=hop: request.answer(301, location=f"/{hop + 1}")  # type: ignore[misc]
    site.paths["/7"] = lambda request: request.answer(200, b"end")
    assert get(site.url("/2")).url == site.url("/7")
    with pytest.raises(FeedError, match="redirects"):
        get(site.url("/1"))


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/", "http://2130706433:{port}/", "http://0177.0.0.1:{port}/", "http://0x7f.1:{port}/",
        "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://inner.test:{port}/",
        "http://169.254.169.254/latest/meta-data", "//localhost:{port}/",
    ],
)  # fmt: skip
def test_redirect_from_outside_leads_nowhere_inside(monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    """127.0.0.2 stands for a host of the internet here; what is private may be asked, but not from there."""
    monkeypatch.setattr(guard, "is_public", lambda address: str(address) == "127.0.0.2")
    for module in (guard, fetch):
        monkeypatch.setattr(module, "is_private", lambda address: str(address) == "127.0.0.1")
    with open_site(host="127.0.0.2") as outside, open_site() as inside:
        outside.paths["/"] = lambda request: request.answer(302, location=location.format(port=inside.port))
        inside.paths["/"] = lambda request: request.answer(200, b"secret")
        with pytest.raises(FeedError):
            get(outside.url("/", host="127.0.0.2"), resolve=lambda host, port: ["127.0.0.1"])
        assert len(outside.seen) == 1
        assert inside.seen == []


def test_redirect_within_a_private_host_is_followed(site: Site) -> None:
    site.paths["/"] = lambda request: request.answer(302, location="/b")
    site.paths["/b"] = lambda request: request.answer(200, b"own")
    assert get(site.url("/")).body == b"own"


def test_credentials_go_to_their_host_only_and_into_no_message(site: Site) -> None:
    resolve = lambda host, port: ["127.0.0.1"]  # noqa: E731
    site.paths["/"] = lambda request: request.answer(302, location=f"http://other.test:{site.port}/b")
    site.paths["/b"] = lambda request: request.answer(302, location=f"http://feed.test:{site.port}/c")
    site.paths["/c"] = lambda request: request.answer(200, b"x" * 200_000)
    url = f"http://ann:hunter2@feed.test:{site.port}/"
    with pytest.raises(FeedError, match="larger") as caught:
        get(url, resolve=resolve)
    assert "hunter2" not in str(caught.value)
    assert ["authorization" in headers for _, headers in site.seen] == [True, False, True]


def test_document_that_is_too_large_is_refused(site: Site) -> None:
    def endless(request: Request) -> None:
        request.answer(200, content_length="", transfer_encoding="chunked")
        while True:
            request.wfile.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    site.paths["/endless"] = endless
    for path, size in (("/bomb", 50_000_000), ("/just", 100_000)):
        packed = gzip.compress(b"\0" * size)
        site.paths[path] = lambda request, b=packed: request.answer(200, b, content_encoding="gzip")  # type: ignore[misc]
    for path in ("/endless", "/bomb"):
        with pytest.raises(FeedError, match="larger than"):
            get(site.url(path))
    assert len(get(site.url("/just")).body) == 100_000


def test_document_that_drips_in_is_given_up(site: Site) -> None:
    stop = Event()

    def drip(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.02):
            request.wfile.write(b"a")

    site.paths["/"] = drip
    started = time.monotonic()
    try:
        with pytest.raises(FeedError, match=r"longer than 0\.3 s"):
            get(site.url("/"), Limits(0.3, 1_000_000, allow_private=True))
        assert time.monotonic() - started < 3
    finally:
        stop.set()


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"short", {"content_length": "100"}, "end"),
        (gzip.compress(b"news" * 100)[:-9], {"content_encoding": "gzip"}, "end"),
        (b"not packed", {"content_encoding": "gzip"}, "not HTTP"),
        (zlib.compress(b"x"), {"content_encoding": "br"}, "not asked for"),
    ],
)
def test_broken_answers_are_errors(site: Site, body: bytes, headers: dict[str, str], reason: str) -> None:
    def answer(request: Request) -> None:
        request.answer(200, body, **headers)
        request.close_connection = True

    site.paths["/"] = answer
    with pytest.raises(FeedError, match=reason):
        get(site.url("/"))


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n"])
def test_what_is_not_http_is_an_error(site: Site, raw: bytes) -> None:
    def answer(request: Request) -> None:
        request.wfile.write(raw)
        request.close_connection = True

    site.paths["/"] = answer
    with pytest.raises(FeedError, match="cannot be fetched"):
        get(site.url("/"))


def test_name_that_is_not_known_and_port_where_nobody_listens_are_errors() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FeedError, match="not known"):
        get("http://feed.test/", resolve=unknown)
    with pytest.raises(FeedError, match="no address"):
        get("http://feed.test/", resolve=lambda host, port: [])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(FeedError, match="refused"):
        get(f"http://127.0.0.1:{port}/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_certificate_has_to_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=feed.test "
        f"-addext subjectAltName=DNS:feed.test -keyout {key} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    resolve = lambda host, port: ["127.0.0.1"]  # noqa: E731
    with open_site(context) as site:
        site.paths["/"] = lambda request: request.answer(200, b"safe")
        with pytest.raises(FeedError, match="certificate is not valid"):
            get(site.url("/", "feed.test", "https"), resolve=resolve)
        monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(certificate))
        assert get(site.url("/", "feed.test", "https"), resolve=resolve).body == b"safe"
        with pytest.raises(FeedError, match="certificate is not valid"):
            get(site.url("/", "other.test", "https"), resolve=resolve)

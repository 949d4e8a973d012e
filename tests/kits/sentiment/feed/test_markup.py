"""What is marked up becomes the text that a person reads, whatever it holds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.sentiment.feed.markup import clean_line, to_plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Acme &amp; Co rises 5&nbsp;%", "Acme & Co rises 5 %"),
        ("<p>One</p><p>two</p>", "One two"),
        ("pro<b>fit</b>able", "profitable"),
        ("a<br/>b<BR>c", "a b c"),
        ("<script>alert(1)</script>Profit", "Profit"),
        ("<SCRIPT src=//x>alert(1)</script >Profit", "Profit"),
        ("<style>p{}</style>up<!-- no -->down", "updown"),
        ("<script>never closed", ""),
        ("<img src=x onerror=alert(1)>Up", "Up"),
        ("5 < 7 > 3", "5 < 7 > 3"),
        ("EPS <EPS estimate> and x<y", "EPS <EPS estimate> and x<y"),
        ("&lt;b&gt; is a tag", "<b> is a tag"),
        ("half a tag <b", "half a tag <b"),
        ("利润<br>上升&mdash;公司", "利润 上升—公司"),
        ("two\nlines\tand\x00more\x1b", "two lines and more"),
        ("re\u202eversed pro\u200bfit", "reversed profit"),
        ("half \ud800 a character", "half a character"),
        ("", ""),
    ],
)
def test_markup_becomes_plain_text(text: str, plain: str) -> None:
    assert to_plain(text) == plain


@given(st.text())
def test_any_text_gives_one_storable_line(text: str) -> None:
    plain = to_plain(text)
    plain.encode("utf-8")
    assert "\0" not in plain
    assert plain == clean_line(plain)


@given(st.text(alphabet="<>/!-&;abpscrit \"='", max_size=80))
def test_any_jumble_of_tags_is_read(text: str) -> None:
    assert "<script>" not in to_plain(text.replace("&", ""))


@pytest.mark.parametrize(
    "piece", ["<", "<b", "<b>", "<!--", "<script>", "</script", "<script></script>", "&", "&amp;", '<b "', "<x>"]
)
def test_floods_take_linear_time(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    to_plain(text)
    assert time.process_time() - started < 5

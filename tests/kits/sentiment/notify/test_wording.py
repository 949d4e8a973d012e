"""What people read: the numbers, the headlines, and nothing that a headline could do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.sentiment.notify.message import make_message
from kits.sentiment.notify.wording import LONGEST_BYTES, clean, clean_url, word
from tests.kits.sentiment.mailbox import EVIDENCE, NOON, make_alert

CHANGES = ("opened", "worsened", "escalated", "resolved", "withdrawn")


def test_opened_alert_in_english() -> None:
    alert = make_alert(titles=("Payments frozen", "Tills are dead"))
    text = word(make_message("opened", NOON, [alert]), "en")
    assert text.title == "Warning: surge of negative news on security"
    assert text.body == (
        "Security: 12 negative stories from 2026-01-15 11:00 to 12:00 UTC, 1.3 expected. "
        "80% of all 15 stories are negative, 31% is usual. "
        "Chance of that on a quiet day: p = 2.5e-09 (alarm at 0.00032).\n"
        "- Payments frozen (Harbour Wire, 12:00)\n"
        "  https://wire.example/0\n"
        "- Tills are dead (Harbour Wire, 12:00, printed 2 times)\n"
        "  https://wire.example/1\n"
        "\n"
        "Alert topic:se, model 7f3a9c51d2e84b06"
    )


def test_opened_alert_in_chinese() -> None:
    alert = make_alert("overall", "critical", ("支付系统瘫痪",), evidence=EVIDENCE | {"scale": 6})
    text = word(make_message("opened", NOON, [alert]), "zh")
    assert text.title == "严重：全市场 负面新闻激增"
    assert text.body.splitlines()[0] == (
        "全市场：2026-01-15 06:00 至 12:00（UTC）有 12 条负面报道，预期 1.3 条。"
        "全部 15 条报道中负面占 80%，平时为 31%。平静时出现这一情况的概率：p = 2.5e-09（警戒线 0.00032）。"
    )
    assert "- 支付系统瘫痪（Harbour Wire，12:00）" in text.body


@pytest.mark.parametrize(
    ("what", "english", "chinese"),
    [
        ("worsened", "Now critical: surge of negative news on company ACME", "升级为严重：公司 ACME 负面新闻激增"),
        ("escalated", "Not acknowledged for 31 min: ", "已 31 分钟无人确认："),
        ("resolved", "Over: ", "已结束："),
        ("withdrawn", "Withdrawn: ", "已撤回："),
    ],
)
def test_title_says_what_happened(what: Any, english: str, chinese: str) -> None:
    message = make_message(what, NOON, [make_alert("company:ACME")])
    assert word(message, "en").title.startswith(english)
    assert word(message, "zh").title.startswith(chinese)


def test_resolved_alert_says_how_long_and_how_high() -> None:
    alert = make_alert(last_window_at=NOON + timedelta(hours=4), titles=("old news",))
    body = word(make_message("resolved", NOON, [alert]), "en").body
    assert "2026-01-15 11:00 to 2026-01-15 17:00 UTC; at its highest 12 negative stories, 1.3 expected" in body
    assert "old news" not in body


def test_grouped_alerts_are_one_message_that_names_them_all() -> None:
    alerts = [make_alert(f"topic:{name}", titles=(f"about {name}",)) for name in ("credit", "legal", "rates")]
    text = word(make_message("opened", NOON, alerts), "en")
    assert text.title == "Warning: surges of negative news on credit, legal, rates"
    assert all(f"about {name}" in text.body for name in ("credit", "legal", "rates"))


def test_share_alert_is_called_so() -> None:
    message = make_message("opened", NOON, [make_alert(kind="share")])
    assert word(message, "en").title == "Warning: unusually negative news on security"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("what", CHANGES)
def test_many_alerts_with_long_headlines_fit_into_a_message(what: Any, language: Any) -> None:
    alerts = [make_alert(f"topic:{'很长' * 20}{n}", titles=("央行" * 500,) * 9) for n in range(30)]
    text = word(make_message(what, NOON, alerts), language)
    assert len(text.body.encode()) <= LONGEST_BYTES
    assert text.body.splitlines()[-1].startswith(("Alert ", "警报 "))
    assert "\n" not in text.title


HOSTILE = (
    "@channel @all @everyone look", "<!channel> <@U123> <at user_id=\"all\">x</at>", "[Log in](https://evil.example)",
    "<script>alert(1)</script>", "**bold** _it_ ~no~ `code` ||spoiler|| # head", "first\nsecond\r\n\u2028third",
    "\u202eevil\u202c \u200bzero \x00 \x1b[31mred", "![x](http://evil.example/x.png)", "<http://evil.example|bank>",
)  # fmt: skip


@pytest.mark.parametrize("headline", HOSTILE)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_headline_does_nothing(headline: str, language: Any) -> None:
    message = make_message("opened", NOON, [make_alert(titles=(headline,))])
    harmless = make_message("opened", NOON, [make_alert(titles=("harmless",))])
    body = word(message, language).body
    assert len(body.splitlines()) == len(word(harmless, language).body.splitlines())
    assert not set("@<>[]*`~|#\\\x00\x1b\u202e\u200b\u2028") & set(body)
    assert re.findall(r"\w+://[^/\s]+", body) == ["https://wire.example"]


@given(st.text(max_size=400))
def test_cleaned_text_is_one_short_line_of_visible_characters(text: str) -> None:
    line = clean(text)
    assert len(line) <= 140
    assert "\n" not in line
    assert line == "" or line.isprintable()
    assert not set(line) & set("<>[]*`~|#@\\")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example", "https://", "ftp://a.example/", "file:///etc/x",
        "https://bank.example@evil.example/", "https://a.example/\n@all", "https://a.example/\u202e", "https://[::1",
        "https://a.example/" + "x" * 400, "",
    ],
)  # fmt: skip
def test_address_that_could_mislead_is_left_out(url: str) -> None:
    assert clean_url(url) is None
    (story,) = make_alert(titles=("t",)).stories
    message = make_message("opened", NOON, [make_alert(stories=(type(story)("s", "i", "t", url, "", NOON, 0.9, 1),))])
    assert "  http" not in word(message, "en").body


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_address_that_is_shown_keeps_its_host_and_has_no_markup(rest: str) -> None:
    shown = clean_url(f"https://a.example/{rest}")
    assert shown is None or shown.startswith("https://a.example/")
    assert shown is None or not set(shown) & set("<>[]()*_`~|\\\"' \n")

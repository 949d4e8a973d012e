"""Slack: whether a request is Slack's, what a customer wrote in an event, and how a reply is written there.

A direct message is one conversation, or one for each thread in it; where the app is mentioned in a
channel, the thread is the conversation, and the reply begins it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

from core.deliver.signature import digest, is_recent, is_same

API = "https://slack.com/api"
SIGNATURE, TIME = "X-Slack-Signature", "X-Slack-Request-Timestamp"
_ID = re.compile(r"[A-Z0-9]{1,20}")
_STAMP = re.compile(r"\d{1,12}\.\d{1,6}")
_MARKED = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


@dataclass(frozen=True, slots=True)
class Spoken:
    """What someone wrote to the app.

    Attributes:
        place: The conversation: a channel, or ``CHANNEL:THREAD``.
        stamp: Slack's name of the message in its channel.
        user: Who wrote.
        text: Plain words.
    """

    place: str
    stamp: str
    user: str
    text: str


def is_from_slack(secret: bytes, body: bytes, headers: Mapping[str, str], now: float) -> bool:
    """Whether a request is signed with the app's signing secret, at most five minutes ago.

    Args:
        secret: The signing secret.
        body: As it came, byte by byte.
        headers: Of the request.
        now: Seconds since 1970.

    Source: Slack, "Verifying requests from Slack", version v0.
    """
    at = headers.get(TIME, "")
    made = f"v0={digest(secret, f'v0:{at}:'.encode() + body)}"
    return is_recent(at, now) and is_same(made, headers.get(SIGNATURE, ""))


def read_event(value: Mapping[str, Any]) -> Spoken | None:
    """What a person wrote to the app; None for all else that Slack tells.

    Messages of bots, the app's own too, and everything with a subtype (edits, deletions, people who
    join) are nothing to answer.
    """
    event = value.get("event")
    if value.get("type") != "event_callback" or not isinstance(event, Mapping):
        return None
    is_direct = event.get("type") == "message" and event.get("channel_type") == "im"
    if not (is_direct or event.get("type") == "app_mention") or event.get("subtype") or event.get("bot_id"):
        return None
    place, user, stamp = (str(event.get(name, "")) for name in ("channel", "user", "ts"))
    thread = str(event.get("thread_ts") or ("" if is_direct else stamp))
    if not (_ID.fullmatch(place) and _ID.fullmatch(user) and _STAMP.fullmatch(stamp)):
        return None
    if thread and not _STAMP.fullmatch(thread):
        return None
    text = read_text(str(event.get("text") or ""))
    return Spoken(f"{place}:{thread}" if thread else place, stamp, user, text) if text else None


def read_text(text: str) -> str:
    """Plain words of a text as Slack sends it: no mentions, links by their labels.

    >>> read_text("<@U1> is <https://a.example/x|this page> right &amp; new?")
    'is this page right & new?'
    """
    plain = _MARKED.sub(_read_marked, text)
    for letter, escape in reversed(_ESCAPES):
        plain = plain.replace(escape, letter)
    return plain.replace("\0", "").strip()


def escape(text: str) -> str:
    """Text in which nothing is a mention, a link or a command to Slack.

    >>> escape("<!channel> & <@U1>")
    '&lt;!channel&gt; &amp; &lt;@U1&gt;'
    """
    for letter, escaped in _ESCAPES:
        text = text.replace(letter, escaped)
    return text


def write_post(place: str, text: str, citations: Sequence[Mapping[str, Any]], pages: str | None) -> dict[str, Any]:
    """What ``chat.postMessage`` is given.

    Args:
        place: The conversation, as ``read_event`` gave it.
        text: Plain words.
        citations: Each with ``source`` and ``heading``.
        pages: Where help pages stand; None: sources are no links.
    """
    sources = dict.fromkeys(_write_source(one["source"], one.get("heading", ""), pages) for one in citations)
    lines = "\n".join(f"• {source}" for source in sources)
    channel, _, thread = place.partition(":")
    return {
        "channel": channel, "text": escape(text) + (f"\n\n{lines}" if lines else ""),
        "mrkdwn": True, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False,
        **({"thread_ts": thread} if thread else {}),
    }  # fmt: skip


def _write_source(source: str, heading: str, pages: str | None) -> str:
    label = escape(heading or source).replace("\n", " ")
    is_page = not source.startswith("faq:")
    url = source if source.startswith(("https://", "http://")) else ""
    if not url and pages and is_page:
        url = urljoin(pages.rstrip("/") + "/", quote(source))
    # Nothing in an address may end the link early.
    return f"<{quote(url, safe=':/?#@!$&()*+,;=%~-._').replace('&', '&amp;')}|{label}>" if url else label


def _read_marked(found: re.Match[str]) -> str:
    target, label = found[1], found[2]
    if target.startswith("@"):
        return ""
    if label:
        return f"#{label}" if target.startswith("#") else label
    return "" if target.startswith(("!", "#")) else target.removeprefix("mailto:")

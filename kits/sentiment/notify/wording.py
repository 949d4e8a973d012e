"""What a message says, in English or Chinese: the numbers of the evidence and the headlines behind them.

Nothing is generated. Headlines come from strangers, so what could act in a chat (mentions, links
behind words, markup) is replaced by characters that look alike and do nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from kits.sentiment.notify.message import Message, ToldAlert, ToldStory

Language = Literal["en", "zh"]
SHOWN_ALERTS, SHOWN_STORIES = 6, 3
LONGEST_HEADLINE, LONGEST_URL = 140, 300
LONGEST_BYTES = 1900  # a WeCom message holds 2,048
_LOOKALIKES = str.maketrans("<>[]*`~|#@\\", "＜＞［］＊｀～｜＃＠＼")
_URL_ESCAPES = {ord(letter): f"%{ord(letter):02X}" for letter in "<>[]()*_`~|\\\"'"}


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words.

    Attributes:
        title: One line.
        body: Lines of plain text that read the same as Markdown.
    """

    title: str
    body: str


_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "overall": "the whole market",
        "company": "company {name}",
        "warning": "Warning",
        "critical": "CRITICAL",
        "volume": "surge of negative news",
        "share": "unusually negative news",
        "opened": "{severity}: {what} on {series}",
        "worsened": "Now critical: {what} on {series}",
        "escalated": "Not acknowledged for {minutes} min: {what} on {series}",
        "resolved": "Over: {what} on {series}",
        "withdrawn": "Withdrawn: {what} on {series}",
        "several": "surges of negative news",
        "list": ", ",
        "more": "{number} more",
        "count": "{series}: {count} negative stories from {start} to {end} UTC, {expected} expected.",
        "share_of": "{share} of all {stories} stories are negative, {expected_share} is usual.",
        "chance": "Chance of that on a quiet day: p = {p_value} (alarm at {threshold}).",
        "undone": "Items that came later have changed the count: there was no surge.",
        "lasted": "{series}: {begin} to {finish} UTC; at its highest {count} negative stories, {expected} expected.",
        "story": "- {title} ({source}, {time}{reach})",
        "reach": ", printed {reach} times",
        "unknown": "source not known",
        "footer": "Alert {ids}, model {model}",
    },
    "zh": {
        "overall": "全市场",
        "company": "公司 {name}",
        "warning": "警告",
        "critical": "严重",
        "volume": "负面新闻激增",
        "share": "负面占比异常",
        "opened": "{severity}：{series} {what}",
        "worsened": "升级为严重：{series} {what}",
        "escalated": "已 {minutes} 分钟无人确认：{series} {what}",
        "resolved": "已结束：{series} {what}",
        "withdrawn": "已撤回：{series} {what}",
        "several": "负面新闻激增",
        "list": "、",
        "more": "另有 {number} 项",
        "count": "{series}：{start} 至 {end}（UTC）有 {count} 条负面报道，预期 {expected} 条。",
        "share_of": "全部 {stories} 条报道中负面占 {share}，平时为 {expected_share}。",
        "chance": "平静时出现这一情况的概率：p = {p_value}（警戒线 {threshold}）。",
        "undone": "后到的消息修正了计数：并未出现激增。",
        "lasted": "{series}：{begin} 至 {finish}（UTC）；最高时有 {count} 条负面报道，预期 {expected} 条。",
        "story": "- {title}（{source}，{time}{reach}）",
        "reach": "，转载 {reach} 次",
        "unknown": "来源不明",
        "footer": "警报 {ids}，模型 {model}",
    },
}


def word(message: Message, language: Language) -> Text:
    """A message as title and body.

    Args:
        message: With at least one alert.
        language: Of the words; headlines stay in theirs.
    """
    words = _WORDS[language]
    first = message.alerts[0]
    values = {
        "severity": words[first.severity],
        "what": words[first.kind] if len(message.alerts) == 1 else words["several"],
        "series": words["list"].join(_limit([name_series(a.series, language) for a in message.alerts], words)),
        "minutes": str(max(0, round((message.at - first.opened_at).total_seconds() / 60))),
    }
    lines = [line for alert in message.alerts[:SHOWN_ALERTS] for line in _describe(message, alert, words, language)]
    if len(message.alerts) > SHOWN_ALERTS:
        lines.append(words["more"].format(number=len(message.alerts) - SHOWN_ALERTS))
    ids = words["list"].join(_limit([alert.id[:8] for alert in message.alerts], words))
    footer = words["footer"].format(ids=ids, model=clean(first.model_version, 16))
    return Text(words[message.what].format(**values), _fit(lines, footer, words))


def name_series(series: str, language: Language) -> str:
    """A series in words.

    >>> name_series("company:ACME", "en"), name_series("topic:credit", "zh")
    ('company ACME', 'credit')
    """
    kind, _, name = series.partition(":")
    if kind == "overall":
        return _WORDS[language]["overall"]
    return _WORDS[language]["company"].format(name=clean(name)) if kind == "company" else clean(name)


def clean(text: str, longest: int = LONGEST_HEADLINE) -> str:
    """A stranger's text on one line, in which nothing acts.

    >>> clean("Act now @channel: [free *money*](http://x.y)")
    'Act now ＠channel: ［free ＊money＊］(http：//x.y)'
    """
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    line = " ".join(visible.split()).translate(_LOOKALIKES).replace("://", "：//")
    return line if len(line) <= longest else line[: longest - 1] + "…"


def clean_url(url: str | None) -> str | None:
    """An address that may be shown as it is, or None: http or https, without a name or password in it.

    >>> clean_url("https://a.example/x_y?z=(1)")
    'https://a.example/x%5Fy?z=%281%29'
    >>> clean_url("https://bank.example@evil.example/") is None
    True
    """
    if url is None or len(url) > LONGEST_URL or not url.isprintable() or not url.isascii() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return url.translate(_URL_ESCAPES) if is_plain else None


def _describe(message: Message, alert: ToldAlert, words: Mapping[str, str], language: Language) -> list[str]:
    """The lines about one alert."""
    numbers = _numbers(alert, language)
    if message.what == "withdrawn":
        return [words["lasted"].format(**numbers), words["undone"]]
    if message.what == "resolved":
        return [words["lasted"].format(**numbers)]
    separator = "" if language == "zh" else " "
    lines = [separator.join(words[part].format(**numbers) for part in ("count", "share_of", "chance"))]
    shown = alert.stories[: SHOWN_STORIES if len(message.alerts) < 3 else 1]
    for story in shown:
        lines += _tell(story, words)
    if len(alert.stories) > len(shown):
        lines.append("- " + words["more"].format(number=len(alert.stories) - len(shown)))
    return lines


def _numbers(alert: ToldAlert, language: Language) -> dict[str, str]:
    """What the lines about an alert are filled with."""
    evidence: Mapping[str, Any] = alert.evidence
    window = timedelta(seconds=evidence["window_seconds"])
    last = datetime.fromisoformat(evidence["at"]).astimezone(UTC)
    return {
        "series": _capital(name_series(alert.series, language)),
        "count": str(evidence["count"]),
        "stories": str(evidence["stories"]),
        "expected": f"{evidence['expected']:.1f}",
        "start": _time(last - (evidence["scale"] - 1) * window),
        "end": f"{last + window:%H:%M}",
        "begin": _time(alert.starts_at),
        "finish": _time(alert.last_window_at + window),
        "share": f"{evidence['share']:.0%}",
        "expected_share": f"{evidence['expected_share']:.0%}",
        "p_value": _small(evidence["p_value"]),
        "threshold": _small(evidence["threshold"]),
    }


def _tell(story: ToldStory, words: Mapping[str, str]) -> list[str]:
    """A story's headline, and below it where it stands."""
    line = words["story"].format(
        title=clean(story.title),
        source=clean(story.source, 60) or words["unknown"],
        time=f"{story.event_at.astimezone(UTC):%H:%M}",
        reach=words["reach"].format(reach=story.reach) if story.reach > 1 else "",
    )
    url = clean_url(story.url)
    return [line, f"  {url}"] if url else [line]


def _fit(lines: list[str], footer: str, words: Mapping[str, str]) -> str:
    """The lines that fit, and the footer."""
    room = LONGEST_BYTES - len(footer.encode()) - 2
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, "", footer])


def _limit(names: list[str], words: Mapping[str, str]) -> list[str]:
    """The first names, and how many more there are."""
    rest = len(names) - SHOWN_ALERTS
    return names if rest <= 0 else [*names[:SHOWN_ALERTS], words["more"].format(number=rest)]


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _small(probability: float) -> str:
    """A probability in two digits.

    >>> _small(0.00032), _small(2.51e-9), _small(0.0)
    ('0.00032', '2.5e-09', '< 1e-300')
    """
    return f"{probability:.2g}" if probability > 0 else "< 1e-300"


def _capital(text: str) -> str:
    return re.sub(r"^[a-z]", lambda match: match[0].upper(), text)

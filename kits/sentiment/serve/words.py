"""How numbers, series and alerts are put into words on the page."""

from __future__ import annotations

from collections.abc import Mapping

from kits.sentiment.view.alerts import AlertEvent, AlertView
from kits.sentiment.view.overview import Overview
from kits.sentiment.view.series import parse_series
from kits.sentiment.view.stories import Score, StoryView

Words = Mapping[str, str]


def series_name(key: str, t: Words) -> str:
    """A series by the name that people know it by."""
    series = parse_series(key)
    if series is None:
        return key
    return t["all_news"] if series.kind == "overall" else series.name


def percent(share: float | None) -> str:
    """A share without decimals.

    >>> percent(0.436), percent(None)
    ('44 %', '–')
    """
    return "–" if share is None else f"{100 * share:.0f} %"


def number(value: float | None) -> str:
    """A count, or an expected count with what precision it deserves.

    >>> number(1234), number(3.14), number(41.7), number(None)
    ('1,234', '3.1', '42', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) and abs(value) < 10 else f"{value:,.0f}"


def chance(value: float | None) -> str:
    """A small probability.

    >>> chance(0.02), chance(3.1e-7), chance(0.0)
    ('0.020', '3.1 × 10⁻⁷', '< 10⁻³⁰⁰')
    """
    if value is None:
        return "–"
    if value == 0:
        return "< 10⁻³⁰⁰"
    if value >= 0.001:
        return f"{value:.3f}"
    digits, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} × 10{raised}"


def span(seconds: float, t: Words) -> str:
    """A length of time in the unit that suits it."""
    hours = seconds / 3600
    if hours >= 48 and hours % 24 == 0:
        return t["days_many"].format(n=f"{hours / 24:.0f}")
    if hours == 1:
        return t["hours_one"]
    if hours > 1:
        return t["hours_many"].format(n=f"{hours:g}")
    return t["minutes_many"].format(n=f"{seconds / 60:.0f}")


def confidence(score: Score) -> str:
    """The probability of the sentiment that was read.

    >>> confidence(Score("neutral", 0.25, 0.05))
    '70 %'
    """
    if score.negative is None or score.positive is None:
        return ""
    rest = 1.0 - score.negative - score.positive
    return percent({"negative": score.negative, "positive": score.positive}.get(score.sentiment or "", rest))


def unit(seconds: float, t: Words) -> str:
    """The length of a window as what something is counted per."""
    return t["hour"] if seconds == 3600 else span(seconds, t)


def statement(alert: AlertView, t: Words) -> str:
    """What an alert says, in one sentence out of its evidence."""
    found = alert.evidence
    counted = span(float(found.get("window_seconds", 0)) * int(found.get("scale", 1)), t)
    values = {"count": number(found.get("count")), "stories": number(found.get("stories")), "span": counted}
    if alert.kind == "share":
        share, expected = percent(found.get("share")), percent(found.get("expected_share"))
        return t["told_share"].format(**values, share=share, expected=expected)
    return t["told_volume"].format(**values, expected=number(found.get("expected")))


def ratio(value: float | None, t: Words) -> str:
    """How many times the usual it is; nothing where that would say little."""
    if value is None or value < 1.5:
        return ""
    return t["times_usual"].format(n=f"{value:.1f}" if value < 10 else f"{value:.0f}")


def link(url: str | None) -> str | None:
    """An address that may be followed; None for anything that is not on the web.

    >>> link("https://news.example/1"), link("javascript:alert(1)")
    ('https://news.example/1', None)
    """
    return url if url and url.lower().startswith(("http://", "https://")) else None


def mute_reason(reason: str, t: Words) -> str:
    """Why nobody is told of an alert."""
    if reason.startswith("silence "):
        return t["mute_silence"].format(n=reason.removeprefix("silence "))
    if reason.startswith("inhibited"):
        return t["mute_wider"]
    return t.get({"quiet hours": "mute_quiet", "grouped": "mute_grouped"}.get(reason, ""), reason)


def event_comment(event: AlertEvent, t: Words) -> str:
    """What was noted with an event; what the monitor noted, in the reader's language."""
    if event.what == "muted":
        return mute_reason(event.comment, t)
    if event.what == "verdict":
        verdict, _, comment = event.comment.partition(": ")
        return ": ".join(filter(None, (t.get(f"judged_{verdict}", verdict), comment)))
    return event.comment


def headline(overview: Overview, t: Words) -> str:
    """The state of things in a few words."""
    firing, in_hand = len(overview.firing), len(overview.acknowledged)
    if overview.overall is None and not firing:
        said = t["empty_title"]
    elif not firing:
        said = t["say_learning" if overview.is_learning else "say_calm"]
    else:
        said = t["say_firing_one"] if firing == 1 else t["say_firing_many"].format(n=firing)
    return f"{said}{t['comma']}{t['say_in_hand'].format(n=in_hand)}" if in_hand else said


def printed(story: StoryView, t: Words) -> str:
    """How often a story was told, and by how many."""
    if story.items == 1:
        return t["printed_one"]
    return t["printed" if story.sources != 1 else "printed_by_one"].format(items=story.items, sources=story.sources)


def event_words(what: str, t: Words) -> str:
    """What happened to an alert."""
    return t.get(f"what_{what}", what)


def plain_pattern(pattern: str) -> str:
    """A pattern that stands for one series only, as that series.

    >>> plain_pattern("topic:a[?]b"), plain_pattern("topic:*")
    ('topic:a?b', 'topic:*')
    """
    for letter in "*?[":
        pattern = pattern.replace(f"[{letter}]", letter)
    return pattern

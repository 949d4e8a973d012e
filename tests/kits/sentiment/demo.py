"""Fills a database with up to four invented weeks of news, the same at every run: what the page is looked at with.

One topic surges right now, one company's alert was acknowledged, and some alerts are over. The
texts are those of the sample data; times, reprints and numbers follow from a seed.
"""

from __future__ import annotations

import csv
import hashlib
import math
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, update

from core.store.database import transaction
from kits.sentiment.store import schema
from kits.sentiment.surge.signal import Evidence

SAMPLE = Path(__file__).parents[3] / "sample_data" / "sentiment"
VERSION = "7f3a9c51d2e84b06"
DAYS = 28
COMPANIES = ("Requian", "Zlotka", "Wessmoor Water")
SOURCES = ("Harbour Wire", "The Ledger Post", "Meridian Business Daily", "Tradefloor Forum", "Quayside Markets Blog")


@dataclass(frozen=True)
class Text:
    """A row of the sample data."""

    title: str
    body: str
    source: str
    topics: tuple[str, ...]
    sentiment: str
    language: str


@dataclass(frozen=True)
class Surge:
    """Bad news of one series during some hours."""

    series: str
    hours_ago: float
    hours: float
    stories: int


SURGES = (
    Surge("topic:security", 3.2, 3.2, 16),
    Surge("company:Zlotka", 9.0, 4.0, 7),
    Surge("topic:credit", 5.4 * 24, 6.0, 14),
    Surge("topic:legal", 15.2 * 24, 5.0, 12),
)


def fill(engine: Engine, at: datetime, days: int = DAYS) -> None:
    """Write so many days of news that end at ``at``."""
    chance = random.Random(20250612)
    texts = _texts()
    told = sorted(_tell(chance, texts, at, days), key=lambda pair: pair[0])
    rows = _Rows()
    for number, (when, text) in enumerate(told, 1):
        _add_story(rows, chance, number, when, text, at)
    with transaction(engine) as connection:
        connection.execute(update(schema.writer).values(clock=at, beat_at=at, late_items=7))
        connection.execute(insert(schema.models), _models(at))
        for name in ("stories", "items", "scores"):
            connection.execute(insert(schema.metadata.tables[name]), rows.tables[name])
        connection.execute(insert(schema.windows), _windows(rows, at))
        connection.execute(insert(schema.feeds), _feeds(at, len(rows.tables["items"])))
        connection.execute(insert(schema.dead_letters), _dead(at))
        alerts = _alerts(rows, at, days)
        connection.execute(insert(schema.alerts), [alert for alert, _ in alerts])
        connection.execute(insert(schema.alert_events), [event for _, events in alerts for event in events])
        connection.execute(insert(schema.outbox), _outbox(alerts[0][0]["id"], at))
        connection.execute(insert(schema.silences), [_silence(at)])


class _Rows:
    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.by_series: dict[str, list[tuple[datetime, str, str, str]]] = defaultdict(list)


def _texts() -> list[Text]:
    texts = []
    for name, language in (("train.csv", "en"), ("train_zh.csv", "zh")):
        with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                topics = tuple(topic for topic in row["topics"].split(";") if topic)
                sentiment = row["sentiment"] or "neutral"
                texts.append(Text(row["title"], row["body"], row["source"], topics, sentiment, language))
    return [text for text in texts if text.topics and text.title]


def _tell(chance: random.Random, texts: list[Text], at: datetime, days: int) -> list[tuple[datetime, Text]]:
    """When each story is told: more in working hours, less at weekends, and the surges."""
    told = []
    for hour in range(24 * days):
        start = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hour)
        busy = 0.35 + max(0.0, math.sin((start.hour - 5) / 24 * 2 * math.pi)) * 1.4
        weekly = 0.45 if start.weekday() >= 5 else 1.0
        for _ in range(_poisson(chance, 6.0 * busy * weekly)):
            when = start + timedelta(seconds=chance.randrange(3600))
            if when < at:
                told.append((when, chance.choice(texts)))
    for surge in _surges(days):
        kind, _, name = surge.series.partition(":")
        bad = [t for t in texts if t.sentiment == "negative" and (kind == "company" or name in t.topics)]
        for index in range(surge.stories):
            text = bad[(index * 7) % len(bad)]
            if kind == "company":
                text = Text(f"{name}: {text.title}", text.body, text.source, text.topics, "negative", text.language)
            told.append((at - timedelta(hours=surge.hours_ago - chance.random() * surge.hours * 0.95), text))
    return told


def _surges(days: int) -> list[Surge]:
    """Those within so many days."""
    return [surge for surge in SURGES if surge.hours_ago < 24 * days]


def _poisson(chance: random.Random, mean: float) -> int:
    count, product, bound = 0, chance.random(), math.exp(-mean)
    while product > bound:
        count, product = count + 1, product * chance.random()
    return count


def _add_story(rows: _Rows, chance: random.Random, number: int, when: datetime, text: Text, at: datetime) -> None:
    key = hashlib.sha256(f"story {number}".encode()).hexdigest()[:32]
    prints = min(40, 1 + int(chance.paretovariate(1.6) - 1)) if text.sentiment == "negative" else 1 + (number % 5 == 0)
    moments = [when + timedelta(minutes=11 * i * chance.random()) for i in range(prints)]
    moments = [moment for moment in moments if moment < at] or [when]
    negative = round({"negative": 0.78, "neutral": 0.16, "positive": 0.05}[text.sentiment] + chance.random() * 0.2, 4)
    company = next((name for name in COMPANIES if name in f"{text.title} {text.body}"), None)
    topics = {topic: round(0.6 + 0.39 * chance.random(), 4) for topic in text.topics}
    sources = set()
    for index, moment in enumerate(moments):
        item = hashlib.sha256(f"item {number} {index}".encode()).hexdigest()[:32]
        source = text.source if index == 0 else SOURCES[(number + index) % len(SOURCES)]
        sources.add(source)
        rows.tables["items"].append(
            {
                "key": item, "number": len(rows.tables["items"]) + 1, "feed": ("wire", "web", "inbox")[index % 3],
                "source": source, "title": text.title, "body": text.body, "url": f"https://news.example/{key[:8]}/{index}",
                "entity": company, "language": text.language, "event_at": moment, "published_at": moment,
                "ingested_at": moment + timedelta(seconds=20), "story": key,
            }
        )  # fmt: skip
        score = {"item": item, "model_version": VERSION, "sentiment": text.sentiment, "negative": negative}
        score["positive"] = round((1 - negative) * (0.9 if text.sentiment == "positive" else 0.2), 4)
        rows.tables["scores"].append(score | {"company": "", "topics": topics})
        if company:
            rows.tables["scores"].append(score | {"company": company, "topics": {}})
    rows.tables["stories"].append(
        {
            "key": key, "lead_item": rows.tables["items"][-len(moments)]["key"], "title": text.title,
            "language": text.language, "first_at": when, "last_at": max(moments), "items": len(moments),
            "sources": len(sources),
        }
    )  # fmt: skip
    lead = rows.tables["stories"][-1]["lead_item"]
    for series in ("overall", *(f"topic:{t}" for t in text.topics), *([f"company:{company}"] if company else ())):
        rows.by_series[series].append((when, text.sentiment, key, lead))


def _windows(rows: _Rows, at: datetime) -> list[dict[str, Any]]:
    counts: dict[tuple[str, datetime], dict[str, int]] = {}
    for series, told in rows.by_series.items():
        for when, sentiment, _, _ in told:
            start = when.replace(minute=0, second=0, microsecond=0)
            count = counts.setdefault((series, start), {"stories": 0, "negative": 0, "positive": 0, "items": 0})
            count["stories"] += 1
            count["items"] += 1 + (sentiment == "negative")
            if sentiment in count:
                count[sentiment] += 1
    return [{"model_version": VERSION, "series": s, "starts_at": w} | count for (s, w), count in counts.items()]


def _alerts(rows: _Rows, at: datetime, days: int) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    made = []
    for index, surge in enumerate(_surges(days)):
        first = (at - timedelta(hours=surge.hours_ago)).replace(minute=0, second=0, microsecond=0)
        last = (at - timedelta(hours=surge.hours_ago - surge.hours * 0.95)).replace(minute=0, second=0, microsecond=0)
        driving = [r for r in rows.by_series[surge.series] if first <= r[0] <= last + timedelta(hours=1)]
        bad = [r for r in driving if r[1] == "negative"]
        expected = {"topic:security": 1.9, "company:Zlotka": 0.4, "topic:credit": 2.6, "topic:legal": 3.1}[surge.series]
        evidence = Evidence(
            scale=6 if surge.hours > 4 else 1, window_seconds=3600, at=last.isoformat(), count=len(bad),
            stories=len(driving), expected=expected, expected_given_volume=expected + 0.3,
            critical=max(4, round(expected * 3)), dispersion=0.21, share=len(bad) / len(driving), expected_share=0.31,
            adjusted=len(bad) * 0.94, p_value=3.1e-7 / (index + 1), wave_p_value=0.004, threshold=8.2e-5,
            history_windows=24 * DAYS,
        ).to_json()  # fmt: skip
        evidence["driving"] = [{"story": key, "item": lead, "reach": 3} for _, _, key, lead in bad[:12]]
        evidence["hits"] = list(range(round((last - first) / timedelta(hours=1)) + 1))
        opened = first + timedelta(minutes=50)
        state = ("firing", "acknowledged", "resolved", "resolved")[index]
        alert = {
            "id": hashlib.sha256(f"alert {surge.series}".encode()).hexdigest()[:32], "series": surge.series,
            "kind": "volume", "severity": ("critical", "warning", "warning", "critical")[index], "state": state,
            "starts_at": first, "last_window_at": last, "opened_at": opened,
            "acknowledged_at": opened + timedelta(minutes=14) if index else None,
            "acknowledged_by": "ann" if index else None,
            "resolved_at": last + timedelta(hours=5) if state == "resolved" else None, "escalated_at": None,
            "muted": None, "verdict": {2: "true", 3: "false"}.get(index), "model_version": VERSION,
            "evidence": evidence,
        }  # fmt: skip
        events = [{"alert": alert["id"], "what": "opened", "at": opened, "by": "monitor", "comment": ""}]
        if index:
            events.append(
                {"alert": alert["id"], "what": "acknowledged", "at": alert["acknowledged_at"], "by": "ann",
                 "comment": "Looking into it with the desk"}
            )  # fmt: skip
        if state == "resolved":
            events.append(
                {"alert": alert["id"], "what": "resolved", "at": alert["resolved_at"], "by": "monitor", "comment": ""}
            )
        made.append((alert, events))
    return made


def _models(at: datetime) -> list[dict[str, Any]]:
    errors = {"negative_when_negative": 0.861, "negative_when_not": 0.052, "rows": 640}
    old = {"negative_when_negative": 0.82, "negative_when_not": 0.071, "rows": 512}
    return [
        {"version": VERSION, "folder": "models/news-2025-06", "state": "active", "since": at - timedelta(days=9),
         "errors": errors},
        {"version": "19be0c77a1d2f350", "folder": "models/news-2025-03", "state": "retired",
         "since": at - timedelta(days=96), "errors": old},
    ]  # fmt: skip


def _feeds(at: datetime, count: int) -> list[dict[str, Any]]:
    common = {"cursor": "x", "last_error_at": None, "last_error": None}
    return [
        common | {"name": "wire", "address": "nats://127.0.0.1:4222/news.>", "items": count // 2, "dead": 0,
                  "last_item_at": at - timedelta(seconds=40), "last_ok_at": at - timedelta(seconds=12)},
        common | {"name": "inbox", "address": "POST /items", "items": count // 5, "dead": 3,
                  "last_item_at": at - timedelta(minutes=9), "last_ok_at": at - timedelta(seconds=5)},
        common | {"name": "web", "address": "https://news.example/rss.xml", "items": count // 3, "dead": 1,
                  "last_item_at": at - timedelta(hours=2), "last_ok_at": at - timedelta(hours=2),
                  "last_error_at": at - timedelta(minutes=2),
                  "last_error": "https://news.example/rss.xml: answered 503, asked again in 60 s"},
    ]  # fmt: skip


def _dead(at: datetime) -> list[dict[str, Any]]:
    return [
        {"feed": "inbox", "place": "inbox 4117",
         "reason": "no text in title or body; if another column holds it: --map title=COLUMN",
         "raw": '{"headline_text": "Zlotka opens in Gdansk"}', "at": at - timedelta(hours=7)},
        {"feed": "web", "place": "https://news.example/rss.xml#12",
         "reason": "column 'pubDate': no time, got 'yesterday'",
         "raw": '{"title": "Wheat harvest", "pubDate": "yesterday"}', "at": at - timedelta(days=2)},
    ]  # fmt: skip


def _outbox(alert: str, at: datetime) -> list[dict[str, Any]]:
    common = {"alert": alert, "what": "opened", "payload": {}, "next_at": at, "given_up_at": None}
    return [
        common | {"key": "a" * 64, "channel": "desk", "attempts": 1, "delivered_at": at - timedelta(hours=2),
                  "last_error": None},
        common | {"key": "b" * 64, "channel": "risk-webhook", "attempts": 3, "delivered_at": None,
                  "last_error": "answered 500"},
    ]  # fmt: skip


def _silence(at: datetime) -> dict[str, Any]:
    return {
        "matchers": {"series": "topic:earnings"}, "starts_at": at - timedelta(hours=5),
        "until": at + timedelta(hours=19), "by": "ann", "comment": "Reporting season", "ended_at": None,
    }  # fmt: skip



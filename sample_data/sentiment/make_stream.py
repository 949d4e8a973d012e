"""Make four weeks of invented news with planted surges: stream.jsonl, surges.csv, stream_labels.csv.

    python sample_data/sentiment/make_stream.py [FOLDER]

``phrasing.py`` writes the stories; here is decided when each breaks, what is planted, and who
prints it again. Everything follows from the seed: the same parts give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

from phrasing import NAMES, WATCH, WATCHED, Desk, Story

SEED = "fieldkits stream"
START, DAYS = datetime(2026, 1, 5, tzinfo=UTC), 28
STORIES_PER_WEEKDAY = 184
TOPICS = {  # share of the stories, and how many of them are negative and positive
    "earnings": (15, 0.27, 0.25), "deals": (10, 0.25, 0.29), "rates": (9, 0.28, 0.22), "economy": (12, 0.29, 0.26),
    "legal": (10, 0.30, 0.20), "product": (11, 0.27, 0.30), "people": (9, 0.27, 0.24), "credit": (8, 0.31, 0.26),
    "commodities": (9, 0.27, 0.26), "security": (7, 0.33, 0.24),
}  # fmt: skip
# News by the hour of the day in UTC, and by the day of the week from Monday.
HOURS = {
    "asia": (6, 8, 9, 9, 8, 8, 8, 7, 6, 4, 2, 1, 1, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.5, 1, 2, 4),
    "europe": (0.3, 0.3, 0.3, 0.5, 1, 3, 7, 9, 9, 8, 7, 7, 7, 7, 7, 7, 6, 4, 2, 1.5, 1, 1, 0.7, 0.5),
    "america": (2, 1.5, 1, 0.6, 0.4, 0.3, 0.3, 0.3, 0.5, 1, 2, 5, 8, 9, 9, 8, 7, 7, 7, 7, 8, 7, 4, 3),
}
WEEK = (1.0, 1.05, 1.05, 1.05, 0.95, 0.22, 0.25)
CHINESE = {"asia": 0.27, "europe": 0.02, "america": 0.02}
SHAPES: dict[str, Callable[[int, datetime], float]] = {
    "spike": lambda hour, at: (0.5, 1, 0.6, 0.4, 0.25, 0.15)[min(hour, 5)],
    "step": lambda hour, at: 1.0,
    "ramp": lambda hour, at: 1.0 + hour,
    "slow burn": lambda hour, at: sum(hours[at.hour] for hours in HOURS.values()),
}


@dataclass(frozen=True)
class Plan:
    """News that is planted: ``stories`` of one tone, spread over ``hours`` in a shape."""

    name: str
    series: str
    start: str
    hours: int
    stories: int
    shape: str
    strength: str = ""  # of a surge; a decoy has none
    note: str = ""
    tone: str = "negative"

    @property
    def starts_at(self) -> datetime:
        """Start of the first hour."""
        return datetime.fromisoformat(self.start).replace(tzinfo=UTC)


Moment = tuple[datetime, Plan | None]  # when a story breaks, and of which plan it is part
SURGES = (
    Plan("hawkish", "topic:rates", "2026-01-14T18:00", 4, 20, "spike", "medium", "talk of an emergency rate increase"),
    Plan("clearing", "topic:security", "2026-01-15T13:00", 6, 52, "spike", "strong", "attack on a clearing network"),
    Plan("tariffs", "topic:economy", "2026-01-16T07:00", 10, 30, "ramp", "medium", "tariffs and a fall in payrolls"),
    Plan("toys", "topic:product", "2026-01-17T10:00", 4, 14, "spike", "medium", "toy recall on a quiet Saturday"),
    Plan("volkmar", "company:VOLKMAR", "2026-01-19T14:00", 6, 34, "spike", "strong", "forged accounts of a carmaker"),
    Plan("developers", "topic:credit", "2026-01-20T08:00", 9, 62, "step", "strong", "defaults of property developers"),
    Plan("cartel", "topic:legal", "2026-01-21T06:00", 36, 24, "slow burn", "weak", "a cartel inquiry widens"),
    Plan("slump", "topic:commodities", "2026-01-22T03:00", 12, 62, "ramp", "strong", "raw materials collapse"),
    Plan("rout", "overall", "2026-01-23T12:00", 8, 112, "step", "strong", "market-wide rout over all topics"),
    Plan("battery", "topic:product", "2026-01-26T01:00", 10, 66, "step", "strong", "batteries that catch fire"),
    Plan("routers", "topic:security", "2026-01-27T02:00", 3, 8, "spike", "weak", "a worm in routers, at night"),
    Plan("warnings", "topic:earnings", "2026-01-27T12:00", 4, 24, "spike", "medium", "a chain of profit warnings"),
    Plan("squeeze", "topic:credit", "2026-01-28T06:00", 60, 50, "slow burn", "medium", "lenders stop lending"),
    Plan("layoffs", "topic:people", "2026-01-28T09:00", 7, 28, "step", "medium", "mass layoffs"),
    Plan("blocked", "topic:deals", "2026-01-29T11:00", 6, 13, "step", "weak", "mergers fall through"),
    Plan("creep", "topic:rates", "2026-01-29T13:00", 22, 18, "ramp", "weak", "yields creep up"),
    Plan("henglan", "company:HENGLAN", "2026-01-30T02:00", 9, 16, "step", "medium", "a developer fails (zh and en)"),
)
DECOYS = (
    Plan("results season", "topic:earnings", "2026-01-13T06:00", 12, 48, "step", tone="neutral"),
    Plan("good news", "topic:deals", "2026-01-21T12:00", 6, 30, "step", tone="positive"),
    Plan("storm of a verdict", "topic:legal", "2026-01-16T08:00", 1, 1, "step"),
    Plan("storm of a breach", "topic:security", "2026-01-25T10:00", 1, 1, "step"),
    Plan("storm of a strike", "topic:people", "2026-01-26T15:00", 1, 1, "step"),
)
STORMS = {"storm of a verdict": 40, "storm of a breach": 36, "storm of a strike": 44}  # reprints of one story
BUSY_DAY, BUSY_FACTOR = 7, 1.6  # Monday of the second week: more news of every kind


@dataclass(frozen=True)
class Print:
    """One item of the stream with what is known of it."""

    story: int
    outlet: str
    title: str
    body: str
    company: str | None
    published_at: datetime
    ingested_at: datetime


def plan_hours(plan: Plan) -> Iterator[datetime]:
    """Start of the hour of each story of a plan."""
    hours = [plan.starts_at + timedelta(hours=hour) for hour in range(plan.hours)]
    weights = [SHAPES[plan.shape](hour, at) for hour, at in enumerate(hours)]
    due = 0.0
    for at, weight in zip(hours, weights, strict=True):
        before, due = due, due + plan.stories * weight / sum(weights)
        yield from [at] * (round(due) - round(before))


def plan_news(random: Random) -> list[Moment]:
    """When each story breaks, planted or not, in order."""
    moments: list[Moment] = []
    weights = [sum(hours[hour] for hours in HOURS.values()) for hour in range(24)]
    for hour in range(DAYS * 24):
        at = START + timedelta(hours=hour)
        expected = STORIES_PER_WEEKDAY * WEEK[at.weekday()] * weights[at.hour] / sum(weights)
        expected *= BUSY_FACTOR if hour // 24 == BUSY_DAY else 1.0
        count = sum(random.random() < expected / 60 for _ in range(60))
        moments += [(at + timedelta(seconds=random.randrange(3600)), None) for _ in range(count)]
    for plan in (*SURGES, *DECOYS):
        moments += [(at + timedelta(seconds=random.randrange(3600)), plan) for at in plan_hours(plan)]
    return sorted(moments, key=lambda moment: moment[0])


def find_region(random: Random, at: datetime) -> str:
    """Where the news of this hour comes from."""
    return random.choices(list(HOURS), [hours[at.hour] for hours in HOURS.values()])[0]


def tell_news(random: Random, moments: Sequence[Moment]) -> Iterator[Story]:
    """The story of each moment."""
    desk = Desk(random)
    for at, plan in moments:
        language = "zh" if random.random() < CHINESE[find_region(random, at)] else "en"
        if plan is None:
            topic = random.choices(list(TOPICS), [share for share, _, _ in TOPICS.values()])[0]
            _, negative, positive = TOPICS[topic]
            tone = random.choices(("negative", "neutral", "positive"), (negative, 1 - negative - positive, positive))[0]
            others = random.sample(list(TOPICS), 3)  # when its own frames have all just been used
            keys = [(topic, tone, language), *((other, tone, "en") for other in (topic, *others))]
            yield desk.tell(at, keys, None, False)
            continue
        kind, _, name = plan.series.partition(":")
        topics = [name] if kind == "topic" else random.sample(list(TOPICS), len(TOPICS))
        company = random.choice(WATCH[name]["names"]) if kind == "company" else None
        if company and plan.name == "volkmar":
            company = WATCH[name]["names"][0]
        language = "zh" if company and not company.isascii() else "en" if company else language
        keys = [(topic, plan.tone, language) for topic in topics] + [(topics[0], plan.tone, "en")]
        if (plan.name,) in desk.frames:
            keys.insert(0 if random.random() < 0.65 else 1, (plan.name,))
        yield desk.tell(at, keys, company, True)


def choose_outlet(random: Random, language: str, at: datetime, used: set[str]) -> str:
    """Who prints it: awake outlets more likely than sleeping ones, each once per story."""
    names, weights = [], []
    for name, (_, offset, weight, spoken) in NAMES["outlets"].items():
        region = "asia" if offset >= 5 else "america" if offset <= -5 else "europe"
        if spoken == language and name not in used:
            names.append(name)
            weights.append(weight * (HOURS[region][at.hour] + 0.2))
    if not names:
        return random.choice([name for name, outlet in NAMES["outlets"].items() if outlet[3] == language])
    return random.choices(names, weights)[0]


def edit_title(random: Random, title: str, first: str, outlet: str, language: str) -> str:
    """The headline as another outlet prints it."""
    if language == "zh":
        edits = [title, f"【{outlet}】{title}", f"转载：{title}", f"{title}（来源：{first}）", f"快讯｜{title}"]
        return random.choices(edits, (4, 2, 2, 2, 1))[0]
    words = title.split()
    short = " ".join(words[: max(4, len(words) - random.randint(1, 3))]) + "…"
    titled = " ".join(word if word[0].isupper() else word.capitalize() for word in words)
    edits = [title, titled, f"{title} - {outlet}", f"UPDATE {random.randint(1, 3)}-{title}", f"({first}) {title}",
             short, f"{title} | {outlet}", title.upper(), f"BREAKING: {title}"]  # fmt: skip
    return random.choices(edits, (5, 3, 2, 2, 2, 1.5, 2, 0.5, 1))[0]


def edit_body(random: Random, body: str, first: str, at: datetime, language: str) -> str:
    """The text as another outlet prints it: with a dateline, cut, or with a credit line."""
    if language == "zh":
        edits = [body, f"{first}讯，{body}" if body else "", f"{body}（编辑整理）" if body else ""]
        return random.choices(edits, (4, 2, 2))[0]
    city = random.choice(NAMES["words"]["city"])
    if not body:
        return random.choice(("", "", f"As reported by {first}."))
    start = re.match(r".+?[.!?](?= |$)", body)
    edits = [body, f"{city.upper()}, {at:%b} {at.day} ({first}) - {body}", start[0] if start else body,
             f"{body} Reporting by {first}.", f"{body} This story was first published by {first}.",
             body.replace("%", " percent").replace(" and ", " as well as ", 1)]  # fmt: skip
    return random.choices(edits, (5, 3, 2, 2, 1, 2))[0]


def print_stories(random: Random, moments: Sequence[Moment], told: Sequence[Story]) -> list[Print]:
    """Every story as first printed, and its reprints: few have any, some have dozens."""
    prints = []
    for number, ((at, plan), story) in enumerate(zip(moments, told, strict=True)):
        language = story.frame.language
        first = choose_outlet(random, language, at, set())
        company = story.company if random.random() < 0.35 else None
        prints.append(Print(number, first, story.title, story.body, company, at, arrive(random, at)))
        storm = STORMS.get(plan.name) if plan else None
        copies = storm or (int(random.paretovariate(1.1)) % 45 if random.random() < 0.085 else 0)
        used = {first}
        for _ in range(copies):
            away = random.uniform(2, 170) if storm else random.expovariate(1 / 55) + 2
            later = at + timedelta(seconds=round(60 * (away if random.random() < 0.92 else random.uniform(60, 1440))))
            outlet = choose_outlet(random, language, later, used)
            used.add(outlet)
            title = edit_title(random, story.title, first, outlet, language)
            body = edit_body(random, story.body, first, later, language)
            prints.append(Print(number, outlet, title, body, company, later, arrive(random, later)))
    end = START + timedelta(days=DAYS)
    return sorted((item for item in prints if item.ingested_at < end), key=lambda item: item.ingested_at)


def arrive(random: Random, published_at: datetime) -> datetime:
    """When an item reaches the reader: mostly within minutes, seldom late, very seldom too late."""
    minutes = 0.3 + random.expovariate(1 / 3.5)
    chance = random.random()
    if chance < 0.06:
        minutes = random.uniform(15, 90)
    elif chance < 0.065:
        minutes = random.uniform(125, 300)
    return published_at + timedelta(seconds=round(60 * minutes))


def find_series(story: Story) -> list[str]:
    """Every series that the story counts in."""
    text = f"{story.title} {story.body}"
    companies = {key for name, key in WATCHED.items() if name in text}
    topics = [f"topic:{topic}" for topic in story.frame.topics]
    return ["overall", *topics, *(f"company:{key}" for key in sorted(companies))]


def list_surges(moments: Sequence[Moment], told: Sequence[Story]) -> Iterator[dict[str, str]]:
    """Each surge in its own series, and where else at least four of its stories show within its time."""
    for plan in SURGES:
        stories = [story for (_, planned), story in zip(moments, told, strict=True) if planned is plan]
        ends_at = plan.starts_at + timedelta(hours=plan.hours)
        row = {"series": plan.series, "starts_at": f"{plan.starts_at:%Y-%m-%dT%H:%M:%SZ}",
               "ends_at": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}", "strength": plan.strength, "shape": plan.shape,
               "note": f"{len(stories)} stories: {plan.note}"}  # fmt: skip
        yield row
        shown = Counter(series for story in stories for series in find_series(story))
        for series, count in sorted(shown.items()):
            if count >= 4 and series != plan.series:
                note = f"{count} stories of {plan.series}: {plan.note}"
                yield row | {"series": series, "strength": "side", "note": note}


def write_stream(folder: Path) -> None:
    """Write the three files."""
    moments = plan_news(Random(f"{SEED} plan"))
    told = list(tell_news(Random(f"{SEED} stories"), moments))
    prints = print_stories(Random(f"{SEED} prints"), moments, told)
    lines, labels = [], []
    for number, item in enumerate(prints):
        mark = hashlib.sha256(f"{SEED} {number}".encode()).hexdigest()[:10]
        domain, offset, _, _ = NAMES["outlets"][item.outlet]
        local = item.published_at.astimezone(timezone(timedelta(hours=offset)))
        record = {"id": mark, "source": item.outlet, "title": item.title, "body": item.body,
                  "url": f"https://{domain}.example/{mark}", "published_at": local.isoformat(),
                  "ingested_at": f"{item.ingested_at:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
        if item.company:
            record["entity"] = item.company
        lines.append(json.dumps(record, ensure_ascii=False))
        frame, plan = told[item.story].frame, moments[item.story][1]
        labels.append((mark, item.story, ";".join(frame.topics), frame.tone, plan.name if plan else ""))
    (folder / "stream.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    with (folder / "stream_labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("id", "story", "topics", "sentiment", "planted"), *labels])
    with (folder / "surges.csv").open("w", encoding="utf-8", newline="") as file:
        names = ("series", "starts_at", "ends_at", "strength", "shape", "note")
        table = csv.DictWriter(file, names, lineterminator="\n")
        table.writeheader()
        table.writerows(list_surges(moments, told))


if __name__ == "__main__":
    write_stream(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

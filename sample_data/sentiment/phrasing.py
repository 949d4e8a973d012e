"""Write news stories out of the hand-written parts in ``phrases/``: no two of the same days worded alike."""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
NAMES = tomllib.loads((HERE / "phrases" / "names.toml").read_text(encoding="utf-8"))
WATCH = tomllib.loads((HERE / "watch.toml").read_text(encoding="utf-8"))
WATCHED = {name: key for key, entry in WATCH.items() for name in entry["names"]}
ENDINGS = {"1": "st", "2": "nd", "3": "rd"}
MAX_OVERLAP = 0.3  # Jaccard similarity of three-word groups, between two stories of the same days
MAX_HEADLINE = 0.6  # share of a headline's groups that an earlier story of the same days may have


@dataclass(frozen=True)
class Frame:
    """One event that can be told: of which topics, in which tone, in which words."""

    topics: tuple[str, ...]
    tone: str
    plan: str
    headlines: tuple[str, ...]
    bodies: tuple[str, ...]

    @property
    def language(self) -> str:
        """``zh`` if its headline has Chinese characters."""
        return "zh" if re.search(r"[一-鿿]", self.headlines[0]) else "en"


@dataclass(frozen=True)
class Story:
    """What is told, without when and by whom."""

    frame: Frame
    title: str
    body: str
    company: str | None


def read_frames() -> list[Frame]:
    """All frames: a head ``- [topic|plan] tone|topics``, headlines ``>``, bodies ``:``."""
    frames = []
    for file in sorted((HERE / "phrases").glob("*.txt")):
        for block in re.split(r"^- ", file.read_text(encoding="utf-8"), flags=re.M)[1:]:
            head, *lines = block.strip().splitlines()
            words = head.split()
            if file.stem == "events":
                topics, tone, plan = tuple(words[1].split(";")), "negative", words[0]
            else:
                topics, tone, plan = (words[0] if len(words) == 2 else file.stem,), words[-1], ""
            said = [tuple(line[2:] for line in lines if line.startswith(mark)) for mark in (">", ":")]
            frames.append(Frame(topics, tone, plan, *said))
    return frames


class Pen:
    """Writes a frame out: chooses among ``(a|b)`` and fills ``{slots}``, one value per slot and story."""

    def __init__(self, random: Random, company: str | None, avoid_watched: bool) -> None:
        self.random, self.forced, self.company = random, company, None
        self.avoided = WATCHED.keys() if avoid_watched else set()
        self.values: dict[str, str] = {}
        self.currency = random.choices("$€£", (5, 3, 2))[0]

    def write(self, text: str) -> str:
        """One line of a frame as prose."""
        text = re.sub(r"\(([^()]*\|[^()]*)\)", lambda match: self.random.choice(match[1].split("|")), text)
        text = re.sub(r"\{([^{}]+)\}", lambda match: self._fill(match[1]), text)
        text = re.sub(r"\b(\d*)([123])(?<!1[123])th\b", lambda m: m[1] + m[2] + ENDINGS[m[2]], text)
        text = text.replace(" 2 times ", " twice ")
        return re.sub(r"(^|[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)

    def _fill(self, slot: str) -> str:
        kind, _, span = slot.partition(":")
        if span:
            return self._number(kind, *span.split("-"))
        base = kind.rstrip("2")
        if kind not in self.values or base == "day":
            self.values[kind] = self._name(base)
        return self.values[kind]

    def _number(self, kind: str, low: str, high: str) -> str:
        if kind in "nm":
            number = self.random.randint(int(low), int(high))
            is_year = int(low) >= 1900 and int(high) < 2100
            text = str(number) if is_year else f"{number:,}"
        else:
            text = f"{self.random.randint(round(float(low) * 10), round(float(high) * 10)) / 10:.1f}"
        return self.currency + text if kind in "mb" else text

    def _name(self, kind: str) -> str:
        if kind == "P":
            return f"{self.random.choice(NAMES['people']['given'])} {self.random.choice(NAMES['people']['family'])}"
        if kind == "周":
            return self.random.choice("一二三四五")
        for words in (NAMES["words"], NAMES["zh_words"]):
            if kind in words:
                return self._choose(words[kind])
        groups = NAMES["zh_companies"] if kind == "司" or kind in NAMES["zh_companies"] else NAMES["companies"]
        is_any = kind in ("C", "司")
        pool = [name for group, names in groups.items() for name in names if is_any or group == kind]
        if self.forced and self.company is None and self.forced in pool:
            chosen = self.forced
        else:
            chosen = self._choose([name for name in pool if name not in self.avoided] or pool)
        self.company = self.company or chosen
        return chosen

    def _choose(self, pool: Sequence[str]) -> str:
        """Some name that the story does not have yet; those on the watch list are twice as often in the news."""
        free = [name for name in pool if name not in self.values.values()]
        return self.random.choices(free, [2 if name in WATCHED else 1 for name in free])[0]


def shingles(text: str) -> frozenset[str]:
    """Groups of three words, or of three characters in Chinese."""
    parts = list(text) if re.search(r"[一-鿿]", text) else re.findall(r"\w+", text.casefold())
    return frozenset(" ".join(parts[i : i + 3]) for i in range(len(parts) - 2))


class Desk:
    """Writes the stories in the order of time, each unlike all others of the same days."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.frames: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
        for frame in read_frames():
            key = (frame.plan,) if frame.plan else (frame.topics[0], frame.tone, frame.language)
            self.frames[key].append(frame)
        self.decks: dict[tuple[str, ...], list[Frame]] = {}
        self.told: list[tuple[datetime, frozenset[str]]] = []
        self.where: dict[str, list[int]] = defaultdict(list)

    def _draw(self, key: tuple[str, ...]) -> Frame:
        """The next frame of a shuffled deck, so that each is used before one is used again."""
        deck = self.decks.get(key)
        if not deck:
            deck = self.decks[key] = self.random.sample(self.frames[key], len(self.frames[key]))
        return deck.pop()

    def tell(self, at: datetime, keys: Sequence[tuple[str, ...]], company: str | None, is_planted: bool) -> Story:
        """A new story: from the first deck of ``keys`` if that finds new words, else from the next."""
        for key in [key for key in keys for _ in range(10)]:
            frame = self._draw(key)
            story = self._write(frame, company, is_planted)
            is_about = company is None or story.company == company
            if is_about and self._is_new(at, story):
                break
        else:
            raise RuntimeError(f"no new words for {keys} at {at}: write more frames")
        self.told.append((at, shingles(f"{story.title} {story.body}")))
        for group in self.told[-1][1]:
            self.where[group].append(len(self.told) - 1)
        return story

    def _is_new(self, at: datetime, story: Story) -> bool:
        """Whether no story of the last 80 hours has many of its words, or most of its headline's."""
        whole, title = shingles(f"{story.title} {story.body}"), shingles(story.title)
        shared = Counter(number for group in whole for number in self.where.get(group, ()))
        for number, count in shared.items():
            when, others = self.told[number]
            if at - when < timedelta(hours=80):
                is_like = count / (len(whole) + len(others) - count) >= MAX_OVERLAP
                if is_like or len(title & others) >= MAX_HEADLINE * len(title):
                    return False
        return True

    def _write(self, frame: Frame, company: str | None, is_planted: bool) -> Story:
        random, pen = self.random, Pen(self.random, company, is_planted)
        title = pen.write(random.choice(frame.headlines))
        kept = sorted(random.sample(range(len(frame.bodies)), random.randint(1, len(frame.bodies))))
        lines = [pen.write(frame.bodies[index]) for index in kept]
        prefix = "zh_" if frame.language == "zh" else ""
        if random.random() < 0.45:
            tails = NAMES["tails"][prefix + frame.tone]
            tails = tails + NAMES["tails"][f"{prefix}{frame.tone}_company"] if pen.company else tails
            lines.append(pen.write(random.choice(tails)))
        if not prefix and random.random() < 0.12 and ":" not in title:
            title = random.choice(NAMES["around"]["before"]) + title
        elif not prefix and not frame.plan and random.random() < 0.1 and title[-1] not in "?!":
            title += pen.write(random.choice(NAMES["around"]["after"]))
        body = "" if random.random() < 0.1 else ("" if prefix else " ").join(lines)
        named = [name for name in (*WATCHED, pen.company) if name and name in title]
        return Story(frame, title, body, named[0] if named else None)

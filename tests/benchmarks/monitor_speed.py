"""Speed, delay and memory of the monitor: ``python -m tests.benchmarks.monitor_speed``.

    rate     a recorded stream out of a file, from its first line to the last commit: dedup, score, store, detect;
             the stub takes made-up headlines in, the model those of the sample stream
    delay    items come at half of that rate, some of them a surge: until they are stored, and until the webhook is told
    memory   200,000 items of 17 days, with a stub: resident memory every 20,000

``rate`` is measured beside scoring the same items alone, in turns, since that is the part that no
monitor can save; ``cpu_us`` is processor time per item over all threads, which other work on the
machine hardly changes. An alert is stored in the transaction of the item that raises it. Delay
counts from the moment an item was due, whether or not the monitor was ready for it.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from kits.sentiment.config import AlertConfig, Channel, NotifyConfig, SentimentConfig, SurgeConfig
from kits.sentiment.feed import Batch, Feed, Record, make_item
from kits.sentiment.feed.file import FileFeed
from kits.sentiment.item import Item
from kits.sentiment.monitor.process import Monitor, load_reader
from kits.sentiment.monitor.watch import WatchList
from kits.sentiment.reading import Reader
from kits.sentiment.store.store import open_store
from tests.benchmarks.monitor_crash import SAMPLE, train
from tests.databases import own_database
from tests.kits.sentiment.news import START, StubReader, make_records
from tests.receiver import Answer, Post, answer, open_receiver

PER_HOUR = 500.0
PAGE_BYTES = 4096


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000, help="for the stub; the model reads a quarter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long items come at half load")
    parser.add_argument("--memory-items", type=int, default=200_000)
    parser.add_argument("--per-hour", type=float, default=PER_HOUR, help="of the stream's clock, for the memory")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", choices=("stub", "model", "memory"))
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.only in (None, "stub"):
            records = make_records(options.items, per_hour=PER_HOUR)
            found["stub"] = measure(StubReader(), records, options, folder)
        if options.only in (None, "model"):
            reader = load_reader(train(folder), WatchList({}))
            found["model"] = measure(reader, read_headlines(options.items // 4), options, folder)
        if options.only in (None, "memory"):
            found["memory"] = measure_memory(options.memory_items, options.per_hour, options.store, folder)
    print(json.dumps(vars(options) | found, indent=1))


def read_headlines(count: int) -> list[dict[str, Any]]:
    """The first headlines of the sample stream, without what stands below them, coming as fast as those of the stub."""
    with (SAMPLE / "stream.jsonl").open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in islice(stream, count)]
    records = []
    for number, row in enumerate(rows):
        at = (START + timedelta(hours=number / PER_HOUR)).isoformat()
        records.append({"published_at": at, "ingested_at": at, **{key: row[key] for key in ("id", "source", "title")}})
    return records


def measure(
    reader: Reader, records: Sequence[dict[str, Any]], options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Rate and delay with one reader."""
    count = len(records)
    source = write_records(folder / "stream.jsonl", records)
    items = [item for record in records if isinstance(item := to_item(record), Item)]
    reader.read(items[:256])
    rounds = []
    for _ in range(options.rounds):
        alone = score_alone(reader, items)
        rounds.append(take_in(reader, FileFeed(source, follow=False), count, options.store, folder) | alone)
    medians = {key: round(statistics.median(found[key] for found in rounds), 1) for key in rounds[0]}
    medians["share_of_scoring_alone"] = round(medians["items_per_second"] / medians["scored_alone_per_second"], 3)
    rate = medians["items_per_second"] / 2
    return {"rate": medians, "delay": measure_delay(reader, rate, options.seconds, options.store, folder)}


def score_alone(reader: Reader, items: Sequence[Item]) -> dict[str, float]:
    """Items per second that are read, and nothing else."""
    begun = time.perf_counter()
    for start in range(0, len(items), 256):
        reader.read(items[start : start + 256])
    return {"scored_alone_per_second": len(items) / (time.perf_counter() - begun)}


def take_in(reader: Reader, feed: Feed, count: int, kind: str, folder: Path) -> dict[str, float]:
    """Items per second that are taken in, and processor time for each."""
    with tempfile.TemporaryDirectory(dir=folder) as name, own_database(kind, Path(name)) as url:
        store = open_store(url)
        monitor = Monitor(store, Path("model"), lambda _: reader, [feed], make_settings())
        begun, used = time.perf_counter(), time.process_time()
        monitor.run(once=True, is_replay=True)
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        store.engine.dispose()
    return {"items_per_second": count / seconds, "cpu_us": 1e6 * used / count}


def measure_delay(reader: Reader, rate: float, seconds: float, kind: str, folder: Path) -> dict[str, Any]:
    """Seconds until items are stored, and until an alert reaches the webhook, when so many come in a second."""
    now = datetime.now(UTC)
    history = make_records(2_400, per_hour=24.0, start=now - timedelta(hours=100))
    surging = make_records(int(rate * seconds), seed=1, per_hour=rate * 3600.0, start=now, surges=(0.3,))
    for number, record in enumerate(surging):  # they happen as they come
        surging[number] = {"id": f"live {number}", "title": record["title"], "source": record["source"]}
    write_records(folder / "history.jsonl", history)
    with (
        open_receiver() as receiver,
        tempfile.TemporaryDirectory(dir=folder) as name,
        own_database(kind, Path(name)) as url,
    ):
        told: list[float] = []
        receiver.answers = [note_time(told)]
        store = open_store(url)
        settings = make_settings(f"http://127.0.0.1:{receiver.port}/")
        past = FileFeed(folder / "history.jsonl", follow=False)
        Monitor(store, Path("model"), lambda _: reader, [past], settings).run(once=True, is_replay=True)
        feed = TimedFeed(surging, rate)
        monitor = Monitor(store, Path("model"), lambda _: reader, [feed], settings)
        thread = Thread(target=monitor.run)
        thread.start()
        feed.wait(seconds + 120.0)
        receiver.wait_for(1, 60.0)
        monitor.stop()
        thread.join()
        store.engine.dispose()
    delays = np.array(feed.delays)
    return {
        "per_second": round(rate, 1),
        "items": len(delays),
        "p50": round(float(np.percentile(delays, 50)), 3),
        "p99": round(float(np.percentile(delays, 99)), 3),
        "most": round(float(delays.max()), 3),
        "alerts_told": len(told),
        "most_until_told": round(max(told), 3),
    }


def note_time(told: list[float]) -> Answer:
    """Answer well, and note how many seconds after the item that made the message it arrives."""

    def give(handler: BaseHTTPRequestHandler, post: Post) -> None:
        told.append(time.time() - datetime.fromisoformat(json.loads(post.body)["at"]).timestamp())
        answer(200)(handler, post)

    return give


def measure_memory(count: int, per_hour: float, kind: str, folder: Path) -> dict[str, Any]:
    """Resident memory while so many items are taken in."""
    feed = WatchedFeed(count, per_hour, every=max(1, count // 10))
    found = take_in(StubReader(), feed, count, kind, folder)
    return {"items_per_second": round(found["items_per_second"], 1), "items": feed.marks, "megabytes": feed.megabytes}


def make_settings(hook: str | None = None) -> SentimentConfig:
    """As they are, but for a channel."""
    channels = () if hook is None else (Channel(name="desk", url=hook, secret="key"),)
    return SentimentConfig(
        surge=SurgeConfig(),
        alert=AlertConfig(),
        notify=NotifyConfig(channels=channels, allow_private=True),
    )


def write_records(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def to_item(record: dict[str, Any]) -> Any:
    """As a feed would make it."""
    settings = SentimentConfig()
    return make_item(Record(record, ""), "stream", settings.data, datetime.now(UTC), is_trusted_time=True)


class TimedFeed:
    """Items that come at a rate, whether or not somebody takes them.

    Args:
        records: What comes.
        rate: So many in a second.

    Attributes:
        delays: Seconds from when each was due until it was kept.
    """

    name = address = "timed"
    pause_seconds = 0.0

    def __init__(self, records: Sequence[dict[str, Any]], rate: float) -> None:
        self._records, self._rate = records, rate
        self._begun: float | None = None
        self._given = 0
        self.delays: list[float] = []

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """What is due by now; at first one item, since a start is not what is measured."""
        if self._begun is None:
            self._given = 1
            return Batch((Record(self._records[0], ""),), "1", is_last=False, acknowledge=self._begin)
        due = min(int((time.perf_counter() - self._begun) * self._rate), len(self._records))
        if due <= self._given:
            time.sleep(0.005)
            return Batch((), cursor, is_last=False)
        start, stop = self._given, min(due, self._given + limit)
        self._given = stop
        records = tuple(Record(record, "") for record in self._records[start:stop])
        return Batch(records, str(stop), is_last=False, acknowledge=lambda: self._keep(start, stop))

    def _begin(self) -> None:
        self._begun = time.perf_counter()

    def _keep(self, start: int, stop: int) -> None:
        now = time.perf_counter() - (self._begun or 0.0)
        self.delays += [now - number / self._rate for number in range(start, stop)]

    def wait(self, seconds: float) -> None:
        """Until all are kept."""
        deadline = time.monotonic() + seconds
        while len(self.delays) < len(self._records) - 1 and time.monotonic() < deadline:
            time.sleep(0.05)

    def close(self) -> None:
        """Nothing is open."""


class WatchedFeed:
    """A long stream, made as it is read, that notes how much memory the process has.

    Args:
        count: Of its items.
        per_hour: How many arrive in an hour of the stream.
        every: After so many memory is looked at.
    """

    name = address = "watched"
    pause_seconds = 0.0

    def __init__(self, count: int, per_hour: float, every: int) -> None:
        self._count, self._per_hour, self._every = count, per_hour, every
        self.marks: list[int] = []
        self.megabytes: list[float] = []

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """The next ones."""
        start = int(cursor or 0)
        stop = min(start + limit, self._count)
        if start >= len(self.marks) * self._every:
            gc.collect()
            self.marks.append(start)
            self.megabytes.append(round(resident_megabytes(), 1))
        chunk = make_chunk(start, stop, self._per_hour)
        return Batch(tuple(Record(record, "") for record in chunk), str(stop), is_last=stop == self._count)

    def close(self) -> None:
        """One last look."""
        self.marks.append(self._count)
        self.megabytes.append(round(resident_megabytes(), 1))


def make_chunk(start: int, stop: int, per_hour: float) -> list[dict[str, Any]]:
    """Some records of an endless stream."""
    begins = START + timedelta(hours=start / per_hour)
    made = make_records(stop - start, seed=start, per_hour=per_hour, start=begins)
    return [record | {"id": f"w{start}-{record['id']}"} for record in made]


def resident_megabytes() -> float:
    """Memory of this process that is in RAM now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_BYTES / 1e6


if __name__ == "__main__":
    sys.exit(main())

"""Kills and starves the monitor, and counts: ``python -m tests.benchmarks.monitor_crash --kills 200 --items 10000``.

A stream is taken in by a monitor that is killed with SIGKILL at random moments, from its first
instruction on, while its two webhooks answer well, with 500, not at all, with garbage and by hanging
up. Then other monitors lose their database for ``--outage`` seconds, and run out of disk. Each time
all tables must hold what they hold after one run that nothing disturbed, and each message must have
arrived under one Idempotency-Key.

A twentieth of the items is read by a trained model, the others by a stub. PostgreSQL is a server of its
own (``initdb`` and ``pg_ctl`` have to be installed). The full disk is a small file system where one
may be mounted, else a limit on the size of files.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any

from tests.cluster import Cluster, give_away, own_cluster
from tests.kits.sentiment.monitor import ordeal
from tests.kits.sentiment.monitor.ordeal import Gauge, Rows, Trial
from tests.receiver import Receiver, open_receiver

SAMPLE = Path(__file__).parents[2] / "sample_data" / "sentiment"
EARLY = 0.15  # share of the kills that hit a monitor before it works
PACE = 3_000  # items a second on a fast machine; on a slower one the kills come later from one to the next
PATIENCE_SECONDS = 1_800.0


def main() -> None:
    """Do all of it on one kind of database, and print one JSON object; 1 if anything was lost or came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--outage", type=float, default=30.0)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, open_ground(options.store, Path(name)) as ground:
        few, most = (options.items // 20, options.kills // 20), (options.items * 19 // 20, options.kills * 19 // 20)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "killed": lambda: ground.kill(*most, seed=options.seed),
            "database away": lambda: ground.take_away(options.items // 5, options.outage),
            "disk full": lambda: ground.fill_disk(options.items // 5, options.outage),
            "killed, trained model": lambda: ground.kill(*few, train(Path(name)), options.seed + 1),
        }
        results = {}
        for part, prove in parts.items():
            results[part] = prove()
            print(part, json.dumps(results[part]), file=sys.stderr, flush=True)
    print(json.dumps(vars(options) | {"results": results}, indent=1))
    sys.exit(any(is_bad(result) for result in results.values()))


def is_bad(result: dict[str, Any]) -> bool:
    """Whether anything is not as it must be."""
    faults = ("lost", "twice", "alerts_twice", "tables_that_differ", "not_told", "told_without_a_row")
    return any(result[name] for name in (*faults, "keys_with_two_bodies", "told_twice_after_keys"))


def train(folder: Path) -> Path:
    """A model learnt from the sample data: the packaged encoder and a linear head."""
    command = [sys.executable, "-m", "kits.sentiment", "train", "--data", str(SAMPLE / "train.csv")]
    command += ["--out", str(folder / "model"), "--set", "train.rungs=probe", "--set", "evaluate.bootstrap_samples=50"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "model"


@contextmanager
def open_ground(kind: str, folder: Path, **options: Any) -> Iterator[Ground]:
    """Where trials are made: on SQLite files, or on a PostgreSQL server of one's own."""
    folder.chmod(0o755)  # the server is another user
    with own_cluster() if kind == "postgresql" else nullcontext() as cluster:
        yield Ground(folder, cluster, **options)


class Ground:
    """Where trials are made.

    Args:
        folder: For files.
        cluster: A server; None: SQLite.
        options: Of all trials.
    """

    def __init__(self, folder: Path, cluster: Cluster | None, **options: Any) -> None:
        self._folder, self._cluster, self._options, self._count = folder, cluster, options, 0

    def kill(self, items: int, kills: int, model: Path = ordeal.STUB, seed: int = 0) -> dict[str, Any]:
        """Kill a monitor so often while it takes in so many items, then let it end."""
        chance = random.Random(seed)
        with open_receiver() as receiver:
            receiver.answers = [ordeal.be_moody(receiver)]
            trial, keys, undisturbed = self._prepare(items, receiver, model)
            gauge = Gauge(trial.store)
            span, restarts, during = items / (kills + 1) / PACE, 0, 0
            while restarts < kills:
                before = gauge.count()
                kill_once(trial, chance, span)
                restarts += 1
                took, wanted = gauge.count() - before, (items - before) / (kills - restarts + 1)
                during += before + took < items
                if restarts % 10 == 0:
                    print(f"{restarts} kills, {before + took} items", file=sys.stderr, flush=True)
                if wanted > 0:  # spread the kills over the stream
                    span = min(max(span * min(max((wanted + 1) / (took + 1), 0.3), 1.5), 0.001), 5.0)
            finish(trial, gauge)
            gauge.close()
            return {"kills": kills, "while_it_took_in": during} | self._judge(trial, undisturbed, keys, receiver)

    def take_away(self, items: int, seconds: float) -> dict[str, Any]:
        """Stop the server, or lock the file, in the middle."""
        with open_receiver() as receiver:
            receiver.answers = [ordeal.be_moody(receiver)]
            trial, keys, undisturbed = self._prepare(items, receiver)
            gauge = Gauge(trial.store)
            process, _ = ordeal.start(trial)
            wait_until(lambda: gauge.count() >= items // 3)
            with self._away(trial):
                wait(seconds)
                is_alive = process.is_alive()
            finish(trial, gauge, process)
            gauge.close()
            facts = {"away_seconds": seconds, "waited_alive": is_alive}
            return facts | self._judge(trial, undisturbed, keys, receiver)

    def fill_disk(self, items: int, seconds: float, *, may_mount: bool = True) -> dict[str, Any]:
        """Let the disk be full in the middle, and make room after some seconds."""
        with open_receiver() as receiver:
            receiver.answers = [ordeal.be_moody(receiver)]
            trial, keys, undisturbed = self._prepare(items, receiver)
            size = 1_500_000 if items > 1000 else 700_000
            with small_disk(self._folder / f"disk{self._count}", size) if may_mount else nullcontext() as grow:
                how = "file size limit" if grow is None else "small file system"
                trial = self._confine(trial, grow is not None, size)
                gauge = Gauge(trial.store)
                process, _ = ordeal.start(trial)
                wait_until(lambda: gauge.count() > 0)
                wait(seconds)
                full_at, is_alive = gauge.count(), process.is_alive()
                if grow is None:
                    prlimit(process.pid or 0, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
                    trial = replace(trial, most_file_bytes=None)
                else:
                    grow()
                finish(trial, gauge, process)
                gauge.close()
                facts = {"how": how, "full_seconds": seconds, "full_at": full_at, "waited_alive": is_alive}
                return facts | self._judge(trial, undisturbed, keys, receiver)

    def _prepare(self, items: int, receiver: Receiver, model: Path = ordeal.STUB) -> tuple[Trial, list[str], Rows]:
        self._count += 1
        folder = self._folder / f"trial{self._count}"
        folder.mkdir()
        keys = ordeal.write_stream(folder / "stream.jsonl", items)
        store = f"sqlite:///{folder / 'monitor.db'}"
        if self._cluster is not None:
            self._cluster.execute(f"CREATE DATABASE trial{self._count}")
            store = f"{self._cluster.url.rpartition('/')[0]}/trial{self._count}"
        hook = f"http://127.0.0.1:{receiver.port}/desk"
        trial = Trial(folder / "stream.jsonl", store, hook, model, **self._options)
        return trial, keys, ordeal.run_undisturbed(trial, folder)

    def _confine(self, trial: Trial, is_mounted: bool, size: int) -> Trial:
        """Let the trial keep its tables where there is little room."""
        disk = self._folder / f"disk{self._count}"
        if not is_mounted:
            return replace(trial, most_file_bytes=size)
        if self._cluster is None:
            return replace(trial, store=f"sqlite:///{disk / 'monitor.db'}")
        space = f"small{self._count}"
        (disk / "space").mkdir()
        give_away(disk / "space")
        self._cluster.execute(f"CREATE TABLESPACE {space} LOCATION '{disk / 'space'}'")
        database = trial.store.rpartition("/")[2]
        self._cluster.execute(f"ALTER DATABASE {database} SET default_tablespace = '{space}'")
        return trial

    @contextmanager
    def _away(self, trial: Trial) -> Iterator[None]:
        if self._cluster is not None:
            self._cluster.stop()
            yield
            self._cluster.start()
            return
        holder = sqlite3.connect(trial.store.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")
        holder.close()

    def _judge(self, trial: Trial, undisturbed: Rows, keys: list[str], receiver: Receiver) -> dict[str, Any]:
        return ordeal.compare(ordeal.read_rows(trial.store), undisturbed, keys, receiver)


def kill_once(trial: Trial, chance: random.Random, span: float) -> None:
    """Start a monitor and kill it, at a random moment of its work or of its start."""
    process, begun = ordeal.start(trial)
    if chance.random() < EARLY:
        wait(chance.random() * 0.3)
    else:
        begun.poll(PATIENCE_SECONDS)
        process.join(chance.random() * 2 * span)
    process.kill()
    process.join()
    begun.close()


def finish(trial: Trial, gauge: Gauge, process: Any = None) -> None:
    """Let a monitor come to the end of the stream, and deliver what is left."""
    process = process or ordeal.start(trial)[0]
    while True:
        process.join(PATIENCE_SECONDS)
        if process.exitcode != 0:
            said = trial.source.with_suffix(".log").read_text(encoding="utf-8")
            raise RuntimeError(f"the monitor ended with {process.exitcode}: {said[-2000:]}")
        if not gauge.undelivered():
            return
        wait(1.0)
        process, _ = ordeal.start(trial)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[], None] | None]:
    """A small file system that can be made larger; None where one may not mount any."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        yield None
        return

    def grow() -> None:
        subprocess.run(["mount", "-o", "remount,size=1g", str(folder)], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def wait(seconds: float) -> None:
    """Let time pass: what is measured here is time."""
    time.sleep(seconds)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again.

    Raises:
        TimeoutError: It did not come to be.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        wait(0.01)


if __name__ == "__main__":
    main()

"""Kill a writer again and again, and compare what it left: ``python -m tests.core.index.crash --kills 100``.

A second process writes one step after the other, each of which follows from its number, and tells
the number when the step is done. It is killed with SIGKILL at a random moment. What is found must be
the state after the last step that was told, or after the one that was under way.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.index import plan
from core.index.index import Index, open_index
from core.index.writer import Writer, open_writer
from tests.core.index.oracle import Oracle, make_documents, make_vectors

ROOT = Path(__file__).parents[3]
DIMENSION = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of many kills: steps done, and how many kills hit a step that then was or was not done."""

    kills: int
    steps: int
    generations: int
    done: int
    undone: int


def make_step(step: int) -> tuple[list[int], list[str]]:
    """Which documents a step puts, and which ids it deletes."""
    chosen = random.Random(step)
    put = chosen.sample(range(200), k=chosen.choice([0, 1, 1, 3, 30]))
    return put, [f"id {number} 号" for number in chosen.sample(range(200), k=chosen.choice([0, 1, 5]))]


def write_forever(folder: Path, first: int) -> None:
    """Do steps from a number on, and tell each when it is done. Ends by being killed."""
    os.fsync = lambda descriptor: None  # the system outlives the process and keeps what was written
    plan.JOURNAL_ROWS = 40
    with open_writer(folder, dimension=DIMENSION) as writer:
        print("ready", flush=True)
        step = first
        while True:
            do_step(writer, step)
            print(step, flush=True)
            step += 1


def do_step(writer: Writer, step: int) -> None:
    """One change, and now and then a compaction."""
    put, deleted = make_step(step)
    writer.change(make_documents(put, step), make_vectors(len(put), step, DIMENSION), deleted)
    if step % 25 == 24:
        writer.compact()


def kill_often(folder: Path, kills: int, seed: int = 0) -> Outcome:
    """Kill a writer so many times.

    Raises:
        AssertionError: What was found is no state that may be there.
    """
    chance, oracle, step, done = random.Random(seed), Oracle(), 0, 0
    for _ in range(kills):
        told = step + _kill_once(folder, step, chance)
        while step < told:
            _follow(oracle, step)
            step += 1
        index = open_index(folder)
        if not agrees(index, oracle):
            _follow(oracle, step)
            step, done = step + 1, done + 1
            assert agrees(index, oracle), f"neither the state after step {step - 1} nor after the one before"
        assert index.check() == []
    return Outcome(kills, step, index.version[0], done, kills - done)


def agrees(index: Index, oracle: Oracle) -> bool:
    """Whether an index holds what an oracle holds."""
    if {document.id: document for document in index.documents()} != oracle.documents:
        return False
    names = list(oracle.documents)
    expected = np.array([oracle.vectors[name] for name in names]).reshape(-1, DIMENSION)
    return bool(np.allclose(index.vectors(names), expected, atol=1e-6))


def _follow(oracle: Oracle, step: int) -> None:
    put, deleted = make_step(step)
    oracle.change(make_documents(put, step), make_vectors(len(put), step, DIMENSION), deleted)


def _kill_once(folder: Path, first: int, chance: random.Random) -> int:
    """Start a writer and kill it; returns how many steps it told."""
    command = [sys.executable, "-m", "tests.core.index.crash", "--folder", str(folder), "--first", str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(chance.randrange(40))]
        with suppress(subprocess.TimeoutExpired):  # anywhere within the next step
            process.wait(timeout=chance.random() * 0.01)
        process.kill()
        lines += process.stdout.readlines()
    return sum(line.endswith("\n") for line in lines)


def main() -> None:
    """Kill, and print the outcome as one JSON object; with ``--folder``, write there until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    if options.folder:
        write_forever(options.folder, options.first)
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(asdict(kill_often(Path(name), options.kills)), indent=1))


if __name__ == "__main__":
    main()

"""Kills the process that changes the knowledge, again and again, and looks whether index and database agree."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.kits.support.crash import open_follower

ROOT = Path(__file__).parents[3]
MOST_STEPS, MOST_SECONDS = 12, 0.02


def kill_often(database: str, folder: Path, kills: int, seed: int = 0) -> Iterator[tuple[int, int, list[str]]]:
    """Yields after each kill the changes in the database, those that the index had, and what is wrong afterwards."""
    rng = random.Random(seed)
    for number in range(kills):
        command = [sys.executable, "-m", "tests.kits.support.crash", database, str(folder), str(seed + number)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(rng.randint(1, MOST_STEPS)):
            assert child.stdout.readline()
        pause = time.monotonic() + rng.uniform(0, MOST_SECONDS)
        while time.monotonic() < pause:  # any moment is as good as any other
            pass
        child.kill()
        child.wait()
        child.stdout.close()
        follower = open_follower(database, folder)
        changes, followed = follower.shelf.last(), follower.followed
        follower.follow()
        faults = follower.compare()
        follower.close()
        follower.shelf.store.engine.dispose()
        yield changes, followed, faults

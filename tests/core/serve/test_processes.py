"""Several processes on one address: they share the work, are replaced when they die, and end with their parent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from core.config import ServeConfig
from core.errors import ConfigError
from core.serve.processes import count_cores
from core.serve.start import serve
from tests.core.serve.site import add_key, keys, open_tables

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 30.0


class Family:
    """A parent, and what its processes say.

    Args:
        folder: Of the database.
        options: More words of the command.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        engine = open_tables(folder)
        self.key = add_key(engine)
        engine.dispose()
        command = [sys.executable, "-m", "tests.core.serve.many", str(folder), "2", *options]
        self.parent = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)

    def ask(self, path: str) -> str:
        """One answer, over a connection of its own."""
        (address,) = re.findall(r"http://[\d.:]+", (self.folder / "parent").read_text(encoding="utf-8"))
        request = Request(f"{address}{path}", headers={"authorization": f"Bearer {self.key}"})
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return str(answer.read().decode())

    def find_pids(self) -> set[int]:
        """Who answers, over many connections, until both do."""
        pids: set[int] = set()

        def ask() -> bool:
            with suppress(OSError):  # not there yet, or killed in the middle of an answer
                pids.update({int(self.ask("/pid")) for _ in range(12)})
            return len(pids) > 1

        wait_for(ask)
        return pids


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    started = Family(tmp_path)
    try:
        started.find_pids()
        yield started
    finally:
        started.parent.kill()
        started.parent.communicate()


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_connections_are_shared_and_counted_together(family: Family) -> None:
    pids = family.find_pids()
    assert family.parent.pid not in pids
    texts = {family.ask("/metrics") for _ in range(12)}
    counts = [float(re.findall(r'http_requests_total\{.*route="/pid".*\} (\S+)', text)[0]) for text in texts]
    assert set(counts) == {max(counts)}  # whichever of the two shows them
    assert max(counts) >= 12


def test_each_computes_with_its_share_of_the_cores(family: Family) -> None:
    assert family.ask("/threads") == f'"{max(1, count_cores() // 2)}"'


def test_told_to_stop_all_end_and_nothing_is_broken_off(family: Family) -> None:
    pids = family.find_pids()
    family.parent.terminate()
    assert family.parent.wait(PATIENCE_SECONDS) == 0
    assert not any(map(is_alive, pids))


def test_orphans_end_by_themselves(family: Family) -> None:
    pids = family.find_pids()
    family.parent.kill()
    family.parent.wait()
    wait_for(lambda: not any(map(is_alive, pids)))


def test_one_that_dies_soon_ends_all(family: Family) -> None:
    first = family.find_pids()
    os.kill(min(first), signal.SIGKILL)
    _, fault = family.parent.communicate(timeout=PATIENCE_SECONDS)
    assert family.parent.returncode != 0
    assert "a process of the server ended while it started, got 'exit status -9'" in fault
    wait_for(lambda: not any(map(is_alive, first)))


def test_one_that_dies_later_is_replaced(tmp_path: Path) -> None:
    family = Family(tmp_path, "old")
    try:
        first = family.find_pids()
        os.kill(min(first), signal.SIGKILL)
        wait_for(lambda: not is_alive(min(first)))
        assert family.find_pids() & first == {max(first)}
    finally:
        family.parent.terminate()
        family.parent.communicate(timeout=PATIENCE_SECONDS)


def test_process_that_cannot_start_ends_all(tmp_path: Path) -> None:
    family = Family(tmp_path, "fail")
    _, fault = family.parent.communicate(timeout=PATIENCE_SECONDS)
    assert family.parent.returncode == 1
    assert "ServeError: a process of the server ended while it started, got 'exit status 3'" in fault


def test_several_need_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"serve.processes: several processes need an API key.*verb key"):
        serve(open_tables(tmp_path), keys, ServeConfig(port=0), lambda _: pytest.fail("built"), processes=2)

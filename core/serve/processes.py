"""Several processes that answer on one address: a parent starts them, replaces what dies, and ends them.

    serve ─▶ the address ─▶ the same command again, once for each process, with the address handed down

Python computes on one core for each process. Nothing is shared but the address, the database, what is
counted, and how many connections each holds, so only a kit whose processes follow the database may be
served like this. Each process loads the model for itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from core.console import logger
from core.errors import ConfigError, ServeError
from core.serve.share import Shares

HANDED_DOWN = "FIELDKITS_LISTENER"
PLACE, SHARES = "FIELDKITS_PLACE", "shares"
COUNTERS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own name for where processes put their counters together
THREADS = "OMP_NUM_THREADS"  # OpenMP's own name for how many threads torch may work with
LOOK_SECONDS, RESTART_SECONDS, YOUNG_SECONDS = 0.2, 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a process has of its parent.

    Attributes:
        listener: The address that the parent has taken.
        shares: What each process holds of its connections.
        parent: Its process number.
    """

    listener: socket.socket
    shares: Shares
    parent: int

    def goes_on(self) -> bool:
        """Whether the parent still lives: nobody else would replace this process, or end it."""
        return os.getppid() == self.parent


def inherit() -> Inheritance | None:
    """What the parent has handed down; None in a process that is no child of ``run_processes``."""
    number = os.environ.pop(HANDED_DOWN, None)
    if number is None:
        return None
    listener = socket.socket(fileno=int(number))
    listener.set_inheritable(False)
    shares = Shares(Path(os.environ[COUNTERS]) / SHARES, int(os.environ.pop(PLACE)))
    return Inheritance(listener, shares, os.getppid())


def run_processes(listener: socket.socket, count: int) -> None:
    """Answer in so many processes until SIGTERM or Ctrl-C.

    Args:
        listener: As ``bind`` gives it.
        count: Of the processes.

    Raises:
        ConfigError: The system cannot hand an address down.
        ServeError: A process could not start; it has said why.
    """
    if os.name != "posix":
        raise ConfigError("this system serves with one process only", where="serve.processes", got=count, expected="1")
    with tempfile.TemporaryDirectory() as folder, _told_to_stop() as stop:
        family = _Family(listener, count, folder)
        try:
            while not stop.wait(LOOK_SECONDS):
                family.look_after()
        finally:
            family.end()


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Family:
    """The processes of one address."""

    def __init__(self, listener: socket.socket, count: int, folder: str) -> None:
        self._listener, self._folder = listener, Path(folder)
        self._began = time.monotonic()
        self._threads = str(max(1, count_cores() // count))
        Shares.create(self._folder / SHARES, count)
        self._children = [self._start(place) for place in range(count)]

    def look_after(self) -> None:
        """Replace what has died.

        Raises:
            ServeError: It died before any of them can have been of use.
        """
        for place, child in enumerate(self._children):
            if (status := child.poll()) is None:
                continue
            self._forget(place, child)
            if time.monotonic() - self._began < YOUNG_SECONDS:
                raise ServeError("a process of the server ended while it started", got=f"exit status {status}")
            logger.warning("a process of the server ended with status %s; another one takes its place", status)
            time.sleep(RESTART_SECONDS)
            self._children[place] = self._start(place)

    def end(self) -> None:
        """Let all answer what they were asked, and wait for them."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait()

    def _start(self, place: int) -> subprocess.Popen[bytes]:
        number = self._listener.fileno()
        own = {HANDED_DOWN: str(number), PLACE: str(place), COUNTERS: str(self._folder)}
        environment = {THREADS: self._threads} | os.environ | own
        return subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=environment, pass_fds=[number])

    def _forget(self, place: int, child: subprocess.Popen[bytes]) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        Shares(self._folder / SHARES, place).leave()
        mark_process_dead(child.pid, str(self._folder))  # type: ignore[no-untyped-call]  # its gauges; what it has counted stays counted


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set when this process is told to end, so that it does not die before its children."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""A PostgreSQL server of one's own, which may be stopped and started: the shared one never is."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy

SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nmax_connections = 40\n"


@dataclass(frozen=True)
class Cluster:
    """A server with its data in a folder.

    Attributes:
        folder: Of the data.
        port: On 127.0.0.1.
    """

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Of its database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.folder / "server.log"
        _run("pg_ctl", "start", "-w", "-s", "-D", str(self.folder), "-l", str(log), "-o", f"-p {self.port}")

    def stop(self) -> None:
        """Stop it as a crash would: nobody is told, nothing is finished."""
        _run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", str(self.folder))

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction."""
        engine = sqlalchemy.create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(statement))
        engine.dispose()


def find_programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` are; None if they are not installed."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """A server that runs, and is gone afterwards."""
    with TemporaryDirectory(prefix="postgresql-") as name:
        folder = Path(name)
        give_away(folder)
        yield from _run_server(folder)


def _run_server(folder: Path) -> Iterator[Cluster]:
    _run("initdb", "-D", str(folder), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    cluster = Cluster(folder, port)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def give_away(folder: Path) -> None:
    """Let the server own a folder; it refuses to run as root."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o700)


def _run(program: str, *arguments: str) -> None:
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL's initdb and pg_ctl are not installed")
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    subprocess.run(
        [str(programs / program), *arguments],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
    )

"""How long a customer waits: replies over HTTP with 1 and with 16 customers at once, on the sample's assistant.

    python -m tests.benchmarks.support_speed --assistant work/assistant --seconds 20

Customers write one message after the other, each in conversations of their own, without a pause. No text
is asked twice, so that none is answered out of what was kept of the one before.
The index at 1,000 to 1,000,000 passages is measured by ``tests.benchmarks.index_speed``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.benchmarks.measuring import wait_until_ready

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data" / "support"
TEXTS = (SAMPLE / "train.csv", SAMPLE / "test.csv")
CUSTOMERS = {1: 0.3, 16: 0.7}  # and the share of the texts that they ask
WARMING = 64  # texts, so that what is loaded on first use is loaded
TURNS = 4  # of each conversation
IDLE_SHARE = 0.05  # of a core


def start(assistant: Path, place: Path, processes: int) -> tuple[subprocess.Popen[str], int, str]:
    """A server of so many processes beside this one: the process that was started, its port, and a key."""
    store = f"sqlite:///{place / 'speed.db'}"
    command = [sys.executable, "-m", "kits.support"]
    key = subprocess.run(
        [*command, "key", "--assistant", str(assistant), "--store", store, "--name", "speed", "--scopes", "write,read"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    server = subprocess.Popen(
        [*command, "serve", "--assistant", str(assistant), "--store", store, "--set", "serve.port=0",
         "--set", "serve.max_concurrent=64", "--set", f"serve.processes={processes}"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            threading.Thread(target=server.stderr.read, daemon=True).start()
            wait_until_ready(int(found[1]))  # it says where it will be before it is there
            return server, int(found[1]), key
    raise SystemExit("the server did not start")


class Customer:
    """One customer, from one message to the next, over a connection that stays open.

    Args:
        port: Of the server.
        key: An API key.
        name: What their conversations' names begin with.
        texts: What they write.
    """

    def __init__(self, port: int, key: str, name: str, texts: Sequence[str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        bodies = [json.dumps({"text": text}).encode() for text in texts]
        self._requests = [
            f"POST /conversations/{name}-{position // TURNS}/messages HTTP/1.1\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            for position, body in enumerate(bodies)
        ][::-1]
        self._got, self._begun = b"", 0.0

    def write(self) -> bool:
        """Send the next message; False when there is none."""
        if not self._requests:
            return False
        self._got, self._begun = b"", time.monotonic()
        self.socket.sendall(self._requests.pop())
        return True

    def read(self) -> float | None:
        """Seconds that the reply took, infinity for an error; None while it is not all there."""
        some = self.socket.recv(65_536)
        if not some:
            raise ConnectionError("the server has closed the connection")
        self._got += some
        head, end, body = self._got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not end or length is None or len(body) < int(length[1]):
            return None
        took = time.monotonic() - self._begun
        return took if head.startswith(b"HTTP/1.1 200") else float("inf")


def processor_seconds(server: subprocess.Popen[str]) -> float:
    """What a server and its processes have used of all cores: other load changes it less than the time waited."""
    own = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (server.pid, *own)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(server: subprocess.Popen[str]) -> None:
    """After its start a server reads ahead in the background; what is measured is how it answers from then on."""
    before, now = 0.0, processor_seconds(server)
    while now - before > IDLE_SHARE:
        time.sleep(1.0)
        before, now = now, processor_seconds(server)


def measure(port: int, key: str, texts: Sequence[str], customers: int, seconds: float) -> dict[str, float]:
    """Milliseconds that customers waited; they share one thread, to leave the processor to the server."""
    waits: list[float] = []
    with selectors.DefaultSelector() as selector:
        everyone = [
            Customer(port, key, f"speed-{customers}-{number}", texts[number::customers]) for number in range(customers)
        ]
        begun = time.monotonic()
        for customer in everyone:
            selector.register(customer.socket, selectors.EVENT_READ, customer)
            customer.write()
        while selector.get_map():
            for event, _ in selector.select(60):
                took = event.data.read()
                if took is not None:
                    waits.append(took)
                    if time.monotonic() > begun + seconds or not event.data.write():
                        selector.unregister(event.data.socket)
                        event.data.socket.close()
        took = time.monotonic() - begun
    p50, p99 = np.quantile(np.array(waits) * 1000, [0.5, 0.99])
    return {
        "customers": customers, "replies": len(waits), "replies_per_second": round(len(waits) / took, 1),
        "p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1),
    }  # fmt: skip


def read_texts(files: Sequence[Path]) -> list[str]:
    """Every text of some tables once."""
    texts: dict[str, None] = {}
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            texts |= dict.fromkeys(row["text"] for row in csv.DictReader(file))
    return list(texts)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assistant", type=Path, required=True)
    parser.add_argument("--texts", type=Path, action="append", help="a table with a column text; may be repeated")
    parser.add_argument("--processes", type=int, default=1, help="of the server")
    parser.add_argument("--seconds", type=float, default=20.0, help="at most, for each number of customers")
    options = parser.parse_args()
    texts = read_texts(options.texts or TEXTS)
    with TemporaryDirectory() as place:
        server, port, key = start(options.assistant, Path(place), options.processes)
        try:
            measure(port, key, texts[:WARMING], 4, 60)
            wait_until_idle(server)
            found, begin = [], WARMING
            for customers, share in CUSTOMERS.items():
                end = begin + int(share * (len(texts) - WARMING))
                used = processor_seconds(server)
                one = measure(port, key, texts[begin:end], customers, options.seconds)
                used = (processor_seconds(server) - used) / one["replies"]
                found.append(one | {"processor_ms_a_reply": round(1000 * used, 1)})
                begin = end
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    print(json.dumps({"load_average": os.getloadavg()[0], "cores": os.cpu_count(), "http": found}))


if __name__ == "__main__":
    main()

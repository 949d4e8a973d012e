"""How long a customer waits: replies over HTTP with 1 and with 16 customers at once, on the sample's assistant.

    python -m tests.benchmarks.support_speed --assistant work/assistant --seconds 20

Customers write one message after the other, each in conversations of their own, without a pause. What
was said once is not asked again by the same customer, so nothing is answered out of a cache of replies.
The index at 1,000 to 1,000,000 passages is measured by ``tests.benchmarks.index_speed``.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.benchmarks.measuring import wait_until_ready

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data" / "support"
CUSTOMERS = (1, 16)
TURNS = 4  # of each conversation


def start(assistant: Path, place: Path) -> tuple[subprocess.Popen[str], int, str]:
    """A server in a process of its own: the process, its port, and a key."""
    store = f"sqlite:///{place / 'speed.db'}"
    command = [sys.executable, "-m", "kits.support"]
    key = subprocess.run(
        [*command, "key", "--assistant", str(assistant), "--store", store, "--name", "speed", "--scopes", "write,read"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    server = subprocess.Popen(
        [*command, "serve", "--assistant", str(assistant), "--store", store, "--set", "serve.port=0",
         "--set", "serve.max_concurrent=64"],
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


def write(port: int, key: str, number: int, texts: list[str], until: float, waits: list[float]) -> None:
    """One customer, from one message to the next."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for position, text in enumerate(texts):
        if time.monotonic() > until:
            break
        name = f"speed-{number}-{position // TURNS}"
        begun = time.monotonic()
        connection.request("POST", f"/conversations/{name}/messages", json.dumps({"text": text}), headers)
        answer = connection.getresponse()
        answer.read()
        waits.append(time.monotonic() - begun if answer.status == 200 else float("inf"))
    connection.close()


def measure(port: int, key: str, texts: list[str], customers: int, seconds: float) -> dict[str, float]:
    """Milliseconds that customers waited."""
    waits: list[float] = []
    until = time.monotonic() + seconds
    share = [texts[number::customers] for number in range(customers)]
    threads = [
        threading.Thread(target=write, args=(port, key, customers * 100 + number, own, until, waits))
        for number, own in enumerate(share)
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    p50, p99 = np.quantile(np.array(waits) * 1000, [0.5, 0.99])
    return {
        "customers": customers, "replies": len(waits), "replies_per_second": round(len(waits) / took, 1),
        "p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1),
    }  # fmt: skip


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assistant", type=Path, required=True)
    parser.add_argument("--texts", type=Path, default=SAMPLE / "train.csv", help="a table with a column text")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with options.texts.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    with TemporaryDirectory() as place:
        server, port, key = start(options.assistant, Path(place))
        try:
            measure(port, key, texts[:64], 4, 60)  # what is loaded on first use is loaded now
            found = [measure(port, key, texts[64:], customers, options.seconds) for customers in CUSTOMERS]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    print(json.dumps({"load_average": os.getloadavg()[0], "cores": os.cpu_count(), "http": found}))


if __name__ == "__main__":
    main()

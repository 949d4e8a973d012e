"""What the benchmarks share: where the data lies, splits, a kit's commands, memory, and waiting for a server."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from core.data.example import Example, Task
from core.data.split import split_examples

SPLIT_SEED = 2024
START_SECONDS = 120.0


def data_folder() -> Path:
    """The measuring data: ``$FIELDKITS_DATA``, else ``../shared/data``; leaves with a reason where absent."""
    folder = Path(os.environ.get("FIELDKITS_DATA", "../shared/data"))
    if not folder.is_dir():
        print(f"skipped: no measuring data in {folder} (set FIELDKITS_DATA)", file=sys.stderr)
        raise SystemExit(0)
    return folder


def read_intents() -> tuple[list[Example], list[Example], Task]:
    """BANKING77 cut into a training and a development part (80 and 20 %)."""
    with (data_folder() / "support/banking77/train.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    examples = [Example(row["text"], labels={"intent": row["label"]}) for row in rows]
    split = split_examples(examples, validation_fraction=0.2, test_fraction=0.0, seed=SPLIT_SEED)
    task = Task("intent", "single", tuple(sorted({row["label"] for row in rows})))
    return [examples[i] for i in split.train], [examples[i] for i in split.validation], task


def run_kit(kit: str, *arguments: str) -> dict[str, Any]:
    """What one command of a kit says, as a process of its own."""
    command = [sys.executable, "-m", f"kits.{kit}", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def wilson_half_width(share: float, rows: int) -> float:
    """Half the width of the 95 % interval of a share, by the normal approximation."""
    return 1.96 * float(np.sqrt(share * (1 - share) / rows))


def peak_megabytes() -> float:
    """The largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def wait_until_ready(port: int) -> None:
    """Return when a server answers."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
    raise TimeoutError("the server did not start")
